"""The same load, plan and adapter twice: live on this machine and simulated.

The simulator draws the same arrivals and service times by seed. What it cannot know is told to it: how long
replicas take to start here, what every batch takes beside its service, and what is on the way to the
client. These three are measured in one more live run, of another seed (:func:`measure_overheads`).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ipa.arrays import Floats
from ipa.errors import InvalidValueError
from ipa.experiments.execute import RunOutcome, execute
from ipa.experiments.resolved import ResolvedRun, resolve_run
from ipa.experiments.spec import RunSpec
from ipa.paths import stored_results_dir
from ipa.pipeline.plan import Plan
from ipa.platforms.local.events import Event
from ipa.platforms.local.settings import LocalSettings
from ipa.results.folder import (
    DECISIONS,
    PROVENANCE,
    REQUESTS,
    SUMMARY,
    read_decisions,
    read_requests,
    read_summary,
    write_lines,
    write_requests,
)
from ipa.results.json_files import read_json, write_json
from ipa.results.provenance import environment
from ipa.results.requests import RequestRecords, StageRecords
from ipa.simulator import ClusterSettings
from ipa.simulator.service import RandomStream, service_times
from ipa.workload import Workload, load_workload

EXCERPT = ("bursty", 350, 170)
"""Workload, first second and length of what is played: the calm before the burst, its rise and its top."""


OVERHEADS = "overheads.json"

STUDY = "live-against-simulated"

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Overheads:
    """What it costs to be real, in seconds: means over a live run.

    Parameters
    ----------
    start_up_s
        From asking for a replica until it is ready.
    dispatch_s
        What every batch takes beside its service time: to be sent, to wake the replica, to come back.
    network_s
        What a request spends outside of all stages: on the way in and out of the gateway, and in the client.
    """

    start_up_s: float
    dispatch_s: float
    network_s: float

    def apply_to(self, spec: RunSpec) -> RunSpec:
        """Return a run as the simulator has to assume it."""
        cluster = ClusterSettings(
            start_up_s=self.start_up_s, dispatch_s=self.dispatch_s, router_delay_s=self.network_s
        )
        return replace(spec, platform="simulated", platform_settings=None).with_settings(cluster=cluster)


@dataclass(frozen=True, slots=True)
class Side:
    """A run as tables.

    Parameters
    ----------
    requests
        A row per request (``RequestRecords.to_frame``).
    decisions
        A row per step.
    summary
        What was asked for, and the measures.
    """

    requests: pd.DataFrame
    decisions: pd.DataFrame
    summary: dict[str, Any]

    @classmethod
    def of(cls, outcome: RunOutcome) -> "Side":
        """Return the tables of a run that has just ended."""
        decisions = pd.DataFrame([record.as_dict() for record in outcome.decisions])
        return cls(outcome.requests.to_frame(), decisions, outcome.summary())

    @classmethod
    def read(cls, folder: Path) -> "Side":
        """Return the tables of a run that was written."""
        return cls(read_requests(folder), read_decisions(folder), read_summary(folder))

    @property
    def latency_s(self) -> Floats:
        """Latencies of the answered requests."""
        return self.requests["latency_s"].dropna().to_numpy(np.float64)


@dataclass(frozen=True, slots=True)
class Pair:
    """The same run twice.

    Parameters
    ----------
    seed
        Of arrivals and service times.
    live, simulated
        What came of it.
    """

    seed: int
    live: Side
    simulated: Side


def excerpt(seed: int, seconds: int | None = None) -> Workload:
    """Return the load: a part of the synthetic bursty workload of a seed.

    Parameters
    ----------
    seed
        Of the workload.
    seconds
        Only the first so many.
    """
    name, first_s, length_s = EXCERPT
    whole = load_workload(name, trace="synthetic", seed=seed)
    rates_rps = whole.rates_rps[first_s : first_s + (seconds or length_s)]
    return replace(whole, name=f"{name} from {first_s} s", rates_rps=rates_rps)


def live_run(seed: int, seconds: int | None = None, **settings: Any) -> ResolvedRun:
    """Return the video pipeline under the excerpt, adapted by IPA, with emulated models on this machine.

    Replicas take as long to start as the pipeline file says (8 s). What they take here depends on what else
    starts at the same time, which the simulator does not know.

    Parameters
    ----------
    seed
        Of arrivals and service times.
    seconds
        Length of the run.
    settings
        Changes of ``LocalSettings``.
    """
    spec = RunSpec("video", EXCERPT[0], trace="synthetic", seed=seed, platform="local")
    return resolve_run(spec.with_settings(**{"emulate_start_up": True} | settings), excerpt(seed, seconds))


def simulated_twin(live: ResolvedRun, overheads: Overheads) -> RunOutcome:
    """Return the same run in the simulator, told what it costs to be real."""
    return execute(resolve_run(overheads.apply_to(live.spec), live.workload))


def measure_overheads(seed: int, seconds: int | None) -> Overheads:
    """Measure on a live run what the simulator has to be told."""
    run, events = live_run(seed, seconds), list[Event]()
    outcome = execute_watched(run, events)
    spent_s = [batch_overheads_s(stage, place, run) for place, stage in enumerate(outcome.requests.stages)]
    return Overheads(
        start_up_s=float(np.mean(start_ups_s(events, outcome.decisions[0].plan))),
        dispatch_s=float(np.mean(np.concatenate(spent_s))),
        network_s=float(np.mean(outside_s(outcome.requests))),
    )


def execute_watched(run: ResolvedRun, events: list[Event]) -> RunOutcome:
    """Run an experiment and keep what happened to its processes, which the platform forgets at the end."""
    settings = run.spec.settings
    if not isinstance(settings, LocalSettings):
        raise InvalidValueError(f"this needs the platform local, not {run.spec.platform}")
    platform = settings.platform(run.conditions())

    def look(_: object) -> None:
        events[:] = platform.deployment.events()

    return execute(run, look, platform)


def start_ups_s(events: Sequence[Event], first: Plan) -> Floats:
    """Return how long each replica took from its start until it was ready.

    Parameters
    ----------
    events
        What happened to the processes.
    first
        The plan that was deployed. Its replicas, and the gateway, do not count: they all start at once, after
        a template that has to start as well, and before the clock shows 0.
    """
    begun = {event.subject: event.time_s for event in events if event.kind == "starting"}
    at_first = 1 + sum(stage.replicas for stage in first.stages)
    later = set(list(begun)[at_first:])
    ready = (event for event in events if event.kind == "ready" and event.subject in later)
    return np.array([event.time_s - begun[event.subject] for event in ready])


def batch_overheads_s(stage: StageRecords, place: int, run: ResolvedRun) -> Floats:
    """Return by how much every batch of a stage took longer than the service time that was drawn for it.

    Batches are numbered in the order in which they were dispatched, and the number of a batch decides what is
    drawn for it, so that the drawn times are known.

    Parameters
    ----------
    stage
        The stage's records.
    place
        Its position in the pipeline.
    run
        What was run.
    """
    served = np.flatnonzero(stage.batch > 0)
    order = served[np.lexsort((served, stage.start_s[served]))]
    # Two replicas may begin at the very same instant.
    another = np.diff(stage.start_s[order]) != 0
    another |= np.diff(stage.end_s[order]) != 0
    first = order[np.concatenate(([True], another))]
    normal = RandomStream(run.spec.seed, place, "lognormal").peek(len(first))[: len(first)]
    drawn_s = np.array(
        [_drawn_s(stage, place, run, request, z) for request, z in zip(first, normal, strict=True)]
    )
    spent_s: Floats = stage.service_s[first] - drawn_s
    return spent_s


def _drawn_s(stage: StageRecords, place: int, run: ResolvedRun, request: int, normal: float) -> float:
    variant = run.parameters.pipeline.stages[place].variant(stage.variants[stage.variant[request]])
    batch = int(stage.batch[request])
    times = service_times(variant.profile.points, batch, "lognormal")
    return float(times.scale_s[batch] * np.exp(times.spread[batch] * normal))


def outside_s(requests: RequestRecords) -> Floats:
    """Return what every answered request of a chain spent outside of its stages."""
    inside = [stage.queue_s + stage.batch_wait_s + stage.service_s for stage in requests.stages]
    spent_s: Floats = requests.latency_s - np.sum(inside, axis=0)
    return spent_s[~np.isnan(spent_s)]


def pairs_from(
    platform: Literal["stored", "local"],
    first_seed: int,
    runs: int,
    seconds: int | None,
    progress: Progress = lambda *_: None,
) -> tuple[list[Pair], Overheads]:
    """Return live runs and their simulations, and what these were told.

    Parameters
    ----------
    platform
        ``stored``: the runs that came with the repository. ``local``: made on this machine, now.
    first_seed, runs
        Seeds, and how many; of the stored ones, the first so many.
    seconds
        Length of runs that are made now; None is all of the excerpt.
    progress
        Takes how many runs are done, how many there are, and what was done last.
    """
    if platform == "stored":
        pairs, overheads = read_pairs(stored_folder())
        return pairs[:runs], overheads
    progress(0, runs + 1, "")
    overheads = measure_overheads(first_seed + runs, seconds)
    pairs = []
    for place in range(runs):
        progress(place + 1, runs + 1, f"seed {first_seed + place}")
        run = live_run(first_seed + place, seconds)
        live = execute(run)
        pairs.append(Pair(run.spec.seed, Side.of(live), Side.of(simulated_twin(run, overheads))))
    progress(runs + 1, runs + 1, "")
    return pairs, overheads


def overheads_table(overheads: Overheads) -> pd.DataFrame:
    """Return what the simulator was told, for people."""
    told = {
        "start of a replica (s)": overheads.start_up_s,
        "a batch, beside its service (ms)": 1000 * overheads.dispatch_s,
        "a request, outside of all stages (ms)": 1000 * overheads.network_s,
    }
    return pd.DataFrame({"mean": told}).rename_axis("what takes time")


def sla_s(pairs: Sequence[Pair]) -> float:
    """Return the SLA of live runs."""
    return float(pairs[0].live.summary["sla_s"])


def caption(pairs: Sequence[Pair]) -> str:
    """Return what was run, for the caption of a figure."""
    summary, (name, first_s, _) = pairs[0].live.summary, EXCERPT
    seeds = ", ".join(str(pair.seed) for pair in pairs)
    return (
        f"{summary['method']} on {summary['pipeline']}, {summary['duration_s']} s of {name} from {first_s} s"
        f" ({summary['trace']})  ·  edition {summary['edition']}  ·  emulated models  ·  seeds {seeds}"
    )


def stored_folder() -> Path:
    """Return where the live runs lie that came with the repository."""
    return stored_results_dir() / "live" / STUDY


def store(pairs: Sequence[Pair], overheads: Overheads, folder: Path) -> None:
    """Keep live runs; their simulation is made anew wherever they are read.

    Parameters
    ----------
    pairs
        The runs.
    overheads
        What the simulator is told.
    folder
        Where to; one folder a seed.
    """
    where = environment()
    for pair in pairs:
        run = folder / f"seed-{pair.seed}"
        run.mkdir(parents=True, exist_ok=True)
        write_lines(run / DECISIONS, _rows(pair.live.decisions))
        write_requests(run / REQUESTS, pair.live.requests)
        write_json(run / SUMMARY, pair.live.summary)
        write_json(run / PROVENANCE, {**where, "seed": pair.seed})
    write_json(folder / OVERHEADS, asdict(overheads))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def read_pairs(folder: Path) -> tuple[list[Pair], Overheads]:
    """Read live runs and simulate each again.

    Parameters
    ----------
    folder
        What ``store`` wrote.

    Returns
    -------
    list of Pair
        In the order of their seeds.
    Overheads
        What the simulator was told.
    """
    overheads = Overheads(**read_json(folder / OVERHEADS))
    pairs = []
    for run in sorted(folder.glob("seed-*"), key=lambda run: int(run.name.removeprefix("seed-"))):
        live = Side.read(run)
        twin = live_run(live.summary["seed"], live.summary["duration_s"])
        pairs.append(Pair(live.summary["seed"], live, Side.of(simulated_twin(twin, overheads))))
    return pairs, overheads
