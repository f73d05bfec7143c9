"""The object InferencePipeline: a pipeline and how it is served and adapted, as Kubernetes keeps it."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ipa.cluster.names import API_VERSION, KIND, dns_name
from ipa.cluster.resource_spec import (
    ObjectPipeline,
    ObjectStage,
    PipelineOptions,
    PipelineSpec,
    ProfileRow,
)
from ipa.cluster.resource_status import PipelineStatus
from ipa.errors import ConfigError, IpaError
from ipa.pipeline.config import VariantConfig
from ipa.pipeline.from_config import Measurements, build_pipeline
from ipa.pipeline.parse import check_pipeline, config_error
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.profile_table import (
    Measurement,
    ProfileSource,
    ProfileTable,
    mean_latency_s,
    parse_profile_table,
)
from ipa.pipeline.profiles import ProfilePoint
from ipa.pipeline.stage_inputs import REQUEST

ReadConfigMap = Callable[[str, str], str]
"""(name of a ConfigMap of the object's namespace, key) -> the text there; an IpaError if there is none."""


class Described(NamedTuple):
    """What an object describes."""

    pipeline: Pipeline
    options: PipelineOptions


def to_object(
    pipeline: Pipeline,
    options: PipelineOptions | None = None,
    *,
    name: str = "",
    namespace: str = "",
) -> dict[str, Any]:
    """Return the object that describes a pipeline; ``read_object`` returns the same pipeline again.

    Parameters
    ----------
    pipeline
        What shall be served; all its measurements go into the object.
    options
        How; values that are the defaults are left out.
    name
        Name of the object; made from the name of the pipeline where it is left out.
    namespace
        Where it shall live; the one that is current where it is left out.
    """
    name = name or dns_name(pipeline.name)
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    given = (options or PipelineOptions()).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata,
        "spec": {"pipeline": _pipeline_entry(pipeline, name), **given},
    }


def read_object(thing: Mapping[str, Any], read_config_map: ReadConfigMap | None = None) -> Described:
    """Return what an object describes.

    Parameters
    ----------
    thing
        The object, as ``to_object`` or the API server gives it.
    read_config_map
        Reads the tables that stages name.

    Raises
    ------
    ConfigError
        If it describes no pipeline; names the key and what is allowed.
    """
    metadata = thing["metadata"]
    where = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    origin = f"{KIND} {where}"
    try:
        spec = PipelineSpec.model_validate(thing.get("spec") or {})
    except ValidationError as error:
        raise config_error(origin, PipelineSpec, error, "spec.") from None
    keys = spec.pipeline.model_copy(update={"name": spec.pipeline.name or metadata["name"]})
    options = PipelineOptions(**{name: getattr(spec, name) for name in PipelineOptions.model_fields})
    return Described(_built(origin, keys, read_config_map), options)


def read_status(thing: Mapping[str, Any]) -> PipelineStatus:
    """Return the status of an object; an empty one where it cannot be read."""
    try:
        return PipelineStatus.model_validate(thing.get("status") or {})
    except ValidationError:
        return PipelineStatus()


def with_allowed(pipeline: Pipeline, options: PipelineOptions) -> Pipeline:
    """Return a pipeline whose plans choose among the variants that the limits allow.

    Raises
    ------
    UnknownNameError
        If a stage or a variant that is named does not exist.
    ConfigError
        If a stage is left with none.
    """
    allowed = options.limits.variants
    for name, variants in allowed.items():
        stage = pipeline.stage(name)
        if not {stage.variant(variant).name for variant in variants} & {one.name for one in stage.choices}:
            problem = f"allows only variants of stage {name} that are not enabled: {', '.join(variants)}"
            raise ConfigError(pipeline.name, f"spec.limits.variants.{name}", problem)
    return replace(pipeline, stages=tuple(_restricted(stage, allowed) for stage in pipeline.stages))


def _restricted(stage: Stage, allowed: Mapping[str, tuple[str, ...]]) -> Stage:
    if stage.name not in allowed:
        return stage
    names = allowed[stage.name]
    return replace(
        stage,
        variants=tuple(
            replace(variant, enabled=variant.enabled and variant.name in names) for variant in stage.variants
        ),
    )


def _built(origin: str, keys: ObjectPipeline, read_config_map: ReadConfigMap | None) -> Pipeline:
    try:
        config = check_pipeline(origin, keys)
        return build_pipeline(
            origin, config, [_measurements(origin, stage, read_config_map) for stage in config.stages]
        )
    except ConfigError as error:
        if error.file != Path(origin):
            raise
        raise ConfigError(origin, f"spec.pipeline.{error.key}".rstrip("."), error.problem) from None
    except IpaError as error:
        raise ConfigError(origin, "spec.pipeline", str(error)) from None


def _measurements(origin: str, stage: ObjectStage, read_config_map: ReadConfigMap | None) -> Measurements:
    if stage.profile is None:
        rows = tuple(
            row for variant in stage.variants for row in _rows(stage.name, variant.name, variant.profile)
        )
        return ProfileTable(Path(origin), rows), ProfileSource(stage.name)
    if read_config_map is None:
        raise ConfigError(
            origin, "stages", f"the measurements of {stage.name} are in a ConfigMap, out of reach"
        )
    profile = stage.profile
    text = read_config_map(profile.config_map, profile.file)
    table = parse_profile_table(Path(f"ConfigMap {profile.config_map} {profile.file}"), text)
    return table, ProfileSource(profile.stage or stage.name, profile.series, profile.offered_load_rps)


def _rows(stage: str, variant: str, rows: tuple[ProfileRow, ...]) -> Iterator[Measurement]:
    for row in rows:
        given = row.latency_avg_s is not None
        mean_s = row.latency_avg_s or mean_latency_s(row.batch, row.latency_p99_s, row.throughput_rps)
        point = ProfilePoint(row.batch, row.latency_p99_s, mean_s, row.throughput_rps)
        yield Measurement(stage, variant, row.cores, "", math.nan, point, line=0, mean_given=given)


def _pipeline_entry(pipeline: Pipeline, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {} if pipeline.name == name else {"name": pipeline.name}
    if pipeline.title not in ("", pipeline.name):
        entry["title"] = pipeline.title
    if pipeline.description:
        entry["description"] = pipeline.description
    entry |= {"sla_s": pipeline.sla_s, "stages": [_stage_entry(pipeline, stage) for stage in pipeline.stages]}
    if pipeline.measured_accuracy is not None:
        entry["measured_accuracy"] = [
            {"variants": list(one.variants), "accuracy": one.accuracy}
            for one in pipeline.measured_accuracy.combinations
        ]
    return entry


def _stage_entry(pipeline: Pipeline, stage: Stage) -> dict[str, Any]:
    after = [
        {"stage": edge.source} | ({} if edge.factor == 1 else {"factor": edge.factor})
        for edge in pipeline.edges
        if edge.target == stage.name
    ]
    inputs = {source.name: f"{source.stage or REQUEST}.{source.tensor}" for source in stage.inputs}
    known = {"task": stage.task, "sla_s": stage.sla_s, "after": after, "join": stage.join, "inputs": inputs}
    variants = [_variant_entry(variant) for variant in stage.variants]
    return {"name": stage.name, **{key: value for key, value in known.items() if value}, "variants": variants}


def _variant_entry(variant: Variant) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": variant.name,
        "accuracy": variant.accuracy,
        "base_cores": variant.base_cores,
    }
    defaults = VariantConfig.model_fields
    for key in ("model", "start_up_s", "enabled"):
        if getattr(variant, key) != defaults[key].default:
            entry[key] = getattr(variant, key)
    if variant.settings:
        entry["settings"] = dict(variant.settings)
    if variant.server is not None:
        server = asdict(variant.server) | {"command": list(variant.server.command)}
        entry["server"] = {key: value for key, value in server.items() if value}
    entry["profile"] = [
        _row_entry(profile.cores, point) for profile in variant.profiles for point in profile.points
    ]
    return entry


def _row_entry(cores: int, point: ProfilePoint) -> dict[str, Any]:
    follows_s = mean_latency_s(point.batch, point.latency_p99_s, point.throughput_rps)
    mean = {} if point.latency_mean_s == follows_s else {"latency_avg_s": point.latency_mean_s}
    return {
        "cores": cores,
        "batch": point.batch,
        "latency_p99_s": point.latency_p99_s,
        **mean,
        "throughput_rps": point.throughput_rps,
    }
