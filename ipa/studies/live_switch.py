"""A live pipeline under load whose plan is changed twice, and the way of single requests through it."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ipa.paths import stored_results_dir
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import Conditions
from ipa.platforms.registry import PLATFORMS
from ipa.results.folder import PROVENANCE, REQUESTS, read_requests, write_requests
from ipa.results.json_files import read_json, write_json
from ipa.results.provenance import environment
from ipa.studies.live_overheads import stages_of, starts_s
from ipa.workload import arrival_times

STUDY = "live-switch"

CHANGES = "changes.json"

RATE_RPS = 8
SECONDS = 24

STRETCH = {"kubernetes": 2}
"""How many times as long it takes where a replica is a pod, which starts in seconds."""

Step = tuple[float, str, Plan]
"""When a plan is applied, what is new in it, and the plan."""


@dataclass(frozen=True, slots=True)
class Change:
    """A plan that was applied to the running pipeline.

    Parameters
    ----------
    asked_s
        When it was applied.
    what
        What is new in it.
    """

    asked_s: float
    what: str


@dataclass(frozen=True, slots=True)
class SwitchRun:
    """What came of it.

    Parameters
    ----------
    requests
        A row per request (``RequestRecords.to_frame``).
    changes
        The plans that were applied while requests came.
    """

    requests: pd.DataFrame
    changes: tuple[Change, ...]


def steps(pipeline: Pipeline) -> tuple[Step, ...]:
    """Return the plans of the demonstration: light variants, then a heavier classifier, then more of both."""
    detect, classify = (stage.name for stage in pipeline.stages)
    return (
        (0.0, "start", _plan(pipeline, (detect, "yolov5n", 1, 1), (classify, "resnet18", 1, 1))),
        (
            8.0,
            "resnet34 for resnet18",
            _plan(pipeline, (detect, "yolov5n", 1, 1), (classify, "resnet34", 1, 2)),
        ),
        (
            16.0,
            "yolov5n: 2 replicas, batch 2",
            _plan(pipeline, (detect, "yolov5n", 2, 2), (classify, "resnet34", 1, 2)),
        ),
    )


def _plan(pipeline: Pipeline, *stages: tuple[str, str, int, int]) -> Plan:
    """Return a plan from stage, variant, batch and replicas of each."""
    return Plan(
        tuple(
            StagePlan(name, variant, batch, replicas, _cores(pipeline, name, variant), (batch - 1) / RATE_RPS)
            for name, variant, batch, replicas in stages
        )
    )


def _cores(pipeline: Pipeline, stage: str, variant: str) -> int:
    return next(s for s in pipeline.stages if s.name == stage).variant(variant).base_cores


def run_on(platform: str, seed: int, **settings: Any) -> SwitchRun:
    """Bring the video pipeline up with emulated models, load it, and change its plan twice.

    Parameters
    ----------
    platform
        Where: ``local`` or ``kubernetes``.
    seed
        Of arrivals and service times.
    settings
        Changes of the settings of that platform.
    """
    pipeline, stretch = load_pipeline("video"), STRETCH.get(platform, 1)
    first, *later = steps(pipeline)
    serving = PLATFORMS[platform](**settings).platform(Conditions(seed=seed))
    changes = []
    serving.offer(arrival_times(np.full(stretch * SECONDS, RATE_RPS), "poisson", seed))
    try:
        serving.deploy(pipeline, first[2])
        for at_s, what, plan in later:
            serving.sleep_until(stretch * at_s)
            changes.append(Change(round(serving.now(), 3), what))
            serving.apply(plan)
        serving.sleep_until(stretch * SECONDS)
        serving.drain()
        return SwitchRun(serving.records().to_frame(), tuple(changes))
    finally:
        serving.teardown()


def run_from(platform: str, seed: int, **settings: Any) -> SwitchRun:
    """Return the demonstration: the ``stored`` one, or one made on a platform now."""
    return read(stored_folder()) if platform == "stored" else run_on(platform, seed, **settings)


def kept_in(root: Path, platform: str) -> Path:
    """Return where the run on a platform lies among results."""
    return root / "live" / STUDY if platform == "local" else root / "live" / platform / STUDY


def stored_folder(platform: str = "local") -> Path:
    """Return where the run on a platform lies that came with the repository."""
    return kept_in(stored_results_dir(), platform)


def stored_beside(platform: str) -> SwitchRun | None:
    """Return the stored run to stand beside that of a platform: of a cluster, or beside this, of here."""
    folder = stored_folder("local" if platform == "kubernetes" else "kubernetes")
    return read(folder) if (folder / PROVENANCE).is_file() else None


def store(run: SwitchRun, folder: Path) -> None:
    """Keep a run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PROVENANCE).unlink(missing_ok=True)
    write_requests(folder / REQUESTS, run.requests)
    write_json(folder / CHANGES, [asdict(change) for change in run.changes])
    write_json(folder / PROVENANCE, {**environment(), "load_average": os.getloadavg()})


def read(folder: Path) -> SwitchRun:
    """Read a run that was kept."""
    changes = tuple(Change(**change) for change in read_json(folder / CHANGES))
    return SwitchRun(read_requests(folder), changes)


def change_table(run: SwitchRun) -> pd.DataFrame:
    """Return what each change took and cost.

    Returns
    -------
    pandas.DataFrame
        One row per change: what it was, when it was asked for, ``in force after (s)``, until the first
        request was served under it, and of the requests due from then to the next change the number and how
        many were not answered.
    """
    ends = [change.asked_s for change in run.changes[1:]] + [float("inf")]
    rows = []
    for change, end_s in zip(run.changes, ends, strict=True):
        due = run.requests[run.requests["arrival_s"].between(change.asked_s, end_s, inclusive="left")]
        rows.append(
            {
                "change": change.what,
                "asked (s)": change.asked_s,
                "in force after (s)": _first_start_s(run.requests, change) - change.asked_s,
                "requests": len(due),
                "lost or failed": int((due["outcome"] != "ok").sum()),
            }
        )
    return pd.DataFrame(rows).set_index("change")


def _first_start_s(requests: pd.DataFrame, change: Change) -> float:
    """Return when the first request began to be served in a way that was not there before the change."""
    first_s = np.inf
    for stage, begun_s in starts_s(requests).items():
        before = requests[begun_s < change.asked_s]
        new = ~_ways(requests, stage).isin(set(_ways(before, stage)))
        first_s = min(first_s, begun_s[new & (begun_s >= change.asked_s)].min())
    return float(first_s)


def _ways(requests: pd.DataFrame, stage: str) -> pd.Series:
    """Return the variant and the batch that served each request in a stage."""
    return requests[f"{stage}_variant"].astype(str) + " b" + requests[f"{stage}_batch"].astype(str)


def way(requests: pd.DataFrame, request: int) -> pd.DataFrame:
    """Return where a request spent its time.

    Parameters
    ----------
    requests
        Of a chain.
    request
        Number of one that was answered.

    Returns
    -------
    pandas.DataFrame
        Columns ``stage, part, start_s, duration_s, served_by``, in order; ``part`` is ``queue``, ``batch
        wait`` or ``service``, times count from when the request was due. The last row, ``elsewhere``, is what
        gateway and client took.
    """
    row: dict[Any, Any] = requests.loc[request].to_dict()
    rows: list[dict[str, Any]] = []
    at_s = 0.0
    for stage in stages_of(requests):
        batch_wait_s = float(row[f"{stage}_batch_wait_s"])
        parts = (
            ("queue", float(row[f"{stage}_wait_s"]) - batch_wait_s),
            ("batch wait", batch_wait_s),
            ("service", float(row[f"{stage}_service_s"])),
        )
        served_by = f"{row[f'{stage}_variant']}, batch {row[f'{stage}_batch']}"
        for part, duration_s in parts:
            rows.append(
                {
                    "stage": stage.partition("_")[2],
                    "part": part,
                    "start_s": at_s,
                    "duration_s": duration_s,
                    "served_by": served_by if part == "service" else "",
                }
            )
            at_s += duration_s
    rest_s = float(row["latency_s"]) - at_s
    rows.append(
        {
            "stage": "elsewhere",
            "part": "gateway and client",
            "start_s": at_s,
            "duration_s": rest_s,
            "served_by": "",
        }
    )
    return pd.DataFrame(rows)


def example_request(run: SwitchRun) -> int:
    """Return the answered request that waited longest for its batch: everything can be seen in it."""
    waited_s = run.requests[[f"{stage}_batch_wait_s" for stage in stages_of(run.requests)]].sum(axis=1)
    return int(np.nanargmax(waited_s.where(run.requests["outcome"] == "ok").to_numpy(np.float64)))


def summary(run: SwitchRun) -> pd.DataFrame:
    """Return how all requests ended, and the longest time without an answer, for people."""
    requests = run.requests
    ends_s = np.sort(requests["end_s"].dropna().to_numpy(np.float64))
    told = {"requests": str(len(requests))}
    told |= {str(name): str((requests["outcome"] == name).sum()) for name in ("ok", "dropped", "error")}
    told["longest time between two answers (s)"] = f"{np.diff(ends_s).max():.2f}"
    return pd.DataFrame({"value": told}).rename_axis("what")


def answers(run: SwitchRun) -> pd.DataFrame:
    """Return what the figure shows of every answered request: ``arrival_s, latency_s, served_by``."""
    answered = run.requests[run.requests["outcome"] == "ok"]
    variants = [answered[f"{stage}_variant"].astype(str) for stage in stages_of(answered)]
    served_by = [", ".join(names) for names in zip(*variants, strict=True)]
    return answered[["arrival_s", "latency_s"]].assign(served_by=served_by)


def way_table(parts: pd.DataFrame) -> pd.DataFrame:
    """Return ``way`` for people, in milliseconds."""
    times = {"begins (ms)": 1000 * parts["start_s"], "takes (ms)": 1000 * parts["duration_s"]}
    return parts[["stage", "part", "served_by"]].assign(**times).set_index(["stage", "part"])


def caption(run: SwitchRun, place: str) -> str:
    """Return what was run, and where, for the caption of a figure."""
    return (
        f"video {place}, emulated models, {len(run.requests)} requests in {len(run.requests) // RATE_RPS} s"
        "  ·  dotted: a plan was applied  ·  below: the request that waited longest for its batch"
    )
