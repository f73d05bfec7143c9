"""Claims that the published measurements and parameters alone bear out or contradict."""

import math

import numpy as np

from ipa.pipeline.load import load_pipeline, pipeline_names
from ipa.pipeline.plan import Plan, StagePlan, plan_defects
from ipa.pipeline.profiles import base_allocation, quadratic_fit
from ipa.report.claims.check import CHECKS, Finding, own
from ipa.report.claims.compare import grade
from ipa.report.claims.evidence import Evidence

BATCHES_OF_A_FULL_PROFILE = 5
"""Batch sizes (1, 2, 8, 32, 64) of the profiles that the fit can be tried on."""


@CHECKS.named("C21")
def equal_configurations(evidence: Evidence) -> Finding:
    """Look up ResNet18 on 1 core and ResNet50 on 4 cores."""
    claimed = evidence.claim("C21").claimed
    found = {
        (row["variant"], row["cores"]): (
            float(row["measured_latency_p99_ms"]),
            float(row["measured_throughput_rps"]),
        )
        for _, row in evidence.table("table2").iterrows()
        if (row["variant"], row["cores"]) in {("resnet18", "1"), ("resnet50", "4")}
    }
    slowest_ms = max(latency_ms for latency_ms, _ in found.values())
    least_rps = min(rate for _, rate in found.values())
    slack = claimed["within_pct"] / 100
    return Finding(
        grade(
            slowest_ms <= claimed["latency_ms"] * (1 + slack)
            and least_rps >= claimed["throughput_rps"] * (1 - slack)
        ),
        "; ".join(
            f"{name} on {cores}: {ms:.1f} ms at {rps:.1f} rps" for (name, cores), (ms, rps) in found.items()
        ),
        {"slowest_ms": slowest_ms, "least_rps": least_rps},
    )


def _motivation_plans() -> dict[str, Plan]:
    """Return the plans of the paper's Table 3 at batch size 1: (A1, B1) and (A2, B2)."""

    def plan(detector: tuple[str, int, int], classifier: tuple[str, int, int]) -> Plan:
        return Plan(
            tuple(
                StagePlan(stage, variant, 1, replicas, cores)
                for stage, (variant, replicas, cores) in (
                    ("object-detection", detector),
                    ("image-classification", classifier),
                )
            )
        )

    return {
        "A1, B1": plan(("yolov5n", 2, 1), ("resnet18", 2, 1)),
        "A2, B2": plan(("yolov5m", 5, 2), ("resnet50", 3, 1)),
    }


@CHECKS.named("C22")
def both_plans_feasible(evidence: Evidence) -> Finding:
    """Check both motivation plans against the profiles at 20 rps and 600 ms."""
    claimed = evidence.claim("C22").claimed
    video = load_pipeline("video")
    plans = _motivation_plans()
    defects = {
        name: plan_defects(video, plan, claimed["rate_rps"], claimed["sla_s"]) for name, plan in plans.items()
    }
    costs = [plan.cost_cores for plan in plans.values()]
    feasible = sum(not found for found in defects.values())
    as_stated = costs == [claimed["first_cores"], claimed["second_cores"]]
    return Finding(
        grade(feasible == len(plans) and as_stated, partly=feasible == len(plans)),
        "; ".join(
            f"({name}): {plans[name].cost_cores} cores, {'; '.join(found) or 'feasible'}"
            for name, found in defects.items()
        ),
        {"first_cores": costs[0], "second_cores": costs[1], "feasible_plans": feasible},
    )


@CHECKS.named("C23")
def heavy_rules_out_heavy(evidence: Evidence) -> Finding:
    """Check whether (A2, B2) breaks an SLA of 500 ms."""
    latency_ms = 1000 * _motivation_plans()["A2, B2"].latency_s(load_pipeline("video"))
    return Finding(
        grade(latency_ms > evidence.claim("C23").claimed["latency_ms"]),
        f"(A2, B2) takes {latency_ms:.0f} ms on its base allocation",
        {"ruled_out": latency_ms > evidence.claim("C23").claimed["latency_ms"]},
    )


@CHECKS.named("C24")
def allocation_threshold(evidence: Evidence) -> Finding:
    """Compare the base allocations of Table 4 at 5 rps with those of the runs."""
    printed = evidence.table("table4")
    at_5_rps = printed[printed["threshold_rps"] == "5"]
    table = {str(row["variant"]): str(row["cores"]) for _, row in at_5_rps.iterrows()}
    used = {variant.name: str(variant.base_cores) for variant in load_pipeline("video").stages[0].variants}
    same = sum(table[name] == cores for name, cores in used.items())
    return Finding(
        grade(same == len(used)),
        f"Table 4: {'/'.join(table.values())} cores; the runs: {'/'.join(used.values())}",
        {"same_variants": same},
    )


@CHECKS.named("C26")
def sla_rule(evidence: Evidence) -> Finding:
    """Compute five times the mean batch-1 latency and compare with Table 6."""
    table = evidence.table("slas").set_index("pipeline")["sla_table6_s"].astype(float)
    computed = {
        name: sum(stage.computed_sla_s() for stage in load_pipeline(name).stages)
        for name in pipeline_names()
        if name in table.index
    }
    within = evidence.claim("C26").claimed["within_pct"] / 100
    met = [name for name, sla_s in computed.items() if abs(sla_s / table[name] - 1) <= within]
    return Finding(
        grade(len(met) == len(computed), partly=len(met) > len(computed) / 2),
        ", ".join(f"{name} {sla_s:.2f} s (Table 6: {table[name]:.2f})" for name, sla_s in computed.items()),
        {"met_pipelines": len(met)},
    )


@CHECKS.named("C32")
def same_setting(evidence: Evidence) -> Finding:
    """Count the figures in which methods differ in a parameter that is not their definition."""
    runs = evidence.table("runs")
    shared = ["alpha", "beta", "threshold_rps", "throughput_margin_pct", "predictor_margin_pct"]
    figures = runs.groupby(["edition", "pipeline"])[shared].nunique()
    mixed = int((figures > 1).any(axis=1).sum())
    return Finding(
        grade(not mixed),
        f"{mixed} of {len(figures)} figures mix parameters between methods or loads",
        {"claim_holds": not mixed},
    )


@CHECKS.named("C25")
def allocation_rule(evidence: Evidence) -> Finding:
    """Apply Eq. 1 with the published margins wherever several core counts are profiled."""
    same = total = 0
    for row in evidence.table("allocations").query("edition == 'v3'").itertuples():
        stage = load_pipeline(str(row.pipeline)).stage(str(row.stage))
        profiles = stage.variant(str(row.variant)).profiles
        if len(profiles) > 1:
            margin = 1 + float(str(row.throughput_margin_pct)) / 100
            total += 1
            same += (
                str(base_allocation(profiles, float(str(row.threshold_rps)) / margin, math.inf)) == row.cores
            )
    return Finding(
        grade(same == total, partly=same > total / 2),
        f"the fewest cores that sustain the threshold are those of the runs in {same} of {total} cases",
        {"claim_holds": same == total},
    )


@CHECKS.named("C28")
def quadratic_fit_predicts(evidence: Evidence) -> Finding:
    """Fit three of the measured batch sizes and predict the others, for every profile with five."""
    table = evidence.table("profiles")
    measured = table[(table["latency_p99_s"] != "") & (table["kind"] == "measured")]
    keys = ["stage", "variant", "cores", "series", "offered_load_rps"]
    errors = [
        error
        for _, group in measured.groupby(keys)
        if len(group) == BATCHES_OF_A_FULL_PROFILE
        for error in _prediction_errors_pct(
            dict(zip(group["batch"].astype(int), group["latency_p99_s"].astype(float), strict=True))
        )
    ]
    return own(
        f"fitted on batch sizes 1, 8 and 64, the p99 at 2 and 32 is off by {np.median(errors):.0f} %"
        f" (median of {len(errors)}), {max(errors):.0f} % at worst; no published run used the fit",
        median_error_pct=float(np.median(errors)),
    )


def _prediction_errors_pct(latency_s: dict[int, float]) -> list[float]:
    """Return the errors at the batch sizes between the smallest, middle and largest, which are fitted."""
    batches = sorted(latency_s)
    known = [batches[0], batches[len(batches) // 2], batches[-1]]
    fit = quadratic_fit(known, [latency_s[batch] for batch in known])
    return [
        100 * abs(float(np.polyval(fit, batch)) / latency_s[batch] - 1)
        for batch in batches
        if batch not in known
    ]


@CHECKS.named("C29")
def drop_rule(evidence: Evidence) -> Finding:
    """Compare the drop limits of the runs with the SLA."""
    slas = evidence.table("slas")
    ratios = {
        str(row.pipeline): float(str(row.drop_limit_s)) / float(str(row.sla_table6_s))
        for row in slas.itertuples()
    }
    claimed = evidence.claim("C29").claimed
    within = claimed["within_pct"] / 100
    met = [name for name, ratio in ratios.items() if abs(ratio / claimed["factor"] - 1) <= within]
    return Finding(
        grade(len(met) == len(ratios), partly=len(met) > len(ratios) / 2),
        "drop limit over SLA: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()),
        {"met_pipelines": len(met)},
    )
