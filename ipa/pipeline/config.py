"""What a pipeline file may hold: the names, kinds and ranges of its keys."""

from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from ipa import limits
from ipa.pipeline.measured_config import MeasuredAccuracyConfig
from ipa.pipeline.pipeline import Join, Setting
from ipa.strict_yaml import Name, Real, Whole, within


def _setting(pair: tuple[str, object]) -> tuple[str, Setting]:
    name, value = pair
    if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not isfinite(value)):
        rule = "{name} must be true, false, a finite number or a text"
        raise PydanticCustomError("setting", rule, {"name": name})
    return name, value


NamedSetting = Annotated[tuple[Name, Any], AfterValidator(_setting)]

SlaS = Annotated[Real, within(limits.SLA_S)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Word = Annotated[str, Field(strict=True, min_length=1, max_length=limits.OPTION_CHARACTERS)]


class ServerConfig(_Strict):
    """The key ``server`` of a variant: see ``ipa.pipeline.pipeline.ExternalServer``."""

    model: Name
    command: tuple[Word, ...] = Field(default=(), max_length=limits.COMMAND_WORDS)
    address: Annotated[str, Field(strict=True, max_length=limits.OPTION_CHARACTERS)] = ""


class VariantConfig(_Strict):
    """One entry of ``stages[].variants``."""

    name: Name
    accuracy: Annotated[Real, within(limits.ACCURACY)]
    base_cores: Annotated[Whole, within(limits.CORES)]
    model: str = ""
    start_up_s: Annotated[Real, within(limits.DELAY_S)] = 8.0
    enabled: bool = Field(default=True, strict=True)
    settings: tuple[NamedSetting, ...] = Field(default=(), max_length=limits.VARIANT_SETTINGS)
    server: ServerConfig | None = None

    @field_validator("settings", mode="before")
    @classmethod
    def _as_pairs(cls, value: object) -> object:
        return pairs_of(value)


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
    task: Annotated[str, Field(strict=True, max_length=limits.NAME_CHARACTERS)] = ""
    inputs: tuple[tuple[Name, Name], ...] = ()

    @property
    def joins(self) -> bool:
        """Whether a request is served once, however many visits come."""
        return self.join == "all" or (self.join is None and len(self.after) > 1)

    @field_validator("inputs", mode="before")
    @classmethod
    def _as_pairs(cls, value: object) -> object:
        return pairs_of(value)

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
    measured_accuracy: MeasuredAccuracyConfig | None = None

    @field_validator("measured_accuracy", mode="before")
    @classmethod
    def _as_combinations(cls, value: object) -> object:
        return {"combinations": value} if isinstance(value, list) else value


def pairs_of(value: object) -> tuple[tuple[object, object], ...]:
    """Return a mapping as pairs, ascending by key, so that it can be hashed."""
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "must be a mapping")
    return tuple(sorted(value.items(), key=str))
