"""The four excerpts of the real trace that the paper evaluates on (``data/paper/workloads.csv``)."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipa.errors import ConfigError, TraceError, UnknownNameError
from ipa.file_stamps import cached_by_content
from ipa.paths import data_dir
from ipa.workload.trace import load_trace
from ipa.workload.workload import Rates, Workload

_FULL_TRACE = "full-trace"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Where an excerpt lies in the trace and the published statistics it must have.

    Parameters
    ----------
    name
        Workload id, for example ``bursty``.
    segments
        Pairs of first second and second after the last, played one after the other.
    damping_divisor
        Every second is divided by this, rounded down.
    n_s, total_requests, min_rps, max_rps, raw_min_rps, raw_max_rps
        Length, sum and extremes after and (raw) before the damping.
    p95_rps, p99_rps
        Percentiles of the damped requests per second.
    note
        When it was, for people.
    """

    name: str
    segments: tuple[tuple[int, int], ...]
    damping_divisor: int
    n_s: int
    total_requests: int
    min_rps: int
    max_rps: int
    p95_rps: float
    p99_rps: float
    raw_min_rps: int
    raw_max_rps: int
    note: str

    @property
    def mean_rps(self) -> float:
        """Published mean arrival rate."""
        return self.total_requests / self.n_s

    def cut(self, trace_rps: Rates) -> Rates:
        """Cut this excerpt from the whole trace and damp it.

        Parameters
        ----------
        trace_rps
            Requests in each second of the whole trace, shape (n_s,).

        Returns
        -------
        NDArray[np.int64]
            Requests in each second of the excerpt, shape (n_s,).

        Raises
        ------
        TraceError
            If the trace is too short or its seconds do not have the published statistics.
        """
        end = max(end for _, end in self.segments)
        if len(trace_rps) < end:
            raise TraceError(
                f"workload {self.name} needs {end} seconds of trace, this one has {len(trace_rps)};"
                " get the published trace with `ipa trace fetch`, or use trace='synthetic'"
            )
        raw = np.concatenate([trace_rps[start:end] for start, end in self.segments])
        damped = raw // self.damping_divisor
        found = (len(damped), damped.sum(), damped.min(), damped.max(), raw.min(), raw.max())
        published = (
            *(self.n_s, self.total_requests, self.min_rps, self.max_rps),
            *(self.raw_min_rps, self.raw_max_rps),
        )
        if found != published:
            raise TraceError(
                f"this trace is not the published one: workload {self.name} has (seconds, total, min, max,"
                f" raw min, raw max) = {tuple(map(int, found))}, published {published};"
                " get the published trace with `ipa trace fetch`, or use trace='synthetic'"
            )
        return damped


def excerpts() -> dict[str, Excerpt]:
    """Return the published excerpts by name."""
    return _read(data_dir() / "paper" / "workloads.csv")


def real_workload(name: str, path: Path) -> Workload:
    """Cut one excerpt from a trace file.

    Parameters
    ----------
    name
        One of :func:`excerpts`.
    path
        The trace; read once per process while it does not change.

    Returns
    -------
    Workload
        Its ``source`` is ``real``.

    Raises
    ------
    UnknownNameError
        If there is no such excerpt.
    TraceError
        If the trace is unreadable or not the published one.
    """
    table = excerpts()
    if name not in table:
        raise UnknownNameError("excerpt", name, table)
    trace_rps = _trace(path.resolve())
    return Workload(name, table[name].cut(trace_rps), "real", description=table[name].note)


@cached_by_content
def _trace(path: Path) -> Rates:
    return load_trace(path)


@cached_by_content
def _read(path: Path) -> dict[str, Excerpt]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["workload"] != _FULL_TRACE]
        return {row["workload"]: _excerpt(row) for row in rows}
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(
            path, "", f"cannot be read as the table of published workloads: {error!r}"
        ) from error


def _excerpt(row: dict[str, str]) -> Excerpt:
    segments = [segment.split("-") for segment in row["segments_trace_index"].split("+")]
    return Excerpt(
        name=row["workload"],
        segments=tuple((int(start), int(end)) for start, end in segments),
        damping_divisor=int(row["damping_divisor"]),
        n_s=int(row["n_s"]),
        total_requests=int(row["total_requests"]),
        min_rps=int(row["min_rps"]),
        max_rps=int(row["max_rps"]),
        p95_rps=float(row["p95_rps"]),
        p99_rps=float(row["p99_rps"]),
        raw_min_rps=int(row["raw_min_rps"]),
        raw_max_rps=int(row["raw_max_rps"]),
        note=row["note"],
    )
