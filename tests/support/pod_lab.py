"""A pipeline of two emulated stages in a cluster, made piece by piece, without whoever adapts it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc

from infrastructure.testcluster.cluster import ctr
from infrastructure.testcluster.layout import default_layout
from infrastructure.testcluster.processes import wait_for
from ipa.cluster.kinds import DEPLOYMENT, POD, SERVICE, Object, name_of
from ipa.cluster.names import API_VERSION, GATEWAY, KIND, gateway_name, replica_set_name, selector
from ipa.cluster.resource import to_object
from ipa.cluster.resource_status import serving_of
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes.access import ensure_gateway_account
from ipa.platforms.kubernetes.objects import Owner, PipelineObjects
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.platforms.kubernetes.shard import Shard
from ipa.serving.digest import digest_items
from ipa.serving.load_generator.endpoint import Failure
from ipa.serving.load_generator.rest_endpoint import RestEndpoint
from ipa.serving.v2 import Answer, Tensor, V2Client
from tests.support.cluster import Cluster
from tests.support.gateway_lab import MODEL, lab_pipeline

READY_S = 90.0
ANSWER_S = 30.0


def right_answer(item: Sequence[Tensor]) -> int:
    """Return what two emulated stages make of an item."""
    return int(digest_items([digest_items(item)]).numpy()[0, 0])


def lab_plan(variant: str = "a", replicas: int = 2, batch: int = 1) -> Plan:
    """Return a plan whose first stage is as told; one replica serves the second one."""
    return Plan((StagePlan("first", variant, batch, replicas, 1), StagePlan("second", "a", 1, 1, 1)))


@dataclass
class Outcomes:
    """What became of requests."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: dict[str, str] = field(default_factory=dict)
    variants: Counter[str] = field(default_factory=Counter)
    longest_gap_s: float = 0.0


class PodLab:
    """The objects of the pipeline in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.client, self.namespace = cluster.client, namespace
        ensure_gateway_account(self.client, namespace)
        thing = to_object(lab_pipeline(), namespace=namespace)
        thing["spec"]["paused"] = True
        uid = self.client.apply(thing)["metadata"]["uid"]
        settings = KubernetesSettings(
            namespace=namespace, image=cluster.image, service="deterministic", gateway_shards=1
        )
        self._objects = PipelineObjects(
            Owner(MODEL, namespace, uid), lab_pipeline(), settings, Conditions(seed=1)
        )

    def replicas(self, plan: Plan) -> None:
        """Make the replicas of a plan, and return once they are ready."""
        for stage in plan.stages:
            self._put(*self._objects.replicas(stage))
        for stage in plan.stages:
            self.ready(self.set_name(stage), stage.replicas)

    def gateway(self) -> None:
        """Make the gateway, of one shard."""
        self._put(*self._objects.gateway)

    def serve(self, plan: Plan) -> None:
        """Say what serves, and return once all shards obey."""
        wanted = self.tell(plan)
        wait_for("the gateway", lambda: all(one["serving"] == wanted for one in self.states()), READY_S)

    def tell(self, plan: Plan) -> list[dict[str, Any]]:
        """Say what serves, and return it in the words of the status."""
        serving = serving_of(MODEL, plan)
        self.client.apply_status(
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": MODEL, "namespace": self.namespace},
                "status": {"serving": serving},
            }
        )
        return serving

    def restart(self, deployment: str) -> None:
        """Replace the pods of a deployment one by one, and return once that is done."""
        annotations = {"ipa.dev/restarted": str(time.monotonic_ns())}
        change = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        replicas = self.client.patch(DEPLOYMENT, deployment, change, self.namespace)["spec"]["replicas"]
        self.ready(deployment, replicas)
        wait_for("the old pods' end", lambda: len(self.pods_of(deployment)) == replicas, READY_S)

    def scale(self, deployment: str, replicas: int) -> None:
        """Ask for so many pods, and return once there are so many."""
        self.client.scale(DEPLOYMENT, deployment, replicas, self.namespace)
        self.ready(deployment, replicas)
        wait_for(deployment, lambda: len(self.pods_of(deployment)) == replicas, READY_S)

    def ready(self, deployment: str, replicas: int) -> None:
        """Return once all pods of a deployment are as it says now, and ready."""

        def look() -> bool:
            found = self.client.get(DEPLOYMENT, deployment, self.namespace) or {}
            status = found.get("status", {})
            current = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
            counts = [status.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "replicas")]
            return current and counts == [replicas] * 3

        wait_for(deployment, look, READY_S)

    def set_name(self, stage: StagePlan) -> str:
        """Return the name of the Deployment of a stage's replicas."""
        return replica_set_name(MODEL, stage.stage, stage.variant, stage.cores)

    def shards(self) -> list[Shard]:
        """Return the shards of the gateway that are ready and not about to end."""
        pods = self.client.list(POD, self.namespace, selector=selector(MODEL, GATEWAY)).items
        return [
            Shard(self.client, name_of(pod), self.namespace, pod["status"]["podIP"])
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"] and _is_ready(pod)
        ]

    def states(self) -> list[dict[str, Any]]:
        """Return what the shards tell of themselves."""
        found = []
        for shard in self.shards():
            with closing(shard):
                found.append(shard.state())
        return found

    def kill(self, pod: str) -> None:
        """Kill a pod without letting it do anything more."""
        from kubernetes.client import CoreV1Api

        CoreV1Api(self.client.official()).delete_namespaced_pod(pod, self.namespace, grace_period_seconds=0)

    def signal(self, pod: Object, name: str) -> bool:
        """Send a signal to the container of a pod; return whether it is on this machine."""
        layout = default_layout(2)
        node = next((one for one in layout.nodes if one.name == pod["spec"]["nodeName"]), None)
        if node is None or not layout.socket(node).exists():
            return False
        container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        ctr(layout, node, "tasks", "kill", "-s", name, container)
        return True

    def restarts(self, pod: str) -> int:
        """Return how often the container of a pod was started anew."""
        found = self.client.get(POD, pod, self.namespace) or {}
        return sum(one["restartCount"] for one in found["status"].get("containerStatuses", ()))

    def address(self, port: int) -> str:
        """Return where clients find a door of the gateway."""
        service = self.client.get(SERVICE, gateway_name(MODEL), self.namespace)
        assert service
        return f"{service['spec']['clusterIP']}:{port}"

    def pods_of(self, deployment: str) -> list[Object]:
        """Return the pods of a deployment, those that are about to end too."""
        pods = self.client.list(POD, self.namespace, selector=selector(MODEL)).items
        return [pod for pod in pods if name_of(pod).startswith(f"{deployment}-")]

    def _put(self, *things: Object) -> None:
        for thing in things:
            self.client.apply(thing)


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


Ask = Callable[[int, Sequence[Tensor]], Awaitable[Answer | Failure]]


def under_load(
    lab: PodLab, rate_rps: float, work: Callable[[], None], connections: int = 1, *, rest: bool = False
) -> Outcomes:
    """Send requests, each with an item of its own, until some work is done, and a second longer.

    Over REST there are as many connections as it takes, and they are kept alive.
    """

    async def run() -> Outcomes:
        outcomes = Outcomes()
        async with AsyncExitStack() as stack:
            if rest:
                endpoint = RestEndpoint(f"http://{lab.address(8080)}", MODEL, ANSWER_S)
                stack.push_async_callback(endpoint.close)
                ask: Ask = partial(_ask_over_rest, endpoint)
            else:
                address = lab.address(8081)
                clients = [await stack.enter_async_context(V2Client(address)) for _ in range(connections)]
                ask = partial(_ask_over_grpc, clients)
            await _Load(ask, rate_rps, outcomes).run(work)
        return outcomes

    return asyncio.run(run())


async def _ask_over_grpc(
    clients: Sequence[V2Client], number: int, item: Sequence[Tensor]
) -> Answer | Failure:
    client = clients[number % len(clients)]
    try:
        return await client.infer(MODEL, item, str(number), None, ANSWER_S)
    except grpc.aio.AioRpcError as error:
        return Failure(error.code().name, "", str(error.details()))


async def _ask_over_rest(endpoint: RestEndpoint, number: int, item: Sequence[Tensor]) -> Answer | Failure:
    # The body is made of it before anything else can happen.
    endpoint.prepare([item])
    return await endpoint.send(0, str(number), lambda: None)


class _Load:
    def __init__(self, ask: Ask, rate_rps: float, outcomes: Outcomes) -> None:
        self._ask = ask
        self._rate_rps, self._outcomes = rate_rps, outcomes
        self._answered_s = time.monotonic()

    async def run(self, work: Callable[[], None]) -> None:
        working = asyncio.create_task(asyncio.to_thread(work))
        sending: list[asyncio.Task[None]] = []
        started_s = time.monotonic()
        last = 2**31
        while len(sending) < last:
            if working.done():
                last = min(last, len(sending) + round(self._rate_rps))
            sending.append(asyncio.create_task(self._send(len(sending))))
            await asyncio.sleep(max(0.0, started_s + len(sending) / self._rate_rps - time.monotonic()))
        await asyncio.gather(*sending)
        await working

    async def _send(self, number: int) -> None:
        item, outcomes = [Tensor.of("text", [str(number).encode()])], self._outcomes
        answer = await self._ask(number, item)
        if isinstance(answer, Failure):
            outcomes.counts[answer.reason] += 1
            outcomes.lost[str(number)] = f"{answer.reason}: {answer.message}"
            return
        now_s = time.monotonic()
        outcomes.longest_gap_s = max(outcomes.longest_gap_s, now_s - self._answered_s)
        self._answered_s = now_s
        right = (answer.id, int(answer.tensors[0].numpy()[0, 0])) == (str(number), right_answer(item))
        outcomes.counts["ok" if right else "mixed up"] += 1
        outcomes.variants[str(answer.parameters["first.variant"])] += 1
