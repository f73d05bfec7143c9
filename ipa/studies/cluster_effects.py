"""What each property of a real cluster changes: one run per setting and seed, compared with the plain run."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ipa.experiments.finished import FinishedRun, finished_runs
from ipa.experiments.grid import Progress, run_grid
from ipa.experiments.resolved import resolve
from ipa.experiments.simulate import settings_of
from ipa.experiments.spec import RunSpec
from ipa.results.folder import KEPT_MEASURES
from ipa.results.intervals import mean_interval, paired_interval

OVERLOAD = 1.3
"""Profile error under which the drop policies are compared: without overload there is nothing to drop."""

TIGHT = (1.0, 0.75)
"""Core limits, as multiples of the most cores that a plan of the plain run takes."""

MEASURES = ("violation_share", "latency_p99_s", "dropped_share", "running_mean_cores", "cost_mean_cores")
"""What is compared; ``dropped_share`` is dropped over sent."""


@dataclass(frozen=True)
class Effect:
    """A setting that differs from the plain run.

    Parameters
    ----------
    group
        Which property of the cluster it is.
    label
        Its value, as printed.
    changes
        Fields of ``RunSpec``.
    cluster
        Fields of the ``ClusterSettings`` that the simulator assumes.
    settings
        Further fields of its ``SimulatedSettings``.
    """

    group: str
    label: str
    changes: dict[str, Any] = field(default_factory=dict)
    cluster: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def of(self, base: RunSpec) -> RunSpec:
        """Return a run with this effect."""
        cluster = replace(settings_of(base).cluster, **self.cluster)
        return replace(base, **self.changes).with_settings(cluster=cluster, **self.settings)


PLAIN = Effect("plain", "defaults")


def _cluster(group: str, label: str, **changes: Any) -> Effect:
    return Effect(group, label, cluster=changes)


EFFECTS = (
    _cluster("start-up", "0 s instead of 8 s", start_up_s=0.0),
    _cluster("start-up", "30 s instead of 8 s", start_up_s=30.0),
    _cluster("switching", "stop-start", switching="stop-start"),
    _cluster("replicas die", "every 10 min on average", mean_life_s=600.0),
    _cluster("replicas die", "every 2 min on average", mean_life_s=120.0),
    _cluster("stragglers", "10 % of replicas, 3 × slower", straggler_share=0.1),
    _cluster("stragglers", "30 % of replicas, 3 × slower", straggler_share=0.3),
    _cluster("profile error", "batches take 1.1 ×", profile_error=1.1),
    _cluster("profile error", f"batches take {OVERLOAD} ×", profile_error=OVERLOAD),
    Effect("network", "20 ms per hop", settings={"network_delay_s": 0.02}),
    Effect("network", "200 ms per hop", settings={"network_delay_s": 0.2}),
    _cluster("router", "50 ms per request", router_delay_s=0.05),
    _cluster("queue overhead", "5 ms per batch", dispatch_s=0.005),
    _cluster("queue overhead", "20 ms per batch", dispatch_s=0.02),
    *(
        Effect(f"drop, at {OVERLOAD} ×", label, changes, {"profile_error": OVERLOAD})
        for label, changes in (
            ("never", {"drop": "none"}),
            ("older than twice the SLA", {"drop": "sla", "drop_multiple": 2.0}),
            ("older than the SLA", {"drop": "sla"}),
            ("deadline per stage", {"drop": "stage-deadline"}),
            ("at the first stage only", {"drop": "admission"}),
        )
    ),
)
"""Every property of a cluster, the network delay and the drop policies; core limits depend on the run."""


def run_effects(
    base: RunSpec, results_dir: Path, *, seeds: int, jobs: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Run every effect with some seeds and compare it with the plain run of the same seed.

    Parameters
    ----------
    base
        The plain run; its seed is the first.
    results_dir
        Where the results lie; complete runs are reused.
    seeds
        Repetitions. Arrivals and service times are the same for all effects of a seed.
    jobs
        Processes to use.
    progress
        Called as runs end.

    Returns
    -------
    pandas.DataFrame
        One row per effect, the plain one first: ``group``, ``label``, ``seeds``, and for each of
        ``MEASURES`` its mean, ``<measure>_change`` against the plain run, and ``<measure>_interval``, half
        the width of the 95 % confidence interval of that change.
    """
    plain = _specs(base, PLAIN, seeds)
    run_grid(plain, results_dir, jobs, progress, KEPT_MEASURES)
    most_cores = max(int(run.summary()["cost_max_cores"]) for run in finished_runs(plain, results_dir))
    effects = (*EFFECTS, *core_limits(most_cores))
    specs = {effect.group + effect.label: _specs(base, effect, seeds) for effect in effects}
    changed = [spec for several in specs.values() for spec in several]
    run_grid(changed, results_dir, jobs, progress, KEPT_MEASURES)
    reference = _measures(plain, results_dir)
    rows = [_row(PLAIN, reference, reference)]
    rows += [_row(e, _measures(specs[e.group + e.label], results_dir), reference) for e in effects]
    return pd.DataFrame(rows)


def core_limits(most_cores: int) -> tuple[Effect, ...]:
    """Return limits that are just tight, given the most cores that a plan takes without one."""
    limits = [max(round(share * most_cores), 1) for share in TIGHT]
    return tuple(
        _cluster("core limit", f"{limit} cores{', stop-start' if stop else ''}", core_limit=limit, **stop)
        for limit in dict.fromkeys(limits)
        for stop in ({}, {"switching": "stop-start"})
    )


def _specs(base: RunSpec, effect: Effect, seeds: int) -> list[RunSpec]:
    return [resolve(effect.of(replace(base, seed=base.seed + more))) for more in range(seeds)]


def _summary(run: FinishedRun) -> dict[str, Any]:
    summary = run.summary()
    summary["dropped_share"] = summary["dropped"] / max(summary["requests"], 1)
    return summary


def _measures(specs: Sequence[RunSpec], results_dir: Path) -> dict[str, list[float]]:
    summaries = [_summary(run) for run in finished_runs(specs, results_dir)]
    # A measure that is null was not defined: a latency where nobody was answered.
    return {
        name: [np.nan if summary[name] is None else float(summary[name]) for summary in summaries]
        for name in MEASURES
    }


def _row(effect: Effect, found: dict[str, list[float]], plain: dict[str, list[float]]) -> dict[str, object]:
    row: dict[str, object] = {"group": effect.group, "label": effect.label, "seeds": len(found[MEASURES[0]])}
    for name in MEASURES:
        change = paired_interval(found[name], plain[name])
        row |= {
            name: mean_interval(found[name]).mean,
            f"{name}_change": change.mean,
            f"{name}_interval": change.half_width,
        }
    return row


def effects_table(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the effects in printed units.

    Parameters
    ----------
    effects
        Rows of ``run_effects``.
    """
    return pd.DataFrame(
        {
            "late or lost (%)": (100 * effects["violation_share"]).round(2),
            "change": (100 * effects["violation_share_change"]).round(2),
            "±": (100 * effects["violation_share_interval"]).round(2),
            "latency p99 (s)": effects["latency_p99_s"].round(2),
            "p99 ±": effects["latency_p99_s_interval"].round(2),
            "dropped (%)": (100 * effects["dropped_share"]).round(2),
            "dropped ±": (100 * effects["dropped_share_interval"]).round(2),
            "cores running": effects["running_mean_cores"].round(2),
            "cores ±": effects["running_mean_cores_interval"].round(2),
            "cores decided": effects["cost_mean_cores"].round(2),
        }
    ).set_index(pd.MultiIndex.from_frame(effects[["group", "label"]]))
