"""Workloads: how many requests arrive in each second of a run, and when exactly.

:func:`load_workload` returns a :class:`Workload`, requests per second with a note where they come from: one
of the four excerpts of the paper (cut from the real 21-day trace where :func:`find_trace` finds it, else its
synthetic twin), a constant rate, or a user's own file; ``WORKLOADS`` takes new ones. :func:`arrival_times`
turns its rates into the arrival time of every request under one of ``ARRIVAL_PROCESSES``.
:func:`fetch_trace` downloads the trace, :func:`load_trace` and :func:`describe_trace` read it.
"""

from ipa.paper import PAPER_WORKLOADS
from ipa.workload.arrivals import ARRIVAL_PROCESSES, arrival_times
from ipa.workload.catalogue import WORKLOADS, WorkloadRequest, check_workload, load_workload
from ipa.workload.fetch import fetch_trace
from ipa.workload.trace import TraceInfo, describe_trace, find_trace, load_trace
from ipa.workload.workload import Workload

__all__ = [
    "ARRIVAL_PROCESSES",
    "PAPER_WORKLOADS",
    "WORKLOADS",
    "TraceInfo",
    "Workload",
    "WorkloadRequest",
    "arrival_times",
    "check_workload",
    "describe_trace",
    "fetch_trace",
    "find_trace",
    "load_trace",
    "load_workload",
]
