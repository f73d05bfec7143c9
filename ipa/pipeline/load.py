"""Reads pipelines and profiles from files and says exactly what is wrong with them."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ipa.errors import ConfigError, InvalidValueError, UnknownNameError
from ipa.file_stamps import FileStamp, file_stamp
from ipa.files import resolve_path
from ipa.paper import PAPER_PIPELINES
from ipa.paths import data_dir
from ipa.pipeline.config import PipelineConfig, ProfileConfig, ServerConfig, StageConfig, VariantConfig
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.measured_config import CombinationConfig, MeasuredAccuracyConfig
from ipa.pipeline.pipeline import Edge, Pipeline, Stage, Variant
from ipa.pipeline.profile_checks import sla_warnings, table_warnings
from ipa.pipeline.profile_table import ProfileSource, ProfileTable, read_profile_table
from ipa.pipeline.stage_inputs import StageInput
from ipa.strict_yaml import key_of, problem_of, read_yaml

WARNINGS_SHOWN = 5
"""Contradictions that are logged one by one."""

_log = logging.getLogger(__name__)


def pipelines_dir() -> Path:
    """Return the folder of the pipelines that come with IPA."""
    return data_dir() / "pipelines"


def pipeline_names() -> list[str]:
    """Return the names of the pipelines that come with IPA, in the paper's order."""
    order = list(PAPER_PIPELINES)
    found = sorted(path.stem for path in pipelines_dir().glob("*.yaml"))
    return [name for name in order if name in found] + [name for name in found if name not in order]


def load_pipeline(name_or_path: str | Path) -> Pipeline:
    """Load a pipeline by name or from a YAML file.

    Parameters
    ----------
    name_or_path
        A name of ``pipeline_names()``, or the path of a file of the same form.

    Returns
    -------
    Pipeline
        Validated; every enabled variant has a profile for its base allocation.

    Raises
    ------
    ConfigError
        Names the file, the key and the allowed values.
    UnknownNameError
        If it is neither a known name nor a file.

    Examples
    --------
    >>> load_pipeline("video").stage("object-detection").variant("yolov5n").accuracy
    0.457
    """
    path = pipeline_file(name_or_path)
    config = _config(path, file_stamp(path))
    return _pipeline(path, config, tuple(map(file_stamp, _tables(path, config))))


def pipeline_config(name_or_path: str | Path) -> PipelineConfig:
    """Return what a pipeline file says; unlike :func:`load_pipeline` it asks for no measurements."""
    path = pipeline_file(name_or_path)
    return _config(path, file_stamp(path))


def pipeline_file(name_or_path: str | Path) -> Path:
    """Return the YAML file of a pipeline; an unknown name is an UnknownNameError."""
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        return resolve_path(path)
    # A name is compared, not turned into a path, which could lead anywhere.
    if str(name_or_path) not in pipeline_names():
        raise UnknownNameError(
            "pipeline", str(name_or_path), [*pipeline_names(), "a path that ends in .yaml"]
        )
    return pipelines_dir() / f"{name_or_path}.yaml"


def pipeline_warnings(name_or_path: str | Path) -> list[str]:
    """Return what the files of a pipeline say that contradicts itself, with file, line and values.

    :func:`load_pipeline` logs the first of these once.
    """
    path = pipeline_file(name_or_path)
    return _warnings(path, _config(path, file_stamp(path)), load_pipeline(path))


def pipeline_inputs(name_or_path: str | Path) -> tuple[Path, ...]:
    """Return every file that a pipeline is read from: its own, the stages' profiles, its accuracies."""
    path = pipeline_file(name_or_path)
    return (path, *_tables(path, _config(path, file_stamp(path))))


def _tables(path: Path, config: PipelineConfig) -> tuple[Path, ...]:
    profiles = tuple(_profile_file(path, stage) for stage in config.stages)
    measured = config.measured_accuracy
    return profiles if measured is None or not measured.file else (*profiles, _beside(path, measured.file))


def _beside(path: Path, file: str) -> Path:
    return resolve_path(path.parent / file)


def _profile_file(path: Path, stage: StageConfig) -> Path:
    return _beside(path, stage.profile.file)


@lru_cache(maxsize=64)
def _config(path: Path, _stamp: FileStamp) -> PipelineConfig:
    return parse_pipeline(path, read_yaml(path))


@lru_cache(maxsize=64)
def _pipeline(path: Path, config: PipelineConfig, _read: tuple[FileStamp, ...]) -> Pipeline:
    pipeline = Pipeline(
        name=config.name,
        stages=tuple(
            replace(_stage(path, index, stage), inputs=_inputs(path, index, config))
            for index, stage in enumerate(config.stages)
        ),
        sla_s=config.sla_s,
        title=config.title or config.name,
        description=config.description,
        edges=_edges(config),
    )
    pipeline = _with_measured_accuracy(path, config, pipeline)
    _warn(_warnings(path, config, pipeline))
    return pipeline


def _with_measured_accuracy(path: Path, config: PipelineConfig, pipeline: Pipeline) -> Pipeline:
    given = config.measured_accuracy
    if given is None:
        return pipeline
    variants = {stage.name: [variant.name for variant in stage.variants] for stage in pipeline.stages}
    try:
        measured = given.load(_beside(path, given.file) if given.file else None, variants)
        return replace(pipeline, measured_accuracy=measured)
    except InvalidValueError as error:
        raise ConfigError(path, "measured_accuracy", str(error)) from None


def _warn(warnings: Sequence[str]) -> None:
    for line in warnings[:WARNINGS_SHOWN]:
        _log.warning("%s", line)
    if len(warnings) > WARNINGS_SHOWN:
        _log.warning("%d more such rows; ipa describe --json lists all", len(warnings) - WARNINGS_SHOWN)


def _warnings(path: Path, config: PipelineConfig, pipeline: Pipeline) -> list[str]:
    found = [f"{path}: {line}" for line in sla_warnings(pipeline)]
    for stage in config.stages:
        table = read_profile_table(_profile_file(path, stage))
        found += table_warnings(table, _source(stage), [variant.name for variant in stage.variants])
    return list(dict.fromkeys(found))


def parse_pipeline(path: Path, content: object) -> PipelineConfig:
    """Validate the content of a pipeline file."""
    if not isinstance(content, dict):
        raise ConfigError(path, "", f"must hold a mapping with the keys {_keys(PipelineConfig)}")
    try:
        config = PipelineConfig.model_validate(content)
    except ValidationError as error:
        raise _config_error(path, error) from None
    for key, names in (
        ("stages", [stage.name for stage in config.stages]),
        *((f"stages[{i}].variants", [v.name for v in s.variants]) for i, s in enumerate(config.stages)),
    ):
        if len(set(names)) < len(names):
            raise ConfigError(path, key, f"names must be distinct, got {', '.join(names)}")
    for i, stage in enumerate(config.stages):
        if not any(variant.enabled for variant in stage.variants):
            raise ConfigError(path, f"stages[{i}].variants", "at least one variant must be enabled")
        _check_join(path, f"stages[{i}]", stage)
    lacking = [f"stages[{i}].sla_s" for i, stage in enumerate(config.stages) if stage.sla_s is None]
    if lacking and len(lacking) < len(config.stages):
        raise ConfigError(path, lacking[0], "is missing; give an SLA to every stage or to none")
    if config.measured_accuracy is not None:
        config.measured_accuracy.check(path, len(config.stages))
    return _in_order(path, config)


def _check_join(path: Path, key: str, stage: StageConfig) -> None:
    if stage.join and not stage.after:
        raise ConfigError(path, f"{key}.join", "has nothing to join: the stage has no key after")
    largest = max((factor for _, factor in stage.after), default=0.0)
    if stage.joins and largest > 1:
        raise ConfigError(
            path,
            f"{key}.after",
            f"stage {stage.name} serves a request once, when all that comes has come, so a factor above 1"
            f" ({largest:g}) has no meaning; put it on a stage after this one, or serve every visit on its"
            " own (join: sum)",
        )


def _in_order(path: Path, config: PipelineConfig) -> PipelineConfig:
    """List the stages of a graph so that each comes after those that lead to it."""
    if not any(stage.after for stage in config.stages):
        return config
    known = {stage.name for stage in config.stages}
    for index, stage in enumerate(config.stages):
        key, names = f"stages[{index}].after", [name for name, _ in stage.after]
        for name in names:
            if name not in known:
                raise ConfigError(path, key, f"no stage {name!r}; stages: {', '.join(sorted(known))}")
            if names.count(name) > 1:
                raise ConfigError(path, key, f"names stage {name} twice")
    before = {stage.name: {name for name, _ in stage.after} for stage in config.stages}
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise ConfigError(path, "stages", f"form a cycle: {' -> '.join(error.args[1])}") from None
    first = [stage.name for stage in config.stages if not stage.after]
    if len(first) > 1:
        raise ConfigError(
            path, "stages", f"only the first stage may lack the key after; {', '.join(first)} lack it"
        )
    names = [stage.name for stage in config.stages]
    places = [names.index(name) for name in order]
    return config.model_copy(
        update={
            "stages": tuple(config.stages[place] for place in places),
            "measured_accuracy": config.measured_accuracy and config.measured_accuracy.reordered(places),
        }
    )


def _edges(config: PipelineConfig) -> tuple[Edge, ...]:
    edges = tuple(
        Edge(source, stage.name, factor) for stage in config.stages for source, factor in stage.after
    )
    chain = tuple(Edge(one.name, other.name) for one, other in pairwise(config.stages))
    return () if edges == chain else edges


def _config_error(path: Path, error: ValidationError) -> ConfigError:
    # A misspelt key also shows as the missing one; the misspelling is what a user has to see.
    first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    key = key_of(first).replace("measured_accuracy.combinations[", "measured_accuracy[")
    if first["type"] == "extra_forbidden":
        return ConfigError(path, key, f"unknown key; allowed: {_keys(_model_at(first['loc'][:-1]))}")
    if first["type"] == "missing":
        return ConfigError(path, key, f"is missing; keys here: {_keys(_model_at(first['loc'][:-1]))}")
    return ConfigError(path, key, problem_of(first))


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    nested: dict[str, type[BaseModel]] = {
        "stages": StageConfig,
        "variants": VariantConfig,
        "profile": ProfileConfig,
        "server": ServerConfig,
        "measured_accuracy": MeasuredAccuracyConfig,
        "combinations": CombinationConfig,
    }
    model: type[BaseModel] = PipelineConfig
    for part in location:
        model = nested.get(str(part), model)
    return model


def _keys(model: type[BaseModel]) -> str:
    return ", ".join(model.model_fields)


def _source(config: StageConfig) -> ProfileSource:
    return ProfileSource(
        stage=config.profile.stage or config.name,
        series=config.profile.series,
        offered_load_rps=config.profile.offered_load_rps,
    )


def _stage(path: Path, index: int, config: StageConfig) -> Stage:
    table, source = read_profile_table(_profile_file(path, config)), _source(config)
    if source.stage not in table.stages:
        raise ConfigError(
            path,
            f"stages[{index}].profile.stage" if config.profile.stage else f"stages[{index}].name",
            f"{table.file} has no stage {source.stage!r}; it has: {', '.join(table.stages)}",
        )
    return Stage(
        name=config.name,
        variants=tuple(
            _variant(path, f"stages[{index}].variants[{i}]", variant, table, source)
            for i, variant in enumerate(config.variants)
        ),
        sla_s=config.sla_s,
        join=config.join,
        task=config.task,
    )


def _inputs(path: Path, index: int, config: PipelineConfig) -> tuple[StageInput, ...]:
    stage, found = config.stages[index], []
    for name, source in stage.inputs:
        try:
            found.append(StageInput.parse(name, source, _ancestors(config, stage)))
        except InvalidValueError as error:
            raise ConfigError(path, f"stages[{index}].inputs.{name}", str(error)) from None
    return tuple(found)


def _ancestors(config: PipelineConfig, stage: StageConfig) -> list[str]:
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
    path: Path, key: str, config: VariantConfig, table: ProfileTable, source: ProfileSource
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
            path,
            f"{key}.base_cores",
            f"no profile point for {source.stage}/{config.name} on {config.base_cores} cores in {table.file}"
            f" (with the series and offered load chosen): {have}",
        )
    base = next(profile for profile in profiles if profile.cores == config.base_cores)
    if 1 not in base.measured:
        raise ConfigError(
            path, f"{key}.base_cores", f"profile of {config.name} on {base.cores} cores lacks batch size 1"
        )
    return Variant(**dict(config) | {"server": _server(path, key, config.server)}, profiles=profiles)


def _server(path: Path, key: str, config: ServerConfig | None) -> ExternalServer | None:
    try:
        return None if config is None else ExternalServer(**dict(config))
    except InvalidValueError as error:
        raise ConfigError(path, f"{key}.server", str(error)) from None
