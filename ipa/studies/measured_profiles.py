"""Profiles measured by ``ipa profile`` beside the published ones: figure 2, table 4, tables 7 to 14."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from ipa.errors import ResultsError, UnknownNameError
from ipa.paper import PAPER_PIPELINES, published_table
from ipa.paths import stored_results_dir
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.profiles import Profile, ProfilePoint, base_allocation
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.profiler.allocation import LatencyFit, allocate, fit_latency
from ipa.profiler.hosts import HOSTS
from ipa.profiler.pipeline_file import profiles_by_variant
from ipa.profiler.point import MeasuredPoint
from ipa.profiler.precision import StoppingRule
from ipa.profiler.profile import Progress, profile_pipeline
from ipa.profiler.table import read_points
from ipa.profiler.target import Wanted
from ipa.results.json_files import read_json
from ipa.serving.replica import Source
from ipa.studies.appendix import all_variants
from ipa.studies.profiling import CLASSIFICATION

SOURCES: tuple[Source, ...] = get_args(Source)

THRESHOLDS_RPS = (5.0, 10.0, 15.0)
"""Threshold rates of Table 4."""


@dataclass(frozen=True)
class MeasuredProfile:
    """The measurements of one pipeline, and what they belong to.

    Parameters
    ----------
    name
        Pipeline and source, for example ``video-random``.
    points
        The measurements.
    facts
        The machine, and when and how they were taken.
    """

    name: str
    points: tuple[MeasuredPoint, ...]
    facts: dict[str, Any]

    @property
    def note(self) -> str:
        """Pipeline, source, machine and day in one line, as it stands below a figure."""
        machine = self.facts["machine"]
        days = sorted({point.measured[:10] for point in self.points})
        when = " to ".join(dict.fromkeys((days[0], days[-1])))
        where = " in a cluster" if self.facts.get("platform") == "kubernetes" else ""
        what = f"{self.facts['pipeline']}{where}, source {self.facts['source']}"
        return f"{what}: {machine['cpu']}, {machine['cores']} cores, {when}"


def stored_profiles() -> list[str]:
    """Return the names of the measurements that come with the repository."""
    folders = (facts.parent for facts in stored_results_dir().glob("profile-*/*.json"))
    return sorted(folder.name.removeprefix("profile-") for folder in folders)


def stored_profile(name: str) -> MeasuredProfile:
    """Return the measurements of a name that come with the repository; none is a ResultsError."""
    return _read(stored_results_dir() / f"profile-{name}", name)


def measured_profile(
    name: str,
    results_dir: Path,
    *,
    platform: str,
    budget_s: float,
    progress: Progress,
    variants: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> MeasuredProfile:
    """Return stored measurements, or take them anew.

    Parameters
    ----------
    name
        Pipeline and source, for example ``video-random``. What is stored is measured again, point by point;
        of anything else, all variants with their base allocations.
    results_dir
        New ones go to its ``profiles/``, where an interrupted call goes on.
    platform
        ``stored``; or where to measure, ``local`` or ``kubernetes``.
    budget_s
        Longest time that a point may take.
    progress
        Told how far it is.
    variants
        Only these, if any are named.
    settings
        Changes of the settings of the platform ``kubernetes``.

    Raises
    ------
    ResultsError
        If there are no stored measurements of this name, or a replica could not be measured.
    """
    if platform == "stored":
        return stored_profile(name)
    serving = KubernetesSettings(**settings or {}) if platform == "kubernetes" else None
    wanted = replace(_wanted(name, budget_s), platform=platform, serving=serving)
    wanted = replace(wanted, variants=tuple(variants) or wanted.variants)
    folder = profile_folder(results_dir, name, platform)
    report = profile_pipeline(wanted, HOSTS[platform](wanted, folder), folder, progress)
    if report.failures:
        raise ResultsError("; ".join(f"{what}: {why}" for what, why in report.failures.items()))
    return _read(folder, folder.name)


def profile_folder(results_dir: Path, name: str, platform: str) -> Path:
    """Return where new measurements go; a cluster is another machine than this one."""
    return results_dir / "profiles" / (name if platform == "local" else f"{name}-{platform}")


def _wanted(name: str, budget_s: float) -> Wanted:
    if name in stored_profiles():
        return wanted_again(stored_profile(name), budget_s)
    pipeline, source = pipeline_and_source(name)
    return Wanted(pipeline, source=source, rule=StoppingRule(budget_s=budget_s))


def pipeline_and_source(name: str) -> tuple[str, Source]:
    """Return what a name such as ``video-emulated`` is made of.

    Raises
    ------
    IpaError
        If there is no such pipeline, or no such source of weights.
    """
    pipeline, _, given = name.rpartition("-")
    load_pipeline(pipeline or name)
    source = next((known for known in SOURCES if known == given), None)
    if source is None:
        raise UnknownNameError("source of weights", given, SOURCES)
    return pipeline, source


def wanted_again(profile: MeasuredProfile, budget_s: float) -> Wanted:
    """Return what to ask for to measure the same points again."""
    keys = [point.key for point in profile.points]
    return Wanted(
        profile.facts["pipeline"],
        source=profile.facts["source"],
        stages=_distinct(key.stage for key in keys),
        variants=_distinct(key.variant for key in keys),
        cores=tuple(sorted({key.cores for key in keys})),
        batches=tuple(sorted({key.batch for key in keys})),
        rule=StoppingRule(budget_s=budget_s),
    )


def conditions_table(profiles: Sequence[MeasuredProfile]) -> pd.DataFrame:
    """Return on what and how the measurements were taken.

    Returns
    -------
    pandas.DataFrame
        A column per profile: machine, load of others, and how many points were disturbed or whose p99 is not
        known within 5 %.
    """
    return pd.DataFrame({profile.name: _conditions(profile) for profile in profiles})


def _conditions(profile: MeasuredProfile) -> dict[str, object]:
    machine, points = profile.facts["machine"], profile.points
    # A node that nobody may look into does not tell its load.
    loads = [(session["begun"]["load_average"] or ["not told"])[0] for session in profile.facts["sessions"]]
    open_ended = sum(point.p99_interval.relative_half_width > StoppingRule().precision for point in points)
    return {
        "pipeline": profile.facts["pipeline"],
        "source": profile.facts["source"],
        "CPU": machine["cpu"],
        "cores": machine["cores"],
        "memory (GB)": machine["memory_gb"],
        "clock governor": machine["governor"] or "not told",
        "Python": machine["python"],
        **machine["packages"],
        "sessions": len(loads),
        "load when they began": ", ".join(map(str, loads)),
        "points": len(points),
        "disturbed": sum(bool(point.notes) for point in points),
        "p99 not within 5 %": open_ended,
    }


def figure2_measured(profile: MeasuredProfile) -> pd.DataFrame:
    """Return figure 2 with what was measured here: classifiers on one core at batch size 1.

    Returns
    -------
    pandas.DataFrame
        The columns of ``ipa.studies.profiling.figure2``, the time of processors per batch, which other load
        lengthens little, and the ends of the interval of the p99.
    """
    measured = _at(profile, cores=1, batch=1)
    rows = []
    for drawn in published_table("fig2").to_dict("records"):
        point = measured.get((CLASSIFICATION, drawn["variant"]))
        if point is not None:
            rows.append(
                {
                    "variant": drawn["variant"],
                    "accuracy_pct": float(drawn["accuracy_pct"]),
                    "mean_ms": 1000 * point.latency_avg_s,
                    "p99_ms": 1000 * point.latency_p99_s,
                    "cpu_ms": 1000 * point.cpu_s_per_batch,
                    "p99_low_ms": 1000 * point.p99_low_s,
                    "p99_high_ms": 1000 * point.p99_high_s,
                    "published_ms": float(drawn["latency_ms"]),
                    "throughput_rps": point.throughput_rps,
                    "published_rps": float(drawn["throughput_rps"]),
                }
            )
    return pd.DataFrame(rows)


def table4_measured(profile: MeasuredProfile) -> pd.DataFrame:
    """Return base allocations at the thresholds of Table 4, from published and from measured profiles.

    Returns
    -------
    pandas.DataFrame
        Per stage, threshold and variant: the printed cores (detectors only), the fewest cores that suffice
        by the published profiles under the published SLA of the stage, and by those measured here under the
        SLA that they imply, each with the cores that were measured. NaN: none suffices.
    """
    printed = {
        (row["variant"], float(row["threshold_rps"])): float(row["cores"] or "nan")
        for row in published_table("table4").to_dict("records")
    }
    rows = []
    for stage in load_pipeline("video").stages:
        profiles = profiles_by_variant(profile.points, stage.name)
        for threshold_rps in THRESHOLDS_RPS if profiles else ():
            found = allocate(profiles, threshold_rps)
            for name in profiles:
                published = stage.variant(name).profiles
                suffices = base_allocation(published, threshold_rps, stage.sla_s or math.inf)
                rows.append(
                    {
                        "stage": stage.name,
                        "threshold (requests/s)": int(threshold_rps),
                        "variant": name,
                        "printed cores": printed.get((name, threshold_rps), math.nan),
                        "published profiles": _or_nan(suffices),
                        "published on (cores)": _cores(published),
                        "measured here": _or_nan(found.cores[name]),
                        "measured on (cores)": _cores(profiles[name]),
                    }
                )
    return pd.DataFrame(rows)


def tables_7_to_14_measured(profiles: Sequence[MeasuredProfile]) -> pd.DataFrame:
    """Return tables 7 to 14 with the published and the measured latency of each variant.

    Returns
    -------
    pandas.DataFrame
        By task: variant, printed metric, printed cores, p99 in milliseconds and requests per second at batch
        size 1 on one core, as published and as measured here, the time of processors per batch, and the
        memory of a replica in megabytes.
    """
    measured = {key: point for profile in profiles for key, point in _at(profile, cores=1, batch=1).items()}
    published = _published_on_one_core()
    rows = []
    for task, row in all_variants().iterrows():
        key = (str(task), str(row["variant"]))
        ours, theirs = measured.get(key), published.get(key)
        rows.append(
            {
                "task": task,
                "variant": row["variant"],
                "metric": row["metric"],
                "printed": row["printed"],
                "printed cores": row["printed cores"],
                "published p99 (ms)": math.nan if theirs is None else 1000 * theirs.latency_p99_s,
                "measured p99 (ms)": math.nan if ours is None else 1000 * ours.latency_p99_s,
                "CPU (ms)": math.nan if ours is None else 1000 * ours.cpu_s_per_batch,
                "published requests/s": math.nan if theirs is None else theirs.throughput_rps,
                "measured requests/s": math.nan if ours is None else ours.throughput_rps,
                "memory (MB)": math.nan if ours is None else ours.memory_uss_mb,
            }
        )
    return pd.DataFrame(rows).set_index("task")


def latency_over_batch(profile: MeasuredProfile) -> pd.DataFrame:
    """Return every measured p99 with its interval and the fit of its variant, in milliseconds.

    Returns
    -------
    pandas.DataFrame
        Per stage, variant, cores and batch size: p99, the ends of its 95 % interval (infinity: open), and α,
        β and γ of the fit of this variant on these cores.
    """
    fits = {(stage, variant, own.cores): fit for stage, variant, own, fit in _fits(profile)}
    return pd.DataFrame(
        [
            {
                "stage": point.stage,
                "variant": point.variant,
                "cores": point.cores,
                "batch": point.batch,
                "p99_ms": 1000 * point.latency_p99_s,
                "p99_low_ms": 1000 * point.p99_low_s,
                "p99_high_ms": 1000 * point.p99_high_s,
                "alpha_ms": 1000 * fit.alpha_s,
                "beta_ms": 1000 * fit.beta_s,
                "gamma_ms": 1000 * fit.gamma_s,
            }
            for point in profile.points
            if (fit := fits.get((point.stage, point.variant, point.cores)))
        ]
    )


def batching_table(profile: MeasuredProfile) -> pd.DataFrame:
    """Return what batching buys: the fit of each variant, and its throughput at the best batch size.

    Returns
    -------
    pandas.DataFrame
        Per stage, variant and cores: p99 at batch size 1 in milliseconds, α, β and γ of the fit in
        milliseconds, the share of the variance that it explains, its worst error, and the largest throughput
        over that of batch size 1.
    """
    rows = []
    for stage, variant, measured, fit in _fits(profile):
        single = measured.at(1)
        best = max(measured.points, key=lambda point: point.throughput_rps)
        rows.append(
            {
                "stage": stage,
                "variant": variant,
                "cores": measured.cores,
                "p99 at batch 1 (ms)": 1000 * single.latency_p99_s,
                "α": 1000 * fit.alpha_s,
                "β": 1000 * fit.beta_s,
                "γ": 1000 * fit.gamma_s,
                "R²": fit.r_squared,
                "worst error (%)": 100 * fit.worst_error,
                "requests/s": single.throughput_rps,
                "best batch": best.batch,
                "gain": best.throughput_rps / single.throughput_rps,
            }
        )
    return pd.DataFrame(rows)


def _fits(profile: MeasuredProfile) -> Iterator[tuple[str, str, Profile, LatencyFit]]:
    """Yield stage, variant, profile and fit for each variant and number of cores."""
    for stage in _distinct(point.stage for point in profile.points):
        for variant, profiles in profiles_by_variant(profile.points, stage).items():
            for measured in profiles:
                yield stage, variant, measured, fit_latency(measured)


def _read(folder: Path, name: str) -> MeasuredProfile:
    """Read the folder of a profile; in a folder of several pipelines the first one counts."""
    facts = sorted(folder.glob("*.json"))
    points = read_points(facts[0].with_suffix(".csv")) if facts else {}
    if not points:
        stored = ", ".join(stored_profiles()) or "none"
        raise ResultsError(f"{folder}: holds no measurements; stored: {stored}")
    return MeasuredProfile(name, tuple(points.values()), read_json(facts[0]))


def _at(profile: MeasuredProfile, *, cores: int, batch: int) -> dict[tuple[str, str], MeasuredPoint]:
    """Return the points of some cores and batch size by stage and variant."""
    return {
        (point.stage, point.variant): point
        for point in profile.points
        if (point.cores, point.batch) == (cores, batch)
    }


def _published_on_one_core() -> dict[tuple[str, str], ProfilePoint]:
    """Return what the published profiles say at batch size 1 on one core, by stage and variant."""
    return {
        (stage.name, variant.name): profile.at(1)
        for pipeline in PAPER_PIPELINES
        for stage in load_pipeline(pipeline).stages
        for variant in stage.variants
        for profile in variant.profiles
        if profile.cores == 1 and 1 in profile.measured
    }


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _cores(profiles: Iterable[Profile]) -> str:
    return ", ".join(str(profile.cores) for profile in profiles)


def _or_nan(cores: int | None) -> float:
    return math.nan if cores is None else cores
