"""A pipeline that runs in a cluster: what shall run, what does, and who brings both together."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import name_of
from ipa.cluster.names import GATEWAY, STAGE_LABEL, VARIANT_LABEL, gateway_name, label_value
from ipa.cluster.resource_status import ServedStage, serving_entries
from ipa.errors import InvalidValueError
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import ApplyReport, Observation
from ipa.platforms.kubernetes.arrival_sources import arrival_source
from ipa.platforms.kubernetes.next_writes import ready_replicas, serving_stage
from ipa.platforms.kubernetes.objects import PipelineObjects, ServedBy
from ipa.platforms.kubernetes.pods import component, held_cores, is_ready, troubles
from ipa.platforms.kubernetes.reconciler import Reconciler
from ipa.platforms.kubernetes.seen import Seen, wanted_replicas
from ipa.platforms.kubernetes.shards import GatewayShards
from ipa.platforms.kubernetes.view import NamespaceView
from ipa.platforms.local.core_account import CoreAccount

NS = 1_000_000_000


class RunningPipeline:
    """One pipeline of a cluster, kept as its plan says from ``start`` to ``stop``.

    Parameters
    ----------
    client
        Of the cluster.
    view
        What there is in the namespace; running.
    objects
        What the pipeline consists of.
    window_s
        Seconds of history that an observation shows.
    journal_limit
        Ended requests that are remembered, about; 0: none.
    """

    def __init__(
        self,
        client: ClusterClient,
        view: NamespaceView,
        objects: PipelineObjects,
        window_s: int,
        journal_limit: int,
    ) -> None:
        self._view, self._objects, self._window_s = view, objects, window_s
        self.zero_unix_ns = time.time_ns()
        self._zero_s = time.monotonic()
        self.shards = GatewayShards(
            client, lambda: self._seen().pods.values(), self.zero_unix_ns, journal_limit, self._looked
        )
        self._arrivals = arrival_source(objects.settings.prometheus, objects.owner, self.shards)
        self.reconciler = Reconciler(client, view, objects, self.shards.obey, self.shards.services)
        self.cores, self._obeyed = CoreAccount(self.now), False
        self._end_listening: Callable[[], None] = lambda: None

    def now(self) -> float:
        """Return the seconds since the clock's zero."""
        return time.monotonic() - self._zero_s

    def set_clock(self, in_s: float) -> None:
        """Let the clock show 0 in so many seconds, or so many ago if they are negative."""
        self._zero_s = time.monotonic() + in_s
        self.zero_unix_ns = time.time_ns() + round(in_s * NS)
        self.shards.set_clock(self.zero_unix_ns)
        self.cores.restart()

    def start(self, plan: Plan) -> None:
        """Begin with the plan that the status has, or with this one if it has none.

        Raises
        ------
        IpaError
            If the pipeline cannot run it, or it cannot be written.
        """
        self.check(plan)
        if self.reconciler.plan() is None:
            self.reconciler.change_plan(plan)
        self._end_listening = self._view.listen(self._objects.owner.name, self._changed)
        self._count_cores()
        self.reconciler.start()
        self.shards.hurry()
        self.shards.start()

    def stop(self) -> None:
        """End; all goes on as it was told last."""
        self._end_listening()
        self.reconciler.stop()
        self.shards.stop()

    def apply(self, plan: Plan) -> ApplyReport:
        """Move towards a plan, from now on."""
        self.check(plan)
        before = self.reconciler.plan()
        if plan == before:
            return ApplyReport(0, 0)
        limit = self._objects.settings.core_limit
        if limit is not None and (needed := self._cores_with(plan)) > limit:
            reason = f"the plan waits for room: with what it replaces it takes {needed} cores of {limit}"
            return ApplyReport(0, 0, pending=True, reason=reason)
        self.reconciler.change_plan(plan)
        self.shards.hurry()
        return ApplyReport(*_changes(before, plan))

    def observe(self) -> Observation:
        """Return what is known now."""
        self.shards.look()
        end = int(self.now())
        rates = self._arrivals.counts(self.zero_unix_ns / NS, max(0, end - self._window_s), end)
        plan, seen = self._plan(), self._seen()
        serving = {stage.stage: stage for stage in self.reconciler.serving()}
        gateway = self._gateways_ready(seen)
        ready = tuple(
            ready_replicas(serving[stage.stage], seen) if gateway and stage.stage in serving else 0
            for stage in plan.stages
        )
        return Observation(self.now(), rates, plan, ready, self.pending(), self._arrivals.note)

    def pending(self) -> str:
        """Return what is still to come before the plan serves, and why; empty if nothing."""
        plan, seen, told = self._plan(), self._seen(), self.reconciler.serving()
        serving = {stage.stage: stage for stage in told}
        missing = [self._missing(stage, serving.get(stage.stage), seen) for stage in plan.stages]
        if not self._gateways_ready(seen):
            why = self._gateway_trouble(seen) or self.shards.unreachable()
            missing.append(f"the gateway starts{_because(why)}")
        elif why := self._gateway_trouble(seen):
            missing.append(f"a pod of the gateway does not start{_because(why)}")
        elif not any(missing) and not self.shards.obey(serving_entries(told)):
            missing.append(f"the gateway is being told{_because(self.shards.unreachable())}")
        if self.reconciler.problem:
            missing.append(self.reconciler.problem)
        if self._view.pipeline(self._objects.owner.name) is None:
            missing.append(f"the object {self._objects.owner.name} is gone")
        return ", ".join(filter(None, missing))

    def trouble(self) -> str:
        """Return why the plan does not come to serve, beyond that it takes its time; empty if not known."""
        seen = self._seen()
        found = [self._trouble(stage, seen) for stage in self._plan().stages]
        return ", ".join(filter(None, [*found, self._gateway_trouble(seen), self.reconciler.problem]))

    def check(self, plan: Plan) -> None:
        """Raise an InvalidValueError if the pipeline cannot run a plan."""
        pipeline = self._objects.pipeline
        names, given = [stage.name for stage in pipeline.stages], [stage.stage for stage in plan.stages]
        if given != names:
            raise InvalidValueError(f"the plan is for stages {given}; pipeline {pipeline.name} has {names}")
        for stage, chosen in zip(pipeline.stages, plan.stages, strict=True):
            if chosen.replicas < 1:
                raise InvalidValueError(f"{stage.name}: {chosen.replicas} replicas; a stage needs at least 1")
            stage.variant(chosen.variant).profile_on(chosen.cores).at(chosen.batch)

    def latencies_s(self, seconds: float) -> NDArray[np.float64]:
        """Return how long the requests took that were answered in the past seconds."""
        return self.shards.latencies_s(seconds)

    def core_seconds(self) -> float:
        """Return what the replicas held since the clock's zero."""
        return self.cores.core_seconds()

    def _plan(self) -> Plan:
        return self.reconciler.plan() or Plan(())

    def _seen(self) -> Seen:
        return self._view.seen(self._objects.owner.name)

    def _changed(self) -> None:
        self._count_cores()
        self.reconciler.wake()

    def _looked(self) -> bool:
        """Go on once the gateways have taken in what they were told; return whether more is to come."""
        obeyed = self.shards.obey(serving_entries(self.reconciler.serving()))
        if obeyed != self._obeyed:
            self._obeyed = obeyed
            self.reconciler.wake()
        return self.shards.in_hurry and bool(self.pending())

    def _count_cores(self) -> None:
        self.cores.add(held_cores(self._seen().pods.values()) - self.cores.held)

    def _cores_with(self, plan: Plan) -> int:
        """Return the cores held while the pipeline moves to a plan, those about to go left aside."""
        seen, name = self._seen(), self._objects.owner.name
        cores = plan.cost_cores
        wanted = {ServedBy.of(stage).name(name) for stage in plan.stages}
        for stage in self.reconciler.serving():
            deployment = seen.deployments.get(stage.service)
            if stage.service not in wanted and deployment is not None:
                cores += stage.cores * wanted_replicas(deployment)
        return cores

    def _missing(self, stage: StagePlan, now: ServedStage | None, seen: Seen) -> str:
        """Return what of a stage is still to come."""
        then = serving_stage(self._objects, stage)
        ready = ready_replicas(then, seen)
        if now is not None and now.service != then.service:
            what = f"{stage.stage}: {stage.variant} starts, {now.variant} serves"
        elif now is None or ready < stage.replicas:
            what = f"{stage.stage}: {ready} of {stage.replicas} replicas serve"
        elif ready > stage.replicas:
            what = f"{stage.stage}: {ready - stage.replicas} replicas are being let go"
        elif now != then:
            return f"{stage.stage}: the gateway is to be told"
        else:
            # As many as there should be serve, but others are to take their place.
            what = f"{stage.stage}: replicas that are to follow do not start"
            return what + _because(why) if (why := self._trouble(stage, seen)) else ""
        return what + _because(self._trouble(stage, seen))

    def _trouble(self, stage: StagePlan, seen: Seen) -> str:
        deployment = seen.deployments.get(ServedBy.of(stage).name(self._objects.owner.name))
        marks = {STAGE_LABEL: label_value(stage.stage), VARIANT_LABEL: label_value(stage.variant)}
        pods = [pod for pod in seen.pods.values() if marks.items() <= pod["metadata"]["labels"].items()]
        return troubles(pods, deployment)

    def _gateway_trouble(self, seen: Seen) -> str:
        pods = [pod for pod in seen.pods.values() if component(pod) == GATEWAY]
        return troubles(pods, seen.deployments.get(gateway_name(self._objects.owner.name)))

    def _gateways_ready(self, seen: Seen) -> bool:
        return any(component(pod) == GATEWAY and is_ready(pod) for pod in seen.pods.values())

    def gateway_pods(self) -> tuple[str, ...]:
        """Return the names of the pods of the gateway that serve."""
        pods = self._seen().pods.values()
        return tuple(name_of(pod) for pod in pods if component(pod) == GATEWAY and is_ready(pod))


def _because(trouble: str) -> str:
    return f" ({trouble})" if trouble else ""


def _changes(before: Plan | None, plan: Plan) -> tuple[int, int]:
    """Return how many replicas start and stop on the way from one plan to the next."""
    started = stopped = 0
    had = {ServedBy.of(stage): stage.replicas for stage in before.stages} if before else {}
    has = {ServedBy.of(stage): stage.replicas for stage in plan.stages}
    for served in had.keys() | has.keys():
        change = has.get(served, 0) - had.get(served, 0)
        started, stopped = started + max(change, 0), stopped + max(-change, 0)
    return started, stopped
