"""Does what the schedule says to the pipeline and to the cluster under it."""

import time
from collections.abc import Callable, Iterable
from threading import Event as Flag

import numpy as np

from infrastructure.chaos.arena import NAME, Arena
from infrastructure.chaos.kinds import KindName
from infrastructure.chaos.pipeline import walk
from infrastructure.chaos.schedule import Event
from infrastructure.testcluster import outages
from infrastructure.testcluster.cluster import ctr, kubectl
from ipa.cluster.installation import manifests
from ipa.cluster.kinds import LEASE, POD, Object, name_of
from ipa.cluster.names import COMPONENT_LABEL, CONTROLLER, GATEWAY, REPLICA
from ipa.platforms.kubernetes.pods import component

AT_ONCE = ("--grace-period=0", "--force", "--wait=false")

IN_ORDER = ("--wait=false",)

FIND_S = 20.0
"""Time that something to hit may take to appear."""

POLL_S = 0.1


class Faults:
    """Carries out events, each in whatever thread it is asked for.

    Parameters
    ----------
    arena
        Where.
    seed
        Of what is hit, and of the plans that are asked for.
    changes
        How many changes of the plan there will be.
    """

    def __init__(self, arena: Arena, seed: int, changes: int) -> None:
        self._arena, self._seed = arena, seed
        self._allowed = walk(seed, changes)
        self._latest_change = -1
        self.stopped = Flag()
        """Ends what lasts."""
        self._do: dict[KindName, Callable[[Event], str]] = {
            "plan-change": self._change_plan,
            "pod-kill": self._kill_replica,
            "controller-kill": self._kill_controller,
            "gateway-restart": self._restart_shard,
            "api-server-down": self._take_api_server,
            "prometheus-down": self._take_prometheus,
            "node-drain": self._drain_node,
            "etcd-compaction": self._compact,
        }

    def carry_out(self, event: Event) -> str:
        """Do what an event says, return what it hit once that is over."""
        return self._do[event.kind](event)

    def in_force_s(self, event: Event, patience_s: float) -> float | None:
        """Return after how long all shards serve what a change asked for; None if the next one came first.

        Raises
        ------
        RuntimeError
            If they do not in time.
        """
        began_s = time.monotonic()
        while not self._arena.serves(self._allowed[event.number]):
            if self._latest_change > event.number or self.stopped.wait(POLL_S):
                return None
            if time.monotonic() - began_s > patience_s:
                raise RuntimeError(f"not in force after {patience_s:g} s")
        return time.monotonic() - began_s

    def _change_plan(self, event: Event) -> str:
        allowed = self._allowed[event.number]
        self._latest_change = max(self._latest_change, event.number)
        self._arena.allow(allowed)
        return f"{' + '.join(allowed.variants)}, batch {allowed.batch}"

    def _kill_replica(self, event: Event) -> str:
        return self._kill(self._one_of(event, lambda: self._pods(REPLICA)), event)

    def _kill_controller(self, event: Event) -> str:
        return self._kill(self._one_of(event, self._controllers), event)

    def _restart_shard(self, event: Event) -> str:
        shard = self._one_of(event, lambda: self._pods(GATEWAY))
        if event.number % 2:
            return self._kill(shard, event)
        self._delete(shard, IN_ORDER)
        return f"{name_of(shard)}, in order"

    def _kill(self, pod: Object, event: Event) -> str:
        """End a pod without warning: its process is killed and started anew, or it is deleted at once."""
        if event.number % 2:
            self._delete(pod, AT_ONCE)
            return f"{name_of(pod)}, deleted"
        layout = self._arena.layout
        node = next(one for one in layout.nodes if one.name == pod["spec"]["nodeName"])
        container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        ctr(layout, node, "tasks", "kill", "-s", "SIGKILL", container)
        return f"{name_of(pod)}, SIGKILL"

    def _delete(self, pod: Object, how: tuple[str, ...]) -> None:
        where = f"--namespace={pod['metadata']['namespace']}"
        kubectl(self._arena.layout, "delete", "pod", name_of(pod), where, *how)

    def _take_api_server(self, event: Event) -> str:
        try:
            outages.stop(self._arena.layout, outages.API_SERVER)
            self.stopped.wait(event.lasts_s)
        finally:
            outages.start(self._arena.layout, outages.API_SERVER)
        return outages.API_SERVER

    def _take_prometheus(self, event: Event) -> str:
        try:
            self._arena.prometheus.stop()
            self.stopped.wait(event.lasts_s)
        finally:
            self._arena.prometheus.start()
        return "prometheus"

    def _drain_node(self, event: Event) -> str:
        node = self._arena.layout.nodes[-1].name
        began_s = time.monotonic()
        try:
            outages.drain(self._arena.layout, node)
            self.stopped.wait(max(0.0, began_s + event.lasts_s - time.monotonic()))
        finally:
            outages.uncordon(self._arena.layout, node)
        return node

    def _compact(self, _event: Event) -> str:
        return f"up to revision {outages.compact(self._arena.layout)}"

    def _one_of(self, event: Event, found: Callable[[], list[Object]]) -> Object:
        """Return one of some pods, which one follows from the seed; wait until there is one."""
        rng = np.random.default_rng([self._seed, *event.kind.encode(), event.number])
        end_s = time.monotonic() + FIND_S
        while not (pods := found()):
            if time.monotonic() > end_s or self.stopped.wait(POLL_S):
                raise RuntimeError("there is no pod to hit")
        return pods[int(rng.integers(len(pods)))]

    def _pods(self, which: str) -> list[Object]:
        pods = self._arena.view.seen(NAME).pods.values()
        return _alive(pod for pod in pods if component(pod) == which)

    def _controllers(self) -> list[Object]:
        """Return the pods of the controller; the one that leads, if that is known."""
        client = self._arena.client
        where = manifests.SYSTEM_NAMESPACE
        pods = _alive(client.list(POD, where, selector=f"{COMPONENT_LABEL}={CONTROLLER}").items)
        lease = client.get(LEASE, manifests.CONTROLLER, where)
        holder = str(((lease or {}).get("spec") or {}).get("holderIdentity", ""))
        return [pod for pod in pods if name_of(pod) == holder] or pods


def _alive(pods: Iterable[Object]) -> list[Object]:
    """Return the pods that run and are not about to end, by their names."""
    found = [
        pod
        for pod in pods
        if pod["status"].get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
        and (pod["status"].get("containerStatuses") or [{}])[0].get("ready")
    ]
    return sorted(found, key=name_of)
