"""Workloads by name: the paper's excerpts, constant rates, a user's own file, and whatever is registered.

A new workload is one function under a name::

    @WORKLOADS.named("two-steps")
    def two_steps(request: WorkloadRequest) -> Workload:
        return Workload("two-steps", np.repeat([5, 20], 600), "synthetic")
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ipa.errors import InvalidValueError, TraceError, UnknownNameError
from ipa.registry import Registry
from ipa.workload.excerpts import real_workload
from ipa.workload.synthetic import synthetic_workload
from ipa.workload.trace import MAX_RATE_RPS, TRACE_VARIABLE, find_trace, load_trace
from ipa.workload.workload import Workload

TraceChoice = Literal["auto", "real", "synthetic"]
PAPER_WORKLOADS = ("bursty", "steady-low", "steady-high", "fluctuating")
DEFAULT_DURATION_S = 1200

_CONSTANT = re.compile(r"constant-(\d+)")


@dataclass(frozen=True, slots=True)
class WorkloadRequest:
    """What a workload may depend on.

    Parameters
    ----------
    trace
        ``real``: the published trace, an error if there is none; ``synthetic``: the generated twin; ``auto``:
        the real one if it is on this machine.
    seed
        Seed of whatever is random.
    duration_s
        Length that was asked for; None leaves it to the workload. A longer result is cut by the caller.
    """

    trace: TraceChoice = "auto"
    seed: int = 0
    duration_s: int | None = None


WORKLOADS = Registry[Callable[[WorkloadRequest], Workload]]("workload")


def excerpt_or_twin(name: str, request: WorkloadRequest) -> Workload:
    """Return a paper workload, cut from the real trace or generated, as the request says."""
    path = None if request.trace == "synthetic" else find_trace()
    if path is not None:
        return real_workload(name, path)
    if request.trace == "real":
        raise TraceError(
            f"no load trace on this machine; get it with `ipa trace fetch`, set {TRACE_VARIABLE} to a copy,"
            " or use trace='synthetic'"
        )
    return synthetic_workload(name, seed=request.seed)


for _name in PAPER_WORKLOADS:
    WORKLOADS.register(_name, partial(excerpt_or_twin, _name))


def constant_workload(rate_rps: int, *, duration_s: int = DEFAULT_DURATION_S) -> Workload:
    """Return a workload with the same number of requests in every second.

    Parameters
    ----------
    rate_rps
        Requests in each second, at least 0.
    duration_s
        Length, at least 1 s.

    Returns
    -------
    Workload
        Named ``constant-<rate>``.

    Examples
    --------
    >>> constant_workload(5, duration_s=3).rates_rps
    array([5, 5, 5])
    """
    if not 0 <= rate_rps <= MAX_RATE_RPS:
        raise InvalidValueError(f"a constant rate must lie between 0 and {MAX_RATE_RPS}, got {rate_rps}")
    rates_rps = np.full(duration_s, rate_rps, dtype=np.int64)
    return Workload(
        f"constant-{rate_rps}", rates_rps, "synthetic", description=f"{rate_rps} requests per second"
    )


def file_workload(path: Path | str) -> Workload:
    """Read a user's own workload: one whole number per second, separated by spaces or line ends.

    Parameters
    ----------
    path
        The file, read as it is (no damping); may be compressed.

    Returns
    -------
    Workload
        Named after the file without its ending.

    Raises
    ------
    TraceError
        If the file is missing or holds anything else.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise TraceError(f"workload file {path} not found; give a file or one of {', '.join(WORKLOADS)}")
    return Workload(file.name.split(".")[0] or file.name, load_trace(file), "file", description=str(path))


def load_workload(
    name: str, *, trace: TraceChoice = "auto", seed: int = 0, duration_s: int | None = None
) -> Workload:
    """Load a workload by name or from a file.

    Parameters
    ----------
    name
        A name of ``WORKLOADS``, ``constant-<rate>`` (whole requests per second), or the path of a file.
    trace
        Where the paper's excerpts come from: ``real``, ``synthetic`` or, by default, the real trace if it is
        on this machine. No other workload depends on it.
    seed
        Seed of a synthetic workload.
    duration_s
        Only the first so many seconds; a constant workload has any length, 1200 s by default.

    Returns
    -------
    Workload
        Requests per second and where they come from.

    Raises
    ------
    UnknownNameError
        If the name is none of these.
    InvalidValueError
        If an argument is outside its domain or the workload is shorter than ``duration_s``.
    TraceError
        If the trace or file cannot be used.

    Examples
    --------
    >>> load_workload("bursty", trace="synthetic", duration_s=600).duration_s
    600
    """
    if trace not in get_args(TraceChoice):
        raise UnknownNameError("trace", trace, get_args(TraceChoice))
    if duration_s is not None and duration_s < 1:
        raise InvalidValueError(f"duration_s must be at least 1, got {duration_s}")
    workload = _resolve(name, WorkloadRequest(trace, seed, duration_s))
    if duration_s is None or duration_s == workload.duration_s:
        return workload
    if duration_s > workload.duration_s:
        raise InvalidValueError(
            f"workload {name} has {workload.duration_s} seconds, duration_s={duration_s} asks for more"
        )
    return replace(workload, rates_rps=workload.rates_rps[:duration_s])


def _resolve(name: str, request: WorkloadRequest) -> Workload:
    if name in WORKLOADS:
        return WORKLOADS[name](request)
    if constant := _CONSTANT.fullmatch(name):
        return constant_workload(int(constant[1]), duration_s=request.duration_s or DEFAULT_DURATION_S)
    if Path(name).is_file() or Path(name).suffix or len(Path(name).parts) > 1:
        return file_workload(name)
    raise UnknownNameError("workload", name, [*WORKLOADS, "constant-<rate>", "path/to/file.txt"])
