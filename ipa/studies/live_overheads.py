"""What it costs to be real: measured on a live run, told to the simulator."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ipa.arrays import Floats
from ipa.experiments.resolved import ResolvedRun
from ipa.experiments.spec import RunSpec
from ipa.pipeline.pipeline import Variant
from ipa.pipeline.plan import Plan
from ipa.platforms.local.events import Event
from ipa.platforms.simulated import SimulatedPlatform, SimulatedSettings
from ipa.results.requests import RequestRecords
from ipa.simulator import ClusterSettings
from ipa.simulator.service import RandomStream, service_times


@dataclass(frozen=True, slots=True)
class Overheads:
    """What it costs to be real, in seconds: means over one live run, but for the last.

    Parameters
    ----------
    start_up_s
        From the step that asks for a replica until the gateway uses it.
    dispatch_s
        What a batch takes beside its service time: to be sent, to wake the replica, to come back.
    network_s
        What a request spends outside of all stages: on the way in and out of the gateway, and in the client.
    way_in_s
        The first part of that, from when a request is due until the gateway counts it; a median. The adapter
        sees requests per second, and one that is due at the end of a second is counted in the next one.
    """

    start_up_s: float
    dispatch_s: float
    network_s: float
    way_in_s: float = 0.0

    def apply_to(self, spec: RunSpec) -> RunSpec:
        """Return a run as the simulator has to assume it."""
        return replace(spec, platform="simulated", platform_settings=self._settings())

    def platform(self, run: ResolvedRun) -> SimulatedPlatform:
        """Return the simulator for such a run."""
        return SimulatedPlatform(self._settings().simulation(run.conditions()), counted_after_s=self.way_in_s)

    def _settings(self) -> SimulatedSettings:
        cluster = ClusterSettings(
            start_up_s=self.start_up_s, dispatch_s=self.dispatch_s, router_delay_s=self.network_s
        )
        return SimulatedSettings(cluster=cluster)


def start_ups_s(events: Sequence[Event], first: Plan, interval_s: float) -> Floats:
    """Return how long each replica took from the step that asked for it until the gateway used it.

    Parameters
    ----------
    events
        What happened to the processes.
    first
        The plan that was deployed. Its replicas, and the gateway, do not count: they all start at once, after
        a template that has to start as well, and before the clock shows 0.
    interval_s
        Time between two steps.
    """
    begun = {event.subject: event.time_s for event in events if event.kind == "starting"}
    at_first = 1 + sum(stage.replicas for stage in first.stages)
    later = set(list(begun)[at_first:])
    asked_s = {name: interval_s * round(begun[name] / interval_s) for name in later}
    plans_s = [event.time_s for event in events if event.kind == "plan"]
    ready = [event for event in events if event.kind == "ready" and event.subject in later]
    in_force_s = [min((at_s for at_s in plans_s if at_s >= event.time_s), default=np.nan) for event in ready]
    asked = [asked_s[event.subject] for event in ready]
    taken_s: Floats = np.array(in_force_s) - np.array(asked)
    return taken_s[~np.isnan(taken_s)]


def stages_of(requests: pd.DataFrame) -> list[str]:
    """Return how the columns of each stage begin, as ``1_object-detection``, in order."""
    names = map(str, requests.columns)
    return [name.removesuffix("_batch_wait_s") for name in names if name.endswith("_batch_wait_s")]


def starts_s(requests: pd.DataFrame) -> dict[str, pd.Series]:
    """Return when the service of each request began in every stage of a chain, by how its columns begin."""
    found = {}
    entered_s = requests["arrival_s"]
    for stage in stages_of(requests):
        found[stage] = entered_s + requests[f"{stage}_wait_s"]
        entered_s = found[stage] + requests[f"{stage}_service_s"]
    return found


def dispatch_s(requests: pd.DataFrame, run: ResolvedRun) -> float:
    """Return what a batch took on average beside its service time, counted by who waited for it.

    That is how much longer its service was than what was drawn for it, and the time from the answer before it
    until it was sent. It delays all that wait behind the batch, so batches count in proportion to how long
    their own requests had queued; those that a replica waited for do not count.

    Batches are numbered in the order in which they are dispatched, and the number of a batch decides what is
    drawn for it, so that the drawn times are known.

    Parameters
    ----------
    requests
        Account of a run of a chain.
    run
        What was run.
    """
    overheads = pd.concat(
        _stage_overheads(requests, stage, begun_s, place, run)
        for place, (stage, begun_s) in enumerate(starts_s(requests).items())
    )
    queued = overheads[overheads["queue_s"] > 0]
    # A batch that is not full yet waits for more, which is no overhead; the median is of those that are.
    turnaround_s = queued.groupby("stage")["batch_wait_s"].median()
    spent_s = queued["spent_s"] + queued["stage"].map(turnaround_s)
    return float(np.average(spent_s, weights=queued["queue_s"]))


def _stage_overheads(
    requests: pd.DataFrame, stage: str, begun_s: pd.Series, place: int, run: ResolvedRun
) -> pd.DataFrame:
    """Return a row per batch of a stage: what its last request waited, and by how much it took too long."""
    names = ("service_s", "batch", "variant", "batch_wait_s", "wait_s")
    columns = {name: requests[f"{stage}_{name}"] for name in names}
    served = pd.DataFrame(columns).assign(start_s=begun_s).dropna().sort_values("start_s", kind="stable")
    # No two batches took equally long, to the nanosecond; the last request is the one that filled it.
    batches = served.drop_duplicates(["service_s", "batch", "variant"], keep="last")
    normal = RandomStream(run.spec.seed, place, "lognormal").peek(len(batches))
    variants = run.parameters.pipeline.stages[place]
    drawn_s = [
        _drawn_s(variants.variant(str(name)), int(size), float(z))
        for name, size, z in zip(batches["variant"], batches["batch"].tolist(), normal, strict=False)
    ]
    return batches.assign(
        stage=stage,
        spent_s=batches["service_s"] - np.array(drawn_s),
        queue_s=batches["wait_s"] - batches["batch_wait_s"],
    )


def _drawn_s(variant: Variant, batch: int, normal: float) -> float:
    times = service_times(variant.profile.points, batch, "lognormal")
    return float(times.scale_s[batch] * np.exp(times.spread[batch] * normal))


def network_s(requests: pd.DataFrame) -> float:
    """Return what answered requests of a chain spent outside of its stages, on average."""
    stages = stages_of(requests)
    inside_s = requests[[f"{stage}_{part}" for stage in stages for part in ("wait_s", "service_s")]].sum(
        axis=1
    )
    spent_s = requests["latency_s"] - inside_s
    return float(spent_s.mean())


def way_in_s(requests: RequestRecords) -> float:
    """Return how long after they were due requests entered the first stage.

    It is the median: of all times it moves the fewest requests into another second than they were counted in.
    """
    return float(np.nanmedian(requests.stages[0].enter_s - requests.arrival_s))
