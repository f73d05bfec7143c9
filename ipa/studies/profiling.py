"""Figure 2 and tables 2 to 4 of the paper, from the profiles, with the printed values beside."""

import math

import pandas as pd

from ipa.paper import published_table
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import base_allocation

DETECTION, CLASSIFICATION = "object-detection", "image-classification"

TABLE2_SERIES, TABLE2_LOAD_RPS = "83", "80"
"""Profiling series behind Table 2, offered more than any configuration can take."""

TABLE3_LOAD_RPS = 20.0

FIGURE2_SERIES, FIGURE2_LOAD_RPS = "82", "40"
"""Profiling series behind figure 2: one core, batch size 1, offered more than any variant can take."""


def figure2() -> pd.DataFrame:
    """Return the data of figure 2: accuracy, latency and throughput of the classifiers on one core.

    Returns
    -------
    pandas.DataFrame
        Per variant: accuracy in percent, measured mean and p99 latency in milliseconds and throughput in
        requests per second, and the latency and throughput that the paper draws.
    """
    measured = _read_measured(FIGURE2_SERIES, FIGURE2_LOAD_RPS)
    rows = []
    for drawn in published_table("fig2").to_dict("records"):
        point = measured.loc[(drawn["variant"], drawn["cores"])]
        rows.append(
            {
                "variant": drawn["variant"],
                "accuracy_pct": float(drawn["accuracy_pct"]),
                "mean_ms": 1000 * float(point["latency_avg_s"]),
                "p99_ms": 1000 * float(point["latency_p99_s"]),
                "published_ms": float(drawn["latency_ms"]),
                "throughput_rps": float(point["throughput_rps"]),
                "published_rps": float(drawn["throughput_rps"]),
            }
        )
    return pd.DataFrame(rows)


def _read_measured(series: str, load_rps: str) -> pd.DataFrame:
    """Return the profile rows of a series at batch size 1 by variant and cores."""
    profiles = published_table("profiles")
    return profiles[
        (profiles["series"] == series)
        & (profiles["offered_load_rps"] == load_rps)
        & (profiles["batch"] == "1")
    ].set_index(["variant", "cores"])


def table2() -> pd.DataFrame:
    """Return Table 2: latency and throughput of two classifiers on 1, 4 and 8 cores.

    Returns
    -------
    pandas.DataFrame
        Per variant and cores at batch size 1: mean and p99 latency in milliseconds and throughput in
        requests per second from the profiles, the printed latency and throughput, and which statistic the
        printed latency is.
    """
    measured = _read_measured(TABLE2_SERIES, TABLE2_LOAD_RPS)
    rows = []
    for row in published_table("table2").to_dict("records"):
        point = measured.loc[(row["variant"], row["cores"])]
        mean_ms, p99_ms = (1000 * float(point[f"latency_{what}_s"]) for what in ("avg", "p99"))
        near = "p99" if abs(p99_ms - float(row["latency_ms"])) <= 1 else "mean"
        rows.append(
            {
                "variant": row["variant"],
                "cores": int(row["cores"]),
                "mean (ms)": round(mean_ms, 1),
                "p99 (ms)": round(p99_ms, 1),
                "printed (ms)": float(row["latency_ms"]),
                "printed is": near,
                "throughput (requests/s)": round(float(point["throughput_rps"]), 1),
                "printed throughput": float(row["throughput_rps"]),
            }
        )
    return pd.DataFrame(rows)


def table3() -> pd.DataFrame:
    """Return Table 3: ways to run the two stages of the video pipeline at 20 requests per second.

    Returns
    -------
    pandas.DataFrame
        Per option: variant, replicas, batch size, p99 latency in milliseconds on the cores that its cost
        counts, the printed latency, cost in cores, printed cost, accuracy in percent, and the share of the
        rate that it carries in percent.
    """
    video = load_pipeline("video")
    rows = []
    for row in published_table("table3").to_dict("records"):
        stage = DETECTION if row["option"].startswith("A") else CLASSIFICATION
        variant = video.stage(stage).variant(row["variant"])
        cores = int(row["cores_per_replica"])
        plan = StagePlan(stage, variant.name, int(row["batch"]), int(row["replicas"]), cores)
        point = variant.profile_on(cores).at(plan.batch)
        carried_rps = plan.replicas * point.throughput_rps
        rows.append(
            {
                "option": row["option"],
                "variant": variant.name,
                "replicas": plan.replicas,
                "batch": plan.batch,
                "p99 (ms)": round(1000 * point.latency_p99_s, 1),
                "printed (ms)": float(row["latency_ms"]),
                "cost (cores)": Plan((plan,)).cost_cores,
                "printed cost": int(row["cost_cores"]),
                "accuracy (%)": round(100 * variant.accuracy, 2),
                "rate carried (%)": round(100 * min(1.0, carried_rps / TABLE3_LOAD_RPS)),
            }
        )
    return pd.DataFrame(rows)


def table4() -> pd.DataFrame:
    """Return Table 4: the base allocation of the detectors at three threshold rates.

    Returns
    -------
    pandas.DataFrame
        Per threshold and variant: the fewest profiled cores that sustain the threshold within the stage's
        published SLA (paper, Eq. 1; NaN if none), the printed ones (NaN: infeasible), and the cores that the
        variant was profiled on.
    """
    stage = load_pipeline("video").stage(DETECTION)
    rows = []
    for row in published_table("table4").to_dict("records"):
        variant = stage.variant(row["variant"])
        threshold_rps = float(row["threshold_rps"])
        cores = base_allocation(variant.profiles, threshold_rps, stage.sla_s or math.inf)
        rows.append(
            {
                "threshold (requests/s)": int(threshold_rps),
                "variant": variant.name,
                "cores": math.nan if cores is None else cores,
                "printed cores": float(row["cores"] or "nan"),
                "profiled on (cores)": _profiled_on(variant),
            }
        )
    return pd.DataFrame(rows)


def _profiled_on(variant: Variant) -> str:
    return ", ".join(str(profile.cores) for profile in variant.profiles)
