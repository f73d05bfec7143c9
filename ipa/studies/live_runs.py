"""The same load, plan and adapter twice: live, on this machine or in a cluster, and simulated.

The simulator draws the same arrivals and service times by seed. What it cannot know is told to it as it was
in the live run (:class:`Overheads`): how long replicas took to start, what a batch took beside its service,
and what a request spent outside of the stages.
"""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ipa.arrays import Floats
from ipa.cluster.client import connect
from ipa.errors import InvalidValueError
from ipa.experiments.execute import RunOutcome, execute
from ipa.experiments.resolved import ResolvedRun, resolve_run
from ipa.experiments.spec import RunSpec
from ipa.paths import stored_results_dir
from ipa.platforms.kubernetes.settings import KubernetesSettings
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
from ipa.studies.live_overheads import Overheads, dispatch_s, network_s, start_ups_s, way_in_s
from ipa.workload import Workload, load_workload

EXCERPT = ("bursty", 350, 170)
"""Workload, first second and length of what is played: the calm before the burst, its rise and its top."""


OVERHEADS = "overheads.json"

FILES = (DECISIONS, REQUESTS, SUMMARY, OVERHEADS, PROVENANCE)
"""What is kept of a run; the last one is written when all others are there."""

STUDY = "live-against-simulated"

Progress = Callable[[int, int, str], None]


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
    overheads
        What the live run cost, and the simulation was told.
    live, simulated
        What came of it.
    """

    seed: int
    overheads: Overheads
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


def live_run(seed: int, seconds: int | None = None, platform: str = "local", **settings: Any) -> ResolvedRun:
    """Return the video pipeline under the excerpt, adapted by IPA, with emulated models.

    Replicas take as long to start as the pipeline file says (8 s). What they take on a machine depends on
    what else starts at the same time, which the simulator does not know.

    Parameters
    ----------
    seed
        Of arrivals and service times.
    seconds
        Length of the run.
    platform
        Where it runs: ``local`` or ``kubernetes``.
    settings
        Changes of the settings of that platform.
    """
    spec = RunSpec("video", EXCERPT[0], trace="synthetic", seed=seed, platform=platform)
    return resolve_run(spec.with_settings(**{"emulate_start_up": True} | settings), excerpt(seed, seconds))


def simulated_twin(live: ResolvedRun, overheads: Overheads) -> RunOutcome:
    """Return the same run in the simulator, told what it costs to be real."""
    run = resolve_run(overheads.apply_to(live.spec), live.workload)
    return execute(run, platform=overheads.platform(run))


def run_live(run: ResolvedRun) -> tuple["Side", Overheads]:
    """Run an experiment for real and tell what it cost to be real."""
    settings = run.spec.settings
    if isinstance(settings, LocalSettings):
        outcome, ups_s = _run_here(run, settings)
    elif isinstance(settings, KubernetesSettings):
        outcome, ups_s = _run_in_cluster(run, settings)
    else:
        raise InvalidValueError(f"this needs the platform local or kubernetes, not {run.spec.platform}")
    side = Side.of(outcome)
    start_up_s = float(np.mean(ups_s)) if len(ups_s) else 0.0
    return side, Overheads(
        start_up_s, dispatch_s(side.requests, run), network_s(side.requests), way_in_s(outcome.requests)
    )


def _run_here(run: ResolvedRun, settings: LocalSettings) -> tuple[RunOutcome, Floats]:
    platform = settings.platform(run.conditions())
    outcome = execute(run, platform=platform)
    first = outcome.decisions[0].plan
    return outcome, start_ups_s(platform.events(), first, run.parameters.interval_s)


def _run_in_cluster(run: ResolvedRun, settings: KubernetesSettings) -> tuple[RunOutcome, Floats]:
    from ipa.platforms.kubernetes.platform import KubernetesPlatform
    from ipa.studies.pod_start_ups import PodStartUps

    name = f"live-{run.spec.seed}-{secrets.token_hex(3)}"
    client = connect(settings.kubeconfig or None, settings.context or None)
    platform = KubernetesPlatform(settings, run.conditions(), name=name)
    zero_s = 0.0

    def note_zero(_decision: object) -> None:
        nonlocal zero_s
        zero_s = time.monotonic() - platform.now()

    try:
        with PodStartUps(client, settings.namespace or client.namespace, name) as ups:
            outcome = execute(run, note_zero, platform)
            return outcome, ups.taken_s(zero_s, run.parameters.interval_s)
    finally:
        client.close()


def pairs_from(
    platform: str,
    first_seed: int,
    runs: int,
    seconds: int | None,
    progress: Progress = lambda *_: None,
    **settings: Any,
) -> list[Pair]:
    """Return live runs and their simulations.

    Parameters
    ----------
    platform
        ``stored``: the runs on one machine that came with the repository. ``local``, ``kubernetes``: made
        there, now.
    first_seed, runs
        Seeds, and how many; of the stored ones, the first so many.
    seconds
        Length of runs that are made now; None is all of the excerpt.
    progress
        Takes how many runs are done, how many there are, and what was done last.
    settings
        Changes of the settings of that platform.
    """
    if platform == "stored":
        return stored_pairs("local")[:runs]
    pairs = []
    for place in range(runs):
        progress(place, runs, "")
        run = live_run(first_seed + place, seconds, platform, **settings)
        live, overheads = run_live(run)
        pairs.append(Pair(run.spec.seed, overheads, live, Side.of(simulated_twin(run, overheads))))
    progress(runs, runs, "")
    return pairs


def stored_pairs(platform: str) -> list[Pair]:
    """Return the runs on a platform that came with the repository, with their simulations."""
    return read_pairs(stored_folder(platform))


def stored_beside(platform: str) -> list[Pair]:
    """Return the stored runs to hold those of a platform against: of a cluster, or beside these, of here."""
    return stored_pairs("local" if platform == "kubernetes" else "kubernetes")


def overheads_table(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return what the simulator was told of each run, for people."""
    told = [
        {
            "seed": pair.seed,
            "start of a replica (s)": pair.overheads.start_up_s,
            "a batch, beside its service (ms)": 1000 * pair.overheads.dispatch_s,
            "a request, outside of all stages (ms)": 1000 * pair.overheads.network_s,
            "of that, until it is counted (ms)": 1000 * pair.overheads.way_in_s,
        }
        for pair in pairs
    ]
    return pd.DataFrame(told).set_index("seed")


def sla_s(pairs: Sequence[Pair]) -> float:
    """Return the SLA of live runs."""
    return float(pairs[0].live.summary["sla_s"])


def caption(pairs: Sequence[Pair], place: str) -> str:
    """Return what was run, and where, for the caption of a figure."""
    summary, (name, first_s, _) = pairs[0].live.summary, EXCERPT
    seeds = ", ".join(str(pair.seed) for pair in pairs)
    return (
        f"{summary['method']} on {summary['pipeline']}, {summary['duration_s']} s of {name} from {first_s} s"
        f" ({summary['trace']}), {place}  ·  edition {summary['edition']}  ·  emulated models"
        f"  ·  {'seeds' if len(pairs) > 1 else 'seed'} {seeds}"
    )


def keep_runs(
    folder: Path,
    seeds: Sequence[int],
    seconds: int,
    *,
    platform: str = "local",
    force: bool = False,
    progress: Progress = lambda *_: None,
    **settings: Any,
) -> list[Pair]:
    """Make live runs and keep each as soon as it is over; one that is there already is left as it is.

    Parameters
    ----------
    folder
        Where to; one folder a seed.
    seeds
        One run each.
    seconds
        Length of each; a kept one of another length is made anew.
    platform
        Where they run.
    force
        Make them all anew.
    progress
        Takes how many runs are done, how many there are, and what is being done.
    settings
        Changes of the settings of the platform.

    Returns
    -------
    list of Pair
        All of them, each with its simulation.
    """
    for done, seed in enumerate(seeds):
        progress(done, len(seeds), f"seed {seed}")
        if force or not _is_kept(folder / f"seed-{seed}", seconds):
            run = live_run(seed, seconds, platform, **settings)
            live, overheads = run_live(run)
            store([Pair(seed, overheads, live, live)], folder)
    progress(len(seeds), len(seeds), "")
    return [pair for pair in read_pairs(folder) if pair.seed in seeds]


def _is_kept(folder: Path, seconds: int) -> bool:
    """Whether a live run is there, whole and of some length."""
    complete = all((folder / name).is_file() for name in FILES)
    return complete and bool(read_summary(folder)["duration_s"] == seconds)


def kept_in(root: Path, platform: str) -> Path:
    """Return where live runs on a platform lie among results."""
    return root / "live" / STUDY if platform == "local" else root / "live" / platform / STUDY


def stored_folder(platform: str = "local") -> Path:
    """Return where the live runs on a platform lie that came with the repository."""
    return kept_in(stored_results_dir(), platform)


def store(pairs: Sequence[Pair], folder: Path) -> None:
    """Keep live runs; their simulation is made anew wherever they are read.

    Parameters
    ----------
    pairs
        The runs.
    folder
        Where to; one folder a seed.
    """
    where = {**environment(), "load_average": os.getloadavg()}
    for pair in pairs:
        run = folder / f"seed-{pair.seed}"
        run.mkdir(parents=True, exist_ok=True)
        (run / PROVENANCE).unlink(missing_ok=True)
        write_lines(run / DECISIONS, _rows(pair.live.decisions))
        write_requests(run / REQUESTS, pair.live.requests)
        write_json(run / SUMMARY, pair.live.summary)
        write_json(run / OVERHEADS, asdict(pair.overheads))
        write_json(run / PROVENANCE, {**where, "seed": pair.seed})


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def read_pairs(folder: Path) -> list[Pair]:
    """Read the live runs that are there whole, in the order of their seeds, and simulate each again.

    Parameters
    ----------
    folder
        What ``store`` wrote.
    """
    pairs = []
    whole = (file.parent for file in folder.glob(f"seed-*/{PROVENANCE}"))
    for run in sorted(whole, key=lambda run: int(run.name.removeprefix("seed-"))):
        live, overheads = Side.read(run), Overheads(**read_json(run / OVERHEADS))
        twin = live_run(live.summary["seed"], live.summary["duration_s"])
        simulated = Side.of(simulated_twin(twin, overheads))
        pairs.append(Pair(live.summary["seed"], overheads, live, simulated))
    return pairs
