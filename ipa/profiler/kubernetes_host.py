"""Replicas that are pods of a Kubernetes cluster, one measured at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from ipa.cluster.client import ClusterClient, connect
from ipa.cluster.kinds import CONFIG_MAP, POD, Object, name_of
from ipa.cluster.names import dns_name
from ipa.cluster.port_forward import forwarded
from ipa.errors import ResultsError
from ipa.pipeline.config import PipelineConfig, StageConfig, VariantConfig
from ipa.pipeline.load import pipeline_config
from ipa.pipeline.profiles import Profile
from ipa.platforms.kubernetes.containers import GRPC_PORT
from ipa.platforms.kubernetes.pods import address
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.profiler.called_model import CalledModel
from ipa.profiler.calling_host import CallingHost
from ipa.profiler.files import ProfileFiles
from ipa.profiler.folder_lock import alone_in, folder_digest
from ipa.profiler.measured_pod import MeasuredPod, owned_by
from ipa.profiler.meter import ProcessMeter
from ipa.profiler.pod_meter import PodMeter
from ipa.profiler.pod_watch import PodWatch
from ipa.profiler.single_replica import alone, unknown_profile
from ipa.profiler.target import Wanted
from ipa.results.json_files import read_json
from ipa.serving.gateway.messages import ReplicaAddress

REACH_TIMEOUT_S = 2.0
"""Time that an address of the cluster has to answer before it counts as out of reach."""

SPARE_S = 600
"""Seconds that a pod may live beyond the budgets of its points."""

DIRECTLY, THROUGH_API = "at its address", "through the API server"

Result = TypeVar("Result")


@asynccontextmanager
async def open_kubernetes_host(wanted: Wanted, folder: Path) -> AsyncIterator["KubernetesHost"]:
    """Keep a host whose pods are removed with the block; those of a killed one are removed by the next.

    Raises
    ------
    IpaError
        If there is no cluster to connect to, or another process of this machine measures into the folder.
    """
    given = wanted.serving if isinstance(wanted.serving, KubernetesSettings) else KubernetesSettings()
    settings = replace(given, source=wanted.source)
    config = pipeline_config(wanted.pipeline)
    with alone_in(folder):
        client = await asyncio.to_thread(connect, settings.kubeconfig or None, settings.context or None)
        pods = MeasuredPod(
            session=dns_name("profile", config.name, folder_digest(folder)[:6]),
            settings=settings,
            namespace=settings.namespace or client.namespace,
            seed=wanted.seed,
            lives_s=round(
                len(wanted.batches) * 2 * wanted.rule.budget_s + settings.start_timeout_s + SPARE_S
            ),
        )
        watch = PodWatch(client, pods.namespace, pods.selector)
        try:
            async with watch:
                host = KubernetesHost(wanted, config, client, pods, watch, _node_of(folder, config.name))
                await host.remove_all()
                yield host
        finally:
            client.close()


def _node_of(folder: Path, name: str) -> str:
    """Return the node on which a profile was begun; empty if it was not, or nobody knows."""
    facts = ProfileFiles(folder, name).facts
    with suppress(ResultsError, KeyError, TypeError):
        return str(read_json(facts)["machine"]["node"]) if facts.exists() else ""
    return ""


class KubernetesHost(CallingHost):
    """Starts pods of one replica each and calls them: at their address, or else through the API server.

    All are on the node of the first one, so that a profile is of one machine.

    Parameters
    ----------
    wanted
        What is measured.
    config
        The pipeline.
    client
        Of the cluster.
    pods
        Makes their objects.
    watch
        Tells what becomes of them.
    node
        Where they have to run, if that exists; empty: where there is room.
    """

    def __init__(
        self,
        wanted: Wanted,
        config: PipelineConfig,
        client: ClusterClient,
        pods: MeasuredPod,
        watch: PodWatch,
        node: str = "",
    ) -> None:
        super().__init__(wanted, config)
        self._client, self._pods, self._watch, self._node = client, pods, watch, node
        self._reachable: bool | None = None

    def most_cores(self) -> int:
        """Return the cores of a replica that only answers: whatever fits on any node."""
        return 1

    @asynccontextmanager
    async def serve(
        self, stage: StageConfig, variant: VariantConfig, cores: int, profile: Profile | None = None
    ) -> AsyncIterator[CalledModel]:
        """Start a variant, wait until it is ready, and remove it when the block ends."""
        if variant.server is not None and variant.server.address:
            running = ReplicaAddress(variant.name, variant.server.address, variant.server.model)
            async with CalledModel(running, ProcessMeter()) as model:
                yield model
            return
        known = profile or unknown_profile(cores, self.wanted.batches)
        place = self.config.stages.index(stage)
        pipeline = alone(self.config, stage, variant, known)
        config, pod = self._pods.objects(pipeline, place, variant.name, cores, self._node)
        model_name = variant.server.model if variant.server is not None else stage.name
        async with self._running(config, pod) as running_pod, AsyncExitStack() as stack:
            where, way = await self._way_to(running_pod, stack)
            replica = ReplicaAddress(name_of(pod), where, model_name)
            meter = PodMeter(self._client, running_pod, way)
            yield await stack.enter_async_context(CalledModel(replica, meter))

    async def remove_all(self) -> None:
        """Remove what an earlier profiling into the same folder has left."""
        namespace, selector = self._pods.namespace, self._pods.selector
        for kind in (POD, CONFIG_MAP):
            await _done(partial(self._client.delete_all, kind, namespace, selector=selector))
        await self._watch.gone()

    @asynccontextmanager
    async def _running(self, config: Object, pod: Object) -> AsyncIterator[Object]:
        """Keep a pod from its start until nothing is left of it."""
        name, namespace = name_of(pod), self._pods.namespace
        try:
            await _done(partial(self._client.apply, config))
            made = await _done(partial(self._client.create, pod))
            await _done(partial(self._client.patch, CONFIG_MAP, name, owned_by(made), namespace))
            ready = await self._watch.ready(name, self._pods.settings.start_timeout_s)
            self._node = str(ready["spec"]["nodeName"])
            yield ready
        finally:
            for kind in (POD, CONFIG_MAP):
                await _done(partial(self._client.delete, kind, name, namespace))
            # The next one may need its room, and should not be disturbed by its end.
            await self._watch.gone()

    async def _way_to(self, pod: Object, stack: AsyncExitStack) -> tuple[str, str]:
        """Return where a pod answers, and how one gets there in words."""
        direct = f"{address(pod)}:{GRPC_PORT}"
        if self._reachable is None:
            self._reachable = await _answers(address(pod), GRPC_PORT)
        if self._reachable:
            return direct, DIRECTLY
        way = forwarded(self._client, name_of(pod), GRPC_PORT, self._pods.namespace)
        return stack.enter_context(way), THROUGH_API


async def _answers(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        async with asyncio.timeout(REACH_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _done(call: Callable[[], Result]) -> Result:
    """Return what a call gives that blocks; one that has begun is waited for also by who is cancelled.

    What it makes would otherwise be there after it was removed.
    """
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with suppress(Exception):
            await running
        raise
