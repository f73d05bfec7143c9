"""Writes the pipeline file that belongs to a measured profile."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ipa.pipeline.config import PipelineConfig, StageConfig, VariantConfig
from ipa.pipeline.measured_config import MeasuredAccuracyConfig
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.pipeline.slowest_path import slowest_path
from ipa.profiler.allocation import StageAllocation, allocate
from ipa.profiler.point import MeasuredPoint
from ipa.results.json_files import writing

Allocations = Mapping[str, StageAllocation]
"""What the measurements of each stage imply, by name."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there can be no pipeline file yet.

    Parameters
    ----------
    stage
        The stage without a variant that could be chosen.
    why
        What is wrong and what to do.
    """

    stage: str
    why: str

    def __str__(self) -> str:
        return f"stage {self.stage}: {self.why}"


class _Dumper(yaml.SafeDumper):
    """Quotes what begins like a number: the reader of pipelines knows more of them than YAML 1.1."""


def _quoted(dumper: _Dumper, text: str) -> yaml.Node:
    style = '"' if text[:1] in "-+.0123456789" else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted)


def profiles_by_variant(points: Iterable[MeasuredPoint], stage: str) -> dict[str, tuple[Profile, ...]]:
    """Return the profiles of the measured variants of a stage; those without batch size 1 are left out."""
    rows: dict[str, dict[int, list[ProfilePoint]]] = defaultdict(lambda: defaultdict(list))
    for point in points:
        if point.stage == stage:
            rows[point.variant][point.cores].append(point.point)
    found = {
        variant: tuple(
            Profile(cores, tuple(sorted(measured, key=lambda point: point.batch)))
            for cores, measured in sorted(by_cores.items())
            if any(point.batch == 1 for point in measured)
        )
        for variant, by_cores in rows.items()
    }
    return {variant: profiles for variant, profiles in found.items() if profiles}


def allocations(
    config: PipelineConfig, points: Sequence[MeasuredPoint], threshold_rps: float
) -> tuple[Allocations, tuple[Missing, ...]]:
    """Return what the measurements of each stage imply, and what is missing for a pipeline file."""
    found: dict[str, StageAllocation] = {}
    missing: list[Missing] = []
    for stage in config.stages:
        measured = profiles_by_variant(points, stage.name)
        profiles = {v.name: measured[v.name] for v in stage.variants if v.name in measured}
        if not profiles:
            missing.append(Missing(stage.name, "has not been measured"))
            continue
        found[stage.name] = allocate(profiles, threshold_rps)
        enabled = {variant.name for variant in stage.variants if variant.enabled}
        if not enabled & set(found[stage.name].feasible):
            within = f"sustains {threshold_rps:g} requests/s within {found[stage.name].sla_s:.3g} s"
            advice = "measure more with --cores, or ask for less with --threshold"
            missing.append(Missing(stage.name, f"no variant {within} on the cores measured; {advice}"))
    return found, tuple(missing)


def pipeline_content(
    config: PipelineConfig,
    points: Sequence[MeasuredPoint],
    found: Allocations,
    profile_file: str,
    source: Path,
) -> dict[str, Any]:
    """Return the content of the pipeline file: as it was given, with what was measured in its place.

    Parameters
    ----------
    config
        The pipeline that was profiled.
    points
        Its measurements.
    found
        What they imply, of every stage.
    profile_file
        Where they stand, from the pipeline file.
    source
        The file of the pipeline that was profiled, beside which its measured accuracies lie.

    Returns
    -------
    dict
        Variants that were not measured are left out; those that sustain the threshold on no measured
        allocation are disabled, and count in the SLA.
    """
    slas_s = [found[stage.name].sla_s for stage in config.stages]
    content = config.model_dump(mode="json", exclude_defaults=True, exclude={"stages", "measured_accuracy"})
    if config.measured_accuracy is not None:
        content["measured_accuracy"] = _combinations(config, config.measured_accuracy, found, source)
    content["sla_s"] = _seconds(slowest_path(slas_s, _edge_places(config)))
    content["stages"] = [
        _stage(stage, found[stage.name], start_ups_s(points, stage.name), profile_file)
        for stage in config.stages
    ]
    return content


def _combinations(
    config: PipelineConfig, given: MeasuredAccuracyConfig, found: Allocations, source: Path
) -> list[dict[str, Any]]:
    """Return the measured accuracies of the combinations of variants that are in the file."""
    variants = {stage.name: [variant.name for variant in stage.variants] for stage in config.stages}
    measured = given.load(source.parent / given.file if given.file else None, variants)
    return [
        {"variants": list(one.variants), "accuracy": one.accuracy}
        for one in measured.combinations
        if all(name in found[stage].cores for stage, name in zip(variants, one.variants, strict=True))
    ]


def start_ups_s(points: Iterable[MeasuredPoint], stage: str) -> dict[tuple[str, int], float]:
    """Return the longest measured start of each variant of a stage and its cores, where it was measured."""
    longest: dict[tuple[str, int], float] = {}
    for point in points:
        if point.stage == stage and math.isfinite(point.start_up_s):
            key = (point.variant, point.cores)
            longest[key] = max(longest.get(key, 0.0), point.start_up_s)
    return longest


def write_pipeline(file: Path, content: Mapping[str, Any], comment: str) -> None:
    """Write a pipeline file with a comment above."""
    text = yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    with writing(file, "--out"):
        file.write_text(f"# {comment}\n{text}", encoding="utf-8")


def _stage(
    stage: StageConfig,
    found: StageAllocation,
    starts_s: Mapping[tuple[str, int], float],
    profile_file: str,
) -> dict[str, Any]:
    content = _dumped(stage, {"variants", "profile"})
    content["sla_s"] = _seconds(found.sla_s)
    content["profile"] = {"file": profile_file}
    content["variants"] = [
        _variant(variant, found, starts_s) for variant in stage.variants if variant.name in found.cores
    ]
    return content


def _variant(
    variant: VariantConfig, found: StageAllocation, starts_s: Mapping[tuple[str, int], float]
) -> dict[str, Any]:
    content = _dumped(variant)
    cores = found.cores[variant.name]
    if cores is None:
        # Any measured allocation will do for one that is not chosen; the one that counts in the SLA.
        return content | {"base_cores": found.largest[variant.name], "enabled": False}
    content["base_cores"] = cores
    if (variant.name, cores) in starts_s:
        content["start_up_s"] = _seconds(starts_s[variant.name, cores])
    return content


def _dumped(part: StageConfig | VariantConfig, without: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """Return a part of a pipeline file as it was given, without what is left to its default."""
    content = part.model_dump(mode="json", exclude_defaults=True, exclude=set(without))
    # Mappings of the file are kept as pairs, which can be hashed.
    return content | {key: dict(content[key]) for key in ("after", "inputs", "settings") if key in content}


def _edge_places(config: PipelineConfig) -> tuple[tuple[int, int], ...]:
    """Return the edges of a graph by positions of their stages; none of a chain."""
    place = {stage.name: number for number, stage in enumerate(config.stages)}
    return tuple(
        sorted((place[name], place[stage.name]) for stage in config.stages for name, _ in stage.after)
    )


def _seconds(value: float) -> float:
    return round(value, 6)
