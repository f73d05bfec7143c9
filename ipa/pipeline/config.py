"""What a pipeline file may hold: the names, kinds and ranges of its keys.

Pipelines also come in other vessels than a file with a table beside it: as an object of Kubernetes. What all
share is in ``VariantConfig``, ``StageKeys`` and ``PipelineKeys``, JSON schema included.
"""

from math import isfinite
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    WithJsonSchema,
    field_validator,
)
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

Factor = Annotated[Real, within(limits.RATE_FACTOR)]

_SETTINGS = WithJsonSchema(
    {
        "type": "object",
        "maxProperties": limits.VARIANT_SETTINGS,
        # True or false, a number or a text: no single type.
        "additionalProperties": {"x-kubernetes-preserve-unknown-fields": True},
    }
)
_INPUTS = WithJsonSchema(
    {
        "type": "object",
        "additionalProperties": TypeAdapter(Name).json_schema(),
        "maxProperties": limits.VARIANT_SETTINGS,
    }
)


def after_schema(most: int) -> WithJsonSchema:
    """Return what a JSON schema says of ``after``, with at most so many stages."""
    entry = {
        "type": "object",
        "required": ["stage"],
        "properties": {
            "stage": TypeAdapter(Name).json_schema(),
            "factor": TypeAdapter(Factor).json_schema() | {"default": 1.0},
        },
    }
    by_stage = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["stage"]}
    return WithJsonSchema({"type": "array", "maxItems": most, "items": entry, **by_stage})


After = tuple[tuple[Name, Factor], ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


Word = Annotated[str, Field(strict=True, min_length=1, max_length=limits.OPTION_CHARACTERS)]


class ServerConfig(_Strict):
    """The key ``server`` of a variant: see ``ipa.pipeline.pipeline.ExternalServer``."""

    model: Name
    """Name of the model on that server."""
    command: tuple[Word, ...] = Field(default=(), max_length=limits.COMMAND_WORDS)
    """Words of the command that starts a replica; {port} stands for the port of its gRPC door, {http_port}
    for that of REST and {metrics_port} for that of metrics, where it has them."""
    address: Annotated[str, Field(strict=True, max_length=limits.OPTION_CHARACTERS)] = ""
    """HOST:PORT of a server that runs already."""
    image: Annotated[str, Field(strict=True, max_length=limits.OPTION_CHARACTERS)] = ""
    """Image that serves a replica on Kubernetes; without a command with gRPC on 8081 and REST on 8080."""
    user: Annotated[Whole, within(limits.USER)] | None = None
    """User that the container runs as, never root; 65532 where it is left out."""
    writable_root: bool = Field(default=False, strict=True)
    """Whether the container may write into its root; /tmp it always may."""
    memory_mb: Annotated[Whole, within(limits.MEMORY_MB)] | None = None
    """Memory of the container; that of replicas that compute where it is left out."""


class VariantConfig(_Strict):
    """One entry of ``stages[].variants``."""

    name: Name
    accuracy: Annotated[Real, within(limits.ACCURACY)]
    """Accuracy of the model, 0..1."""
    base_cores: Annotated[Whole, within(limits.CORES)]
    """Cores of one replica."""
    model: str = ""
    """Where the weights come from."""
    start_up_s: Annotated[Real, within(limits.DELAY_S)] = 8.0
    """Seconds from asking for a replica until it serves."""
    enabled: bool = Field(default=True, strict=True)
    """Whether a plan may choose it."""
    settings: Annotated[tuple[NamedSetting, ...], Field(max_length=limits.VARIANT_SETTINGS), _SETTINGS] = ()
    """What the runtime that serves it has to know beside."""
    server: ServerConfig | None = None
    """The server of somebody else's that serves it."""

    @field_validator("settings", mode="before")
    @classmethod
    def _as_pairs(cls, value: object) -> object:
        return pairs_of(value)


class ProfileConfig(_Strict):
    """Where the measurements of a stage lie and which of them to take."""

    file: Annotated[str, Field(min_length=1, max_length=limits.OPTION_CHARACTERS)]
    """The table."""
    stage: Name | None = None
    """Name of the stage in the table; that of the stage itself where it is left out."""
    series: tuple[Name, ...] = ()
    """Series of measurements to take, the most preferred first."""
    offered_load_rps: tuple[Annotated[Real, within(limits.THROUGHPUT_RPS)], ...] = ()
    """Offered loads to take, the most preferred first."""

    @field_validator("series", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """Take whole numbers as names, as which they stand in a table."""
        if not isinstance(value, list):
            return value
        return [str(item) if type(item) is int and abs(item) < 10**18 else item for item in value]


class StageKeys(_Strict):
    """What every entry of ``stages`` may hold, wherever its measurements are.

    ``after`` names the stages that lead to this one: a name, a list of names or of mappings
    ``{stage, factor}``, or a mapping from names to rate factors. If no stage has it, the stages are a chain.
    ``join`` says what a stage does with what they bring: see ``ipa.pipeline.pipeline.Stage``.
    """

    name: Name
    variants: tuple[VariantConfig, ...] = Field(min_length=1, max_length=int(limits.VARIANTS.high))
    """What can serve it."""
    sla_s: SlaS | None = None
    """Latency objective of the stage in seconds."""
    after: Annotated[After, after_schema(int(limits.STAGES.high))] = ()
    """Stages that lead to this one, and the visits that each sends per visit of its own (factor)."""
    join: Join | None = None
    """all: wait for all that lead here and serve a request once; sum: serve every visit as it comes."""
    task: Annotated[str, Field(strict=True, max_length=limits.NAME_CHARACTERS)] = ""
    """Kind of task, which says how a variant is loaded and what it answers."""
    inputs: Annotated[tuple[tuple[Name, Name], ...], _INPUTS] = ()
    """Inputs of the model by name: request.TENSOR or STAGE.TENSOR."""

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
        return tuple(map(_with_factor, names)) if isinstance(names, list) else names


class StageConfig(StageKeys):
    """One entry of ``stages`` in a file."""

    profile: ProfileConfig


class PipelineKeys(_Strict):
    """What every description of a pipeline may hold, wherever its measurements are."""

    name: Name
    sla_s: SlaS
    """End-to-end latency objective in seconds."""
    stages: tuple[StageKeys, ...] = Field(min_length=1, max_length=int(limits.STAGES.high))
    title: str = ""
    """Name for people."""
    description: str = ""
    """What the pipeline does."""
    measured_accuracy: MeasuredAccuracyConfig | None = None
    """Accuracies of whole combinations of variants."""

    @field_validator("measured_accuracy", mode="before")
    @classmethod
    def _as_combinations(cls, value: object) -> object:
        return {"combinations": value} if isinstance(value, list) else value


class PipelineConfig(PipelineKeys):
    """A pipeline file."""

    stages: tuple[StageConfig, ...] = Field(min_length=1, max_length=int(limits.STAGES.high))


def _with_factor(entry: object) -> tuple[object, object]:
    if isinstance(entry, dict) and "stage" in entry and entry.keys() <= {"stage", "factor"}:
        return entry["stage"], entry.get("factor", 1.0)
    return entry, 1.0


def pairs_of(value: object) -> tuple[tuple[object, object], ...]:
    """Return a mapping as pairs, ascending by key, so that it can be hashed."""
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "must be a mapping")
    return tuple(sorted(value.items(), key=str))
