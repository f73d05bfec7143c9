"""Checks what a pipeline is described by, and says exactly what is wrong with it."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ipa.errors import ConfigError, InvalidValueError, UnknownNameError
from ipa.pipeline.config import PipelineKeys, StageKeys
from ipa.pipeline.task_settings import TASK_SETTINGS, read_settings
from ipa.strict_yaml import key_of, problem_of

Keys = TypeVar("Keys", bound=PipelineKeys)


def parse_pipeline(origin: Path | str, content: object, model: type[Keys]) -> Keys:
    """Validate the description of a pipeline.

    Parameters
    ----------
    origin
        Where it comes from, as it reads in an error.
    content
        What is there, as plain values.
    model
        What may be there.

    Returns
    -------
    PipelineKeys
        With its stages in an order in which each comes after those that lead to it.

    Raises
    ------
    ConfigError
        Names the key and what is allowed.
    """
    if not isinstance(content, dict):
        raise ConfigError(origin, "", f"must hold a mapping with the keys {_keys(model)}")
    try:
        config = model.model_validate(content)
    except ValidationError as error:
        raise config_error(origin, model, error) from None
    return check_pipeline(origin, config)


def check_pipeline(origin: Path | str, config: Keys) -> Keys:
    """Check what the kinds and ranges of the keys do not say; return it as :func:`parse_pipeline` does."""
    for key, names in (
        ("stages", [stage.name for stage in config.stages]),
        *((f"stages[{i}].variants", [v.name for v in s.variants]) for i, s in enumerate(config.stages)),
    ):
        if len(set(names)) < len(names):
            raise ConfigError(origin, key, f"names must be distinct, got {', '.join(names)}")
    for i, stage in enumerate(config.stages):
        if not any(variant.enabled for variant in stage.variants):
            raise ConfigError(origin, f"stages[{i}].variants", "at least one variant must be enabled")
        _check_join(origin, f"stages[{i}]", stage)
        _check_task(origin, f"stages[{i}]", stage)
    lacking = [f"stages[{i}].sla_s" for i, stage in enumerate(config.stages) if stage.sla_s is None]
    if lacking and len(lacking) < len(config.stages):
        raise ConfigError(origin, lacking[0], "is missing; give an SLA to every stage or to none")
    if config.measured_accuracy is not None:
        config.measured_accuracy.check(Path(origin), len(config.stages))
    return _in_order(origin, config)


def _check_join(origin: Path | str, key: str, stage: StageKeys) -> None:
    if stage.join and not stage.after:
        raise ConfigError(origin, f"{key}.join", "has nothing to join: the stage has no key after")
    largest = max((factor for _, factor in stage.after), default=0.0)
    if stage.joins and largest > 1:
        raise ConfigError(
            origin,
            f"{key}.after",
            f"stage {stage.name} serves a request once, when all that comes has come, so a factor above 1"
            f" ({largest:g}) has no meaning; put it on a stage after this one, or serve every visit on its"
            " own (join: sum)",
        )


def _check_task(origin: Path | str, key: str, stage: StageKeys) -> None:
    """Check the task of a stage, and what its variants are told; those of other servers are theirs."""
    if not stage.task:
        return
    if stage.task not in TASK_SETTINGS:
        raise ConfigError(origin, f"{key}.task", str(UnknownNameError("task", stage.task, TASK_SETTINGS)))
    for place, variant in enumerate(stage.variants):
        if variant.server is None:
            try:
                read_settings(stage.task, dict(variant.settings))
            except (InvalidValueError, UnknownNameError) as error:
                raise ConfigError(origin, f"{key}.variants[{place}].settings", str(error)) from None


def _in_order(origin: Path | str, config: Keys) -> Keys:
    """List the stages of a graph so that each comes after those that lead to it."""
    if not any(stage.after for stage in config.stages):
        return config
    known = {stage.name for stage in config.stages}
    for index, stage in enumerate(config.stages):
        key, names = f"stages[{index}].after", [name for name, _ in stage.after]
        for name in names:
            if name not in known:
                raise ConfigError(origin, key, f"no stage {name!r}; stages: {', '.join(sorted(known))}")
            if names.count(name) > 1:
                raise ConfigError(origin, key, f"names stage {name} twice")
    before = {stage.name: {name for name, _ in stage.after} for stage in config.stages}
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise ConfigError(origin, "stages", f"form a cycle: {' -> '.join(error.args[1])}") from None
    first = [stage.name for stage in config.stages if not stage.after]
    if len(first) > 1:
        raise ConfigError(
            origin, "stages", f"only the first stage may lack the key after; {', '.join(first)} lack it"
        )
    names = [stage.name for stage in config.stages]
    places = [names.index(name) for name in order]
    return config.model_copy(
        update={
            "stages": tuple(config.stages[place] for place in places),
            "measured_accuracy": config.measured_accuracy and config.measured_accuracy.reordered(places),
        }
    )


def config_error(
    origin: Path | str, model: type[BaseModel], error: ValidationError, prefix: str = ""
) -> ConfigError:
    """Return the error of a description that does not fit a model; the key starts with the prefix."""
    # A misspelt key also shows as the missing one; the misspelling is what a user has to see.
    first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    key = prefix + key_of(first).replace("measured_accuracy.combinations[", "measured_accuracy[")
    if first["type"] == "extra_forbidden":
        allowed = _keys(_model_at(model, first["loc"][:-1]))
        return ConfigError(origin, key, f"unknown key; allowed: {allowed}")
    if first["type"] == "missing":
        here = _keys(_model_at(model, first["loc"][:-1]))
        return ConfigError(origin, key, f"is missing; keys here: {here}")
    return ConfigError(origin, key, problem_of(first))


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    for part in location:
        named = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in named:
            model = _model_in(named[str(part)].annotation) or model
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model that a key holds, alone or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found: Mapping[type[BaseModel], None] = {
        model: None for part in get_args(annotation) if (model := _model_in(part)) is not None
    }
    return next(iter(found), None)


def _keys(model: type[BaseModel]) -> str:
    return ", ".join(field.alias or name for name, field in model.model_fields.items())
