"""Workloads by name: the paper's excerpts, constant rates, a user's own file, and whatever is registered.

A new workload is one function under a name::

    @WORKLOADS.named("two-steps")
    def two_steps(request: WorkloadRequest) -> Workload:
        return Workload("two-steps", np.repeat([5, 20], 600), "synthetic")
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ipa.errors import InvalidValueError, TraceError, UnknownNameError, brief
from ipa.file_stamps import FileStamp, file_stamp
from ipa.files import is_regular_file
from ipa.limits import DURATION_S, RATE_RPS, REQUESTS
from ipa.paper import PAPER_WORKLOADS
from ipa.registry import Registry
from ipa.workload.excerpts import real_workload
from ipa.workload.load_formats import Gaps, LoadFormat
from ipa.workload.synthetic import synthetic_workload
from ipa.workload.trace import TRACE_VARIABLE, find_trace, load_trace
from ipa.workload.workload import Rates, Workload

TraceChoice = Literal["auto", "real", "synthetic"]
DEFAULT_DURATION_S = 1200

_BY_RATE = re.compile(r"(constant|poisson)-([0-9]+)")


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
    RATE_RPS.check("a constant rate", rate_rps)
    DURATION_S.check("duration_s", duration_s)
    _demand_few_requests(f"constant-{rate_rps} over {duration_s:,} s", rate_rps * duration_s)
    rates_rps = np.full(duration_s, rate_rps, dtype=np.int64)
    return Workload(
        f"constant-{rate_rps}", rates_rps, "synthetic", description=f"{rate_rps} requests per second"
    )


def poisson_workload(rate_rps: int, *, duration_s: int = DEFAULT_DURATION_S, seed: int = 0) -> Workload:
    """Return a workload of constant mean: the requests of each second are a Poisson number.

    Parameters
    ----------
    rate_rps
        Mean requests per second, at least 0.
    duration_s
        Length, at least 1 s.
    seed
        Of the numbers.

    Returns
    -------
    Workload
        Named ``poisson-<rate>``.

    Examples
    --------
    >>> poisson_workload(5, duration_s=4, seed=1).rates_rps
    array([1, 6, 7, 5])
    """
    RATE_RPS.check("the mean of a Poisson load", rate_rps)
    DURATION_S.check("duration_s", duration_s)
    _demand_few_requests(f"poisson-{rate_rps} over {duration_s:,} s", rate_rps * duration_s)
    rates_rps = np.random.default_rng([seed, 3]).poisson(rate_rps, duration_s)
    described = f"{rate_rps} requests per second on average, Poisson"
    return Workload(f"poisson-{rate_rps}", rates_rps, "synthetic", seed=seed, description=described)


def file_workload(path: Path | str, load_format: LoadFormat = "rates", gaps: Gaps = "refuse") -> Workload:
    """Read a user's own workload; it is read again only when it has changed.

    Parameters
    ----------
    path
        The file, read as it is (no damping); may be compressed.
    load_format, gaps
        What its numbers mean, as :func:`~ipa.workload.trace.load_trace` takes them.

    Returns
    -------
    Workload
        Named after the file without its ending.

    Raises
    ------
    TraceError
        If the file is missing or holds anything else.
    """
    file = _existing(path)
    rates_rps = _file_rates(file.absolute(), file_stamp(file), load_format, gaps)
    return Workload(file.name.split(".")[0] or file.name, rates_rps, "file", description=str(path))


def _existing(path: Path | str) -> Path:
    file = Path(path).expanduser()
    if not is_regular_file(file):
        raise TraceError(
            f"workload file {brief(str(path), 200)} not found, or no regular file; give a file or one of"
            f" {', '.join(WORKLOADS)}"
        )
    return file


@lru_cache(maxsize=4)
def _file_rates(file: Path, _stamp: FileStamp, load_format: LoadFormat, gaps: Gaps) -> Rates:
    return load_trace(file, load_format=load_format, gaps=gaps)


def check_workload(name: str) -> None:
    """Raise unless a name is that of a workload or of a file there is, which is not read.

    Raises
    ------
    UnknownNameError
        If the name is none of a workload.
    TraceError
        If there is no such file.
    """
    if _is_file_name(name):
        _existing(name)
    elif name not in WORKLOADS and not _BY_RATE.fullmatch(name):
        raise _unknown(name)


def load_workload(
    name: str,
    *,
    trace: TraceChoice = "auto",
    seed: int = 0,
    duration_s: int | None = None,
    load_format: LoadFormat = "rates",
    gaps: Gaps = "refuse",
) -> Workload:
    """Load a workload by name or from a file.

    Parameters
    ----------
    name
        A name of ``WORKLOADS``, ``constant-<rate>`` or ``poisson-<rate>`` (whole requests per second, of
        ``poisson`` the mean), or the path of a file.
    trace
        Where the paper's excerpts come from: ``real``, ``synthetic`` or, by default, the real trace if it is
        on this machine. No other workload depends on it.
    seed
        Seed of a synthetic workload.
    duration_s
        Only the first so many seconds; one of a rate has any length, 1200 s by default.
    load_format, gaps
        What the numbers of a file mean (``rates``, ``timestamps``, ``per-minute``), and what happens to
        seconds that it leaves out (``refuse``, ``fill``).

    Returns
    -------
    Workload
        Requests per second and where they come from.

    Raises
    ------
    UnknownNameError
        If the name is none of these.
    InvalidValueError
        If an argument is outside its domain, the workload is shorter than ``duration_s``, or it has more
        requests than ``ipa.limits.REQUESTS``.
    TraceError
        If the trace or file cannot be used.

    Examples
    --------
    >>> load_workload("bursty", trace="synthetic", duration_s=600).duration_s
    600
    """
    if trace not in get_args(TraceChoice):
        raise UnknownNameError("trace", trace, get_args(TraceChoice))
    if duration_s is not None:
        DURATION_S.check("duration_s", duration_s)
    if _is_file_name(name):
        workload = file_workload(name, load_format, gaps)
    elif load_format != "rates":
        raise InvalidValueError(f"only a file has the format {load_format}; {brief(name)} is no file")
    else:
        workload = _resolve(name, WorkloadRequest(trace, seed, duration_s))
    if duration_s is not None and duration_s > workload.duration_s:
        raise InvalidValueError(
            f"workload {brief(name, 200)} has {workload.duration_s} seconds,"
            f" duration_s={duration_s} asks for more"
        )
    if duration_s is not None and duration_s < workload.duration_s:
        workload = replace(workload, rates_rps=workload.rates_rps[:duration_s])
    _demand_few_requests(brief(name, 200), workload.total_requests)
    return workload


def _demand_few_requests(what: str, requests: int) -> None:
    if requests > REQUESTS.high:
        raise InvalidValueError(
            f"workload {what} has {requests:,} requests, a run takes at most {REQUESTS.high:,};"
            " use fewer seconds of it (duration_s, --duration) or lower rates"
        )


def _is_file_name(name: str) -> bool:
    """Whether a name that is no workload stands for a file: there is one, or it is written like a path."""
    if name in WORKLOADS or _BY_RATE.fullmatch(name):
        return False
    return is_regular_file(Path(name)) or bool(Path(name).suffix) or len(Path(name).parts) > 1


def _resolve(name: str, request: WorkloadRequest) -> Workload:
    if name in WORKLOADS:
        return WORKLOADS[name](request)
    if by_rate := _BY_RATE.fullmatch(name):
        kind, digits = by_rate[1], by_rate[2].lstrip("0") or "0"
        rate_rps = int(digits) if len(digits) < 20 else int(1e20)
        duration_s = request.duration_s or DEFAULT_DURATION_S
        if kind == "poisson":
            return poisson_workload(rate_rps, duration_s=duration_s, seed=request.seed)
        return constant_workload(rate_rps, duration_s=duration_s)
    raise _unknown(name)


def _unknown(name: str) -> UnknownNameError:
    allowed = [*WORKLOADS, "constant-<rate>", "poisson-<rate>", "path/to/file.txt"]
    return UnknownNameError("workload", name, allowed)
