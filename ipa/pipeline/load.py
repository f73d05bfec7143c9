"""Reads pipelines and profiles from files and says exactly what is wrong with them."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ipa import limits
from ipa.errors import ConfigError, UnknownNameError
from ipa.file_stamps import FileStamp, file_stamp
from ipa.files import resolve_path
from ipa.paper import PAPER_PIPELINES
from ipa.paths import data_dir
from ipa.pipeline.pipeline import Edge, Join, Pipeline, Stage, Variant
from ipa.pipeline.profile_checks import sla_warnings, table_warnings
from ipa.pipeline.profile_table import ProfileSource, ProfileTable, read_profile_table
from ipa.strict_yaml import Name, Real, Whole, key_of, problem_of, read_yaml, within

WARNINGS_SHOWN = 5
"""Contradictions that are logged one by one."""

_log = logging.getLogger(__name__)

SlaS = Annotated[Real, within(limits.SLA_S)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VariantConfig(_Strict):
    """One entry of ``stages[].variants``."""

    name: Name
    accuracy: Annotated[Real, within(limits.ACCURACY)]
    base_cores: Annotated[Whole, within(limits.CORES)]
    model: str = ""
    start_up_s: Annotated[Real, within(limits.DELAY_S)] = 8.0
    enabled: bool = Field(default=True, strict=True)


class ProfileConfig(_Strict):
    """Where the measurements of a stage lie and which of them to take."""

    file: Annotated[str, Field(min_length=1, max_length=limits.OPTION_CHARACTERS)]
    stage: Name | None = None
    series: tuple[Name, ...] = ()
    offered_load_rps: tuple[Annotated[Real, within(limits.THROUGHPUT_RPS)], ...] = ()

    @field_validator("series", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """Take whole numbers as names, as which they stand in a table."""
        if not isinstance(value, list):
            return value
        return [str(item) if type(item) is int and abs(item) < 10**18 else item for item in value]


class StageConfig(_Strict):
    """One entry of ``stages``.

    ``after`` names the stages that lead to this one: a name, a list of names, or a mapping from names to rate
    factors. If no stage has it, the stages are a chain. ``join`` says what a stage does with what they bring:
    see ``ipa.pipeline.pipeline.Stage``.
    """

    name: Name
    profile: ProfileConfig
    variants: tuple[VariantConfig, ...] = Field(min_length=1, max_length=int(limits.VARIANTS.high))
    sla_s: SlaS | None = None
    after: tuple[tuple[Name, Annotated[Real, within(limits.RATE_FACTOR)]], ...] = ()
    join: Join | None = None

    @property
    def joins(self) -> bool:
        """Whether a request is served once, however many visits come."""
        return self.join == "all" or (self.join is None and len(self.after) > 1)

    @field_validator("after", mode="before")
    @classmethod
    def _with_factors(cls, value: object) -> object:
        if isinstance(value, dict):
            return tuple(value.items())
        names = [value] if isinstance(value, str) else value
        return tuple((name, 1.0) for name in names) if isinstance(names, list) else names


class PipelineConfig(_Strict):
    """A pipeline file."""

    name: Name
    sla_s: SlaS
    stages: tuple[StageConfig, ...] = Field(min_length=1, max_length=int(limits.STAGES.high))
    title: str = ""
    description: str = ""


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
    profiles = [_profile_file(path, stage) for stage in config.stages]
    return _pipeline(path, config, tuple(map(file_stamp, profiles)))


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
    """Return every file that a pipeline is read from: its own, then the profile of each stage."""
    path = pipeline_file(name_or_path)
    config = _config(path, file_stamp(path))
    return (path, *(_profile_file(path, stage) for stage in config.stages))


def _profile_file(path: Path, stage: StageConfig) -> Path:
    return resolve_path(path.parent / stage.profile.file)


@lru_cache(maxsize=64)
def _config(path: Path, _stamp: FileStamp) -> PipelineConfig:
    return parse_pipeline(path, read_yaml(path))


@lru_cache(maxsize=64)
def _pipeline(path: Path, config: PipelineConfig, _profiles: tuple[FileStamp, ...]) -> Pipeline:
    pipeline = Pipeline(
        name=config.name,
        stages=tuple(_stage(path, index, stage) for index, stage in enumerate(config.stages)),
        sla_s=config.sla_s,
        title=config.title or config.name,
        description=config.description,
        edges=_edges(config),
    )
    _warn(_warnings(path, config, pipeline))
    return pipeline


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
    by_name = {stage.name: stage for stage in config.stages}
    return config.model_copy(update={"stages": tuple(by_name[name] for name in order)})


def _edges(config: PipelineConfig) -> tuple[Edge, ...]:
    edges = tuple(
        Edge(source, stage.name, factor) for stage in config.stages for source, factor in stage.after
    )
    chain = tuple(Edge(one.name, other.name) for one, other in pairwise(config.stages))
    return () if edges == chain else edges


def _config_error(path: Path, error: ValidationError) -> ConfigError:
    # A misspelt key also shows as the missing one; the misspelling is what a user has to see.
    first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    key = key_of(first)
    if first["type"] == "extra_forbidden":
        return ConfigError(path, key, f"unknown key; allowed: {_keys(_model_at(first['loc'][:-1]))}")
    if first["type"] == "missing":
        return ConfigError(path, key, f"is missing; keys here: {_keys(_model_at(first['loc'][:-1]))}")
    return ConfigError(path, key, problem_of(first))


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    nested: dict[str, type[_Strict]] = {
        "stages": StageConfig,
        "variants": VariantConfig,
        "profile": ProfileConfig,
    }
    model: type[_Strict] = PipelineConfig
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
    )


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
    return Variant(**config.model_dump(), profiles=profiles)
