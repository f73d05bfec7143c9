"""Builds a pipeline from its description and the measurements of its stages."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from ipa.errors import ConfigError, InvalidValueError
from ipa.pipeline.config import PipelineKeys, ServerConfig, StageKeys, VariantConfig
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.pipeline import Edge, Pipeline, Stage, Variant
from ipa.pipeline.profile_table import ProfileSource, ProfileTable
from ipa.pipeline.stage_inputs import StageInput

Measurements = tuple[ProfileTable, ProfileSource]
"""A table, and which of its rows a stage takes."""


def build_pipeline(
    origin: Path | str,
    config: PipelineKeys,
    measurements: Sequence[Measurements],
    measured_accuracy: Path | None = None,
) -> Pipeline:
    """Return a pipeline.

    Parameters
    ----------
    origin
        Where the description comes from, as it reads in an error.
    config
        The description, with its stages in order.
    measurements
        Of every stage.
    measured_accuracy
        The table that the description names for accuracies of whole combinations; None if it names none.

    Raises
    ------
    ConfigError
        If there are no measurements for what the description holds, or they contradict it.
    """
    pipeline = Pipeline(
        name=config.name,
        stages=tuple(
            replace(_stage(origin, index, stage, *measured), inputs=_inputs(origin, index, config))
            for index, (stage, measured) in enumerate(zip(config.stages, measurements, strict=True))
        ),
        sla_s=config.sla_s,
        title=config.title or config.name,
        description=config.description,
        edges=_edges(config),
    )
    if config.measured_accuracy is None:
        return pipeline
    variants = {stage.name: [variant.name for variant in stage.variants] for stage in pipeline.stages}
    try:
        measured = config.measured_accuracy.load(measured_accuracy, variants)
        return replace(pipeline, measured_accuracy=measured)
    except InvalidValueError as error:
        raise ConfigError(origin, "measured_accuracy", str(error)) from None


def _edges(config: PipelineKeys) -> tuple[Edge, ...]:
    edges = tuple(
        Edge(source, stage.name, factor) for stage in config.stages for source, factor in stage.after
    )
    chain = tuple(Edge(one.name, other.name) for one, other in pairwise(config.stages))
    return () if edges == chain else edges


def _stage(
    origin: Path | str, index: int, config: StageKeys, table: ProfileTable, source: ProfileSource
) -> Stage:
    if source.stage not in table.stages:
        raise ConfigError(
            origin,
            f"stages[{index}].name" if source.stage == config.name else f"stages[{index}].profile.stage",
            f"{table.file} has no stage {source.stage!r}; it has: {', '.join(table.stages)}",
        )
    return Stage(
        name=config.name,
        variants=tuple(
            _variant(origin, f"stages[{index}].variants[{i}]", variant, table, source)
            for i, variant in enumerate(config.variants)
        ),
        sla_s=config.sla_s,
        join=config.join,
        task=config.task,
    )


def _inputs(origin: Path | str, index: int, config: PipelineKeys) -> tuple[StageInput, ...]:
    stage, found = config.stages[index], []
    for name, source in stage.inputs:
        try:
            found.append(StageInput.parse(name, source, _ancestors(config, stage)))
        except InvalidValueError as error:
            raise ConfigError(origin, f"stages[{index}].inputs.{name}", str(error)) from None
    return tuple(found)


def _ancestors(config: PipelineKeys, stage: StageKeys) -> list[str]:
    """Return the stages that lead to one, directly or through others, in the order of the stages."""
    earlier = config.stages[: config.stages.index(stage)]
    if not any(other.after for other in config.stages):
        return [other.name for other in earlier]
    found = {name for name, _ in stage.after}
    for other in reversed(earlier):
        if other.name in found:
            found.update(name for name, _ in other.after)
    return [other.name for other in earlier if other.name in found]


def _variant(
    origin: Path | str, key: str, config: VariantConfig, table: ProfileTable, source: ProfileSource
) -> Variant:
    profiles = table.profiles(source, config.name)
    profiled = [profile.cores for profile in profiles]
    if config.base_cores not in profiled:
        have = (
            f"it is profiled on {', '.join(map(str, profiled))} cores"
            if profiled
            else "it has no profile at all"
        )
        raise ConfigError(
            origin,
            f"{key}.base_cores",
            f"no profile point for {source.stage}/{config.name} on {config.base_cores} cores in {table.file}"
            f" (with the series and offered load chosen): {have}",
        )
    base = next(profile for profile in profiles if profile.cores == config.base_cores)
    if 1 not in base.measured:
        raise ConfigError(
            origin, f"{key}.base_cores", f"profile of {config.name} on {base.cores} cores lacks batch size 1"
        )
    fields = {name: getattr(config, name) for name in VariantConfig.model_fields}
    return Variant(**fields | {"server": _server(origin, key, config.server)}, profiles=profiles)


def _server(origin: Path | str, key: str, config: ServerConfig | None) -> ExternalServer | None:
    try:
        return None if config is None else ExternalServer(**dict(config))
    except InvalidValueError as error:
        raise ConfigError(origin, f"{key}.server", str(error)) from None
