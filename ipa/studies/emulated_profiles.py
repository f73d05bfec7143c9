"""What pods of a cluster take beside what their emulated models were told to take."""

from collections.abc import Sequence

import pandas as pd

from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Pipeline
from ipa.profiler.point import MeasuredPoint
from ipa.studies.measured_profiles import MeasuredProfile, stored_profile, stored_profiles

IN_CLUSTER = "-kubernetes"
"""How names of profiles end that were measured in a cluster."""


def emulated_profiles(measured: Sequence[MeasuredProfile]) -> list[MeasuredProfile]:
    """Return those of some profiles that are of emulated models; if none is, the stored ones of clusters."""
    found = [profile for profile in measured if profile.facts["source"] == "emulated"]
    return found or [stored_profile(name) for name in stored_profiles() if name.endswith(IN_CLUSTER)]


def emulation_table(profile: MeasuredProfile) -> pd.DataFrame:
    """Return by how much what was measured differs from what was emulated.

    Parameters
    ----------
    profile
        Of emulated models.

    Returns
    -------
    pandas.DataFrame
        A row per stage, variant and cores: the mean latency at batch size 1 that it was told and that was
        measured, in milliseconds; how much longer the mean was over all batch sizes, in the median and at
        most, in per cent; how long the replica took to start, and its memory.
    """
    pipeline = load_pipeline(profile.facts["pipeline"])
    points = pd.DataFrame([_row(pipeline, point) for point in profile.points])
    rows = points.groupby(["stage", "variant", "cores"], sort=False)
    return pd.DataFrame(
        {
            "told (ms)": rows["told_ms"].first(),
            "measured (ms)": rows["measured_ms"].first(),
            "longer, median (%)": rows["longer_pct"].median(),
            "longer, most (%)": rows["longer_pct"].max(),
            "start (s)": rows["start_s"].first(),
            "memory (MB)": rows["memory_mb"].max(),
        }
    )


def _row(pipeline: Pipeline, point: MeasuredPoint) -> dict[str, object]:
    variant = pipeline.stage(point.stage).variant(point.variant)
    told_s = variant.profile_on(point.cores).at(point.batch).latency_mean_s
    return {
        "stage": point.stage,
        "variant": point.variant,
        "cores": point.cores,
        "told_ms": 1000 * told_s,
        "measured_ms": 1000 * point.latency_avg_s,
        "longer_pct": 100 * (point.latency_avg_s / told_s - 1),
        "start_s": point.start_up_s,
        "memory_mb": point.memory_uss_mb,
    }
