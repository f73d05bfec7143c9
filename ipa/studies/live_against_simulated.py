"""Does the simulator say what happens? The same load, plan and adapter, live on this machine and simulated.

The simulator draws the same arrivals and service times by seed. What it cannot know is told to it: how long
replicas take to start here, what every batch takes beside its service, and what is on the way to the
client. These three are measured in one more live run, of another seed (:func:`measure_overheads`).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ipa.arrays import Floats
from ipa.errors import InvalidValueError
from ipa.experiments.execute import RunOutcome, execute
from ipa.experiments.resolved import ResolvedRun, resolve_run
from ipa.experiments.spec import RunSpec
from ipa.paths import stored_results_dir
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

BARS = {"mean_pct": 5.0, "p99_pct": 10.0, "violation_points": 1.0, "equal_decisions_pct": 95.0}
"""How far a simulation may be off: latencies relative to the live ones, violations in percentage points; and
how many steps must decide the same."""

OVERHEADS = "overheads.json"

BIN_S = 5.0
"""Width of the bins in which latencies are averaged over time."""

STUDY = "live-against-simulated"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Overheads:
    """What it costs to be real, in seconds: medians over a live run.

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
    return resolve_run(spec.with_settings(**settings), excerpt(seed, seconds))


def simulated_twin(live: ResolvedRun, overheads: Overheads) -> RunOutcome:
    """Return the same run in the simulator, told what it costs to be real."""
    return execute(resolve_run(overheads.apply_to(live.spec), live.workload))


def measure_overheads(seed: int, seconds: int) -> Overheads:
    """Measure on a live run what the simulator has to be told."""
    run, events = live_run(seed, seconds), list[Event]()
    outcome = _execute_watched(run, events)
    spent_s = [batch_overheads_s(stage, place, run) for place, stage in enumerate(outcome.requests.stages)]
    return Overheads(
        start_up_s=float(np.median(start_ups_s(events))),
        dispatch_s=float(np.median(np.concatenate(spent_s))),
        network_s=float(np.median(outside_s(outcome.requests))),
    )


def _execute_watched(run: ResolvedRun, events: list[Event]) -> RunOutcome:
    """Run an experiment and keep what happened to its processes, which the platform forgets at the end."""
    settings = run.spec.settings
    if not isinstance(settings, LocalSettings):
        raise InvalidValueError(f"this needs the platform local, not {run.spec.platform}")
    platform = settings.platform(run.conditions())

    def look(_: object) -> None:
        events[:] = platform.deployment.events()

    return execute(run, look, platform)


def start_ups_s(events: Sequence[Event]) -> Floats:
    """Return how long each replica took from its start until it was ready."""
    begun: dict[str, float] = {}
    taken = []
    for event in events:
        if event.kind == "starting":
            begun[event.subject] = event.time_s
        elif event.kind == "ready" and event.subject in begun:
            taken.append(event.time_s - begun.pop(event.subject))
    return np.array(taken)


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
    first = order[np.concatenate(([True], np.diff(stage.start_s[order]) > 0))]
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


def run_pairs(
    seeds: Sequence[int], seconds: int | None, overheads: Overheads, progress: Progress = lambda _: None
) -> list[Pair]:
    """Run the excerpt live and simulated, once per seed."""
    pairs = []
    for seed in seeds:
        progress(f"seed {seed}")
        run = live_run(seed, seconds)
        live = execute(run)
        pairs.append(Pair(seed, Side.of(live), Side.of(simulated_twin(run, overheads))))
    return pairs


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


def compare(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return what both say, one row a run.

    Returns
    -------
    pandas.DataFrame
        Columns ``seed, requests``, then ``<what>_live`` and ``<what>_simulated`` for ``mean_s``, ``p50_s``,
        ``p99_s``, ``violation_pct``, ``running_cores`` and ``decided_cores``, and ``equal_decisions_pct``:
        steps that decided for the same variants, batch sizes and replicas.
    """
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        row: dict[str, Any] = {"seed": pair.seed, "requests": len(pair.live.requests)}
        for name, side in (("live", pair.live), ("simulated", pair.simulated)):
            row |= {f"{key}_{name}": value for key, value in _figures(side).items()}
        row["equal_decisions_pct"] = 100 * equal_decisions(pair)
        rows.append(row)
    return pd.DataFrame(rows)


def _figures(side: Side) -> dict[str, float]:
    latency_s, summary = side.latency_s, side.summary
    return {
        "mean_s": float(latency_s.mean()),
        "p50_s": float(np.quantile(latency_s, 0.5)),
        "p99_s": float(np.quantile(latency_s, 0.99)),
        "violation_pct": 100 * summary["violation_share"],
        "running_cores": summary["running_mean_cores"],
        "decided_cores": summary["cost_mean_cores"],
    }


def equal_decisions(pair: Pair) -> float:
    """Return the share of the steps that decided for the same variants, batch sizes and replicas."""
    live, simulated = (_shapes(side.decisions) for side in (pair.live, pair.simulated))
    same = sum(one == other for one, other in zip(live, simulated, strict=False))
    return same / max(len(live), len(simulated))


def _shapes(decisions: pd.DataFrame) -> list[tuple[tuple[object, ...], ...]]:
    """Return variant, batch and replicas of every stage, a step each."""
    return [
        tuple((stage["variant"], stage["batch"], stage["replicas"]) for stage in plan)
        for plan in decisions["plan"]
    ]


def verdicts(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the deviations averaged over runs, beside what is allowed.

    Returns
    -------
    pandas.DataFrame
        Columns ``measure, live, simulated, off, allowed, within``; one row per measure, in the units of their
        names, with the mean over runs of both sides and of how far they are apart.
    """
    relative = {"mean latency (s)": ("mean_s", "mean_pct"), "p99 latency (s)": ("p99_s", "p99_pct")}
    rows = []
    for label, (column, bar) in relative.items():
        live, simulated = compared[f"{column}_live"], compared[f"{column}_simulated"]
        off = 100 * float((simulated.mean() / live.mean()) - 1)
        rows.append(_verdict(label, live.mean(), simulated.mean(), f"{off:+.1f} %", BARS[bar], abs(off)))
    live, simulated = compared["violation_pct_live"], compared["violation_pct_simulated"]
    off = float(simulated.mean() - live.mean())
    rows.append(
        _verdict(
            "late or lost (%)",
            live.mean(),
            simulated.mean(),
            f"{off:+.2f}",
            BARS["violation_points"],
            abs(off),
        )
    )
    return pd.DataFrame(rows)


def _verdict(
    label: str, live: float, simulated: float, off: str, allowed: float, distance: float
) -> dict[str, object]:
    return {
        "measure": label,
        "live": live,
        "simulated": simulated,
        "off": off,
        "allowed": allowed,
        "within": distance <= allowed,
    }


def curves(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return the distribution functions of the latencies of all runs together.

    Returns
    -------
    pandas.DataFrame
        Columns ``platform, latency_s, share``.
    """
    parts = []
    for name, sides in _by_platform(pairs).items():
        values_s = np.sort(np.concatenate([side.latency_s for side in sides]))
        share = np.arange(1, len(values_s) + 1) / len(values_s)
        parts.append(pd.DataFrame({"platform": name, "latency_s": values_s, "share": share}))
    return pd.concat(parts, ignore_index=True)


def timeline(pair: Pair, bin_s: float = BIN_S) -> pd.DataFrame:
    """Return the latency over time.

    Returns
    -------
    pandas.DataFrame
        Columns ``platform, time_s, latency_s, rate_rps``: the middle of a bin, the mean latency of the
        answered requests that were due in it, and how many were due per second.
    """
    parts = []
    for name, (side,) in _by_platform([pair]).items():
        bins = (side.requests["arrival_s"] // bin_s).rename("bin")
        found = side.requests.groupby(bins)["latency_s"].agg(["mean", "size"])
        parts.append(
            pd.DataFrame(
                {
                    "platform": name,
                    "time_s": (found.index.to_numpy() + 0.5) * bin_s,
                    "latency_s": found["mean"].to_numpy(),
                    "rate_rps": found["size"].to_numpy() / bin_s,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def steps(pair: Pair) -> pd.DataFrame:
    """Return the cost of the plan decided for in every step: columns ``platform, time_s, cost_cores``."""
    return pd.concat(
        [
            side.decisions[["time_s", "cost_cores"]].assign(platform=name)
            for name, (side,) in _by_platform([pair]).items()
        ],
        ignore_index=True,
    )


def _by_platform(pairs: Sequence[Pair]) -> dict[str, list[Side]]:
    return {"live": [pair.live for pair in pairs], "simulated": [pair.simulated for pair in pairs]}
