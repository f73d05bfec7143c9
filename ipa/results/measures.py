"""What a run is judged by: cost, accuracy, SLA violations, latency."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ipa.optimizer.decision import Status
from ipa.results.decisions import DecisionRecord
from ipa.results.requests import ERROR, RequestRecords
from ipa.results.switches import SwitchCounter


@dataclass(frozen=True, slots=True)
class Measures:
    """The figures of one run.

    Parameters
    ----------
    steps
        Decision steps, the deployment included.
    cost_mean_cores, cost_min_cores, cost_max_cores
        Cost of the decided plan, over all steps (the paper's cost); the cluster may still have to move to it.
    running_mean_cores
        Mean over time of the cores of all existing replicas, the overlap during a switch included.
    pas_mean, pas_min, pas_max
        Pipeline accuracy (product of accuracies, 0..1) over all steps.
    rank_sum_mean
        Rank-normalised accuracy of the first submission over all steps.
    measured_accuracy_mean
        Measured accuracy of the combinations of variants over all steps; NaN if the pipeline has none.
    requests, answered, dropped, errors
        Requests sent, answered, dropped, and ended with an error.
    violation_share
        Share of requests not answered within the SLA, drops and errors included; 0 if there were none.
    violating_seconds_share
        The paper's violation: share of the seconds of the workload, by sending time, in which the p99 latency
        of the answered requests exceeds the SLA; drops and errors are ignored.
    latency_mean_s, latency_p50_s, latency_p99_s
        End-to-end latency of the answered requests.
    second_p99_mean_s, second_p99_median_s
        Mean and median over seconds of the p99 latency of the answered requests.
    plan_changes
        Steps that changed variants, batch sizes or replicas.
    changed_steps_share
        Share of the steps after the deployment that changed variants, batch sizes or replicas.
    switches_per_hour
        Changes of the variant, the replicas or the batch size of a stage in the decided plan, per hour of the
        workload; a step that changes two of them in a stage counts twice.
    variant_switches_per_hour, replica_switches_per_hour, batch_switches_per_hour
        The same by kind.
    stage_switches_per_hour
        The same by stage and kind.
    held_steps
        Steps that kept the last good plan because a step failed or no plan was feasible.
    pending_steps
        Steps whose plan was not in force: it waited for room, or some of its replicas did not serve yet.
    infeasible_steps
        Steps at whose load no plan keeps the SLA within the limits of replicas and cores.
    skipped_ticks
        Steps that were left out because their time had passed.
    """

    steps: int
    cost_mean_cores: float
    cost_min_cores: int
    cost_max_cores: int
    running_mean_cores: float
    pas_mean: float
    pas_min: float
    pas_max: float
    rank_sum_mean: float
    measured_accuracy_mean: float
    requests: int
    answered: int
    dropped: int
    errors: int
    violation_share: float
    violating_seconds_share: float
    latency_mean_s: float
    latency_p50_s: float
    latency_p99_s: float
    second_p99_mean_s: float
    second_p99_median_s: float
    plan_changes: int
    changed_steps_share: float
    switches_per_hour: float
    variant_switches_per_hour: float
    replica_switches_per_hour: float
    batch_switches_per_hour: float
    stage_switches_per_hour: Mapping[str, Mapping[str, float]]
    held_steps: int
    pending_steps: int
    infeasible_steps: int
    skipped_ticks: int


def measure(
    decisions: Sequence[DecisionRecord],
    requests: RequestRecords,
    *,
    sla_s: float,
    duration_s: int,
    running_core_seconds: float,
) -> Measures:
    """Compute the figures of one run.

    Parameters
    ----------
    decisions
        Records of all steps, at least one.
    requests
        Account of every request.
    sla_s
        End-to-end SLA that violations are counted against, in seconds.
    duration_s
        Length of the workload in seconds.
    running_core_seconds
        Integral over the workload of the cores of all existing replicas.

    Returns
    -------
    Measures
        Latencies are NaN where no request was answered.
    """
    costs = [record.cost_cores for record in decisions]
    accuracies = [record.pas for record in decisions]
    measured = [record.measured_accuracy for record in decisions]
    switches, hours = _switches(decisions), duration_s / 3600
    answered = ~np.isnan(requests.latency_s)
    latency_s = requests.latency_s[answered]
    second_p99_s = p99_by_second(requests.arrival_s[answered], latency_s, duration_s)
    in_time, errors = int((latency_s <= sla_s).sum()), int((requests.outcome == ERROR).sum())
    return Measures(
        steps=len(decisions),
        cost_mean_cores=float(np.mean(costs)),
        cost_min_cores=min(costs),
        cost_max_cores=max(costs),
        running_mean_cores=running_core_seconds / duration_s,
        pas_mean=float(np.mean(accuracies)),
        pas_min=min(accuracies),
        pas_max=max(accuracies),
        rank_sum_mean=float(np.mean([record.rank_sum for record in decisions])),
        measured_accuracy_mean=_mean_known(measured),
        requests=len(requests.arrival_s),
        answered=int(answered.sum()),
        dropped=len(requests.arrival_s) - int(answered.sum()) - errors,
        errors=errors,
        violation_share=1 - in_time / len(requests.arrival_s) if len(requests.arrival_s) else 0.0,
        violating_seconds_share=float((second_p99_s > sla_s).sum() / duration_s),
        latency_mean_s=_statistic(latency_s, None),
        latency_p50_s=_statistic(latency_s, 50),
        latency_p99_s=_statistic(latency_s, 99),
        second_p99_mean_s=_statistic(second_p99_s[~np.isnan(second_p99_s)], None),
        second_p99_median_s=_statistic(second_p99_s[~np.isnan(second_p99_s)], 50),
        plan_changes=switches.changed_steps,
        changed_steps_share=switches.changed_steps_share,
        switches_per_hour=switches.total / hours,
        variant_switches_per_hour=switches.of_kind("variant") / hours,
        replica_switches_per_hour=switches.of_kind("replicas") / hours,
        batch_switches_per_hour=switches.of_kind("batch") / hours,
        stage_switches_per_hour=switches.by_stage_per_hour(hours),
        held_steps=sum(record.action == "held" for record in decisions),
        pending_steps=sum(record.action == "pending" for record in decisions),
        infeasible_steps=sum(record.status == Status.INFEASIBLE for record in decisions),
        skipped_ticks=sum(record.skipped_ticks for record in decisions),
    )


def _mean_known(values: Sequence[float | None]) -> float:
    """Return the mean; where a value is missing the NaN of ``math``, which measures compare as the same."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else math.nan


def p99_by_second(
    arrival_s: NDArray[np.float64], latency_s: NDArray[np.float64], duration_s: int
) -> NDArray[np.float64]:
    """Return the 99th percentile of the latency of the requests sent in each second.

    Parameters
    ----------
    arrival_s, latency_s
        Sending time and latency of the answered requests in seconds, shape (n,).
    duration_s
        Number of one-second bins; requests sent later count in the last one.

    Returns
    -------
    numpy.ndarray
        Seconds, shape (duration_s,); NaN where no request was answered.
    """
    second = np.minimum(arrival_s.astype(np.int64), duration_s - 1)
    ordered_s = latency_s[np.lexsort((latency_s, second))]
    count = np.bincount(second, minlength=duration_s)
    first = np.cumsum(count) - count
    # Linear interpolation between the order statistics around rank 0.99 (n - 1), as NumPy's percentile does.
    rank = 0.99 * (count - 1)
    low = np.floor(rank).astype(np.int64)
    result = np.full(duration_s, np.nan)
    some = count > 0
    below = ordered_s[(first + low)[some]]
    above = ordered_s[(first + np.minimum(low + 1, count - 1))[some]]
    result[some] = below + (rank - low)[some] * (above - below)
    return result


def _statistic(values: NDArray[np.float64], percentile: float | None) -> float:
    if not len(values):
        return float("nan")
    return float(np.mean(values) if percentile is None else np.percentile(values, percentile))


def _switches(decisions: Sequence[DecisionRecord]) -> SwitchCounter:
    counter = SwitchCounter()
    for record in decisions:
        counter.add(record.plan)
    return counter
