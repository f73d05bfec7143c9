"""What an InferencePipeline asks for: the keys of its ``spec``.

``spec.pipeline`` has the keys of a pipeline file, word for word, from the same models. Only the measurements
lie elsewhere, for an object has no table beside it: in every variant, or in a ConfigMap that the stage names.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema
from pydantic.alias_generators import to_camel

from ipa import limits
from ipa.cluster import resource_rules
from ipa.pipeline.config import (
    After,
    PipelineKeys,
    ProfileConfig,
    StageKeys,
    VariantConfig,
    after_schema,
)
from ipa.pipeline.measured_config import CombinationConfig, MeasuredAccuracyConfig
from ipa.strict_yaml import Name, Real, Whole, within

Source = Literal["emulated", "packaged", "random", "pretrained"]

STAGES, BEFORE, VARIANTS, ROWS, COMBINATIONS = 32, 16, 64, 128, 4096
"""What one object holds at most: the API server bounds the size of objects and the time of their rules."""

Text = Annotated[str, Field(max_length=limits.OPTION_CHARACTERS)]

_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def camel_key(name: str) -> str:
    """Return a key of an object for the name of a field.

    Examples
    --------
    >>> camel_key("batch_wait_s"), camel_key("rate_rps"), camel_key("on_infeasible")
    ('batchWaitSeconds', 'rateRps', 'onInfeasible')
    """
    return to_camel(f"{name}econds" if name.endswith("_s") else name)


class CamelKeys(BaseModel):
    """Keys as the objects of Kubernetes have them."""

    model_config = _CONFIG | ConfigDict(alias_generator=camel_key, populate_by_name=True)


def listed_by(*keys: str) -> Any:
    """Return the mark of a list whose entries are known by some of their keys, which must differ."""
    return Field(
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
    )


class ProfileRow(BaseModel):
    """One measurement of a variant; the columns of a profile table."""

    model_config = _CONFIG

    cores: Annotated[Whole, within(limits.CORES)]
    """Cores of the replica that was measured."""
    batch: Annotated[Whole, within(limits.BATCH)]
    """Requests in a batch."""
    latency_p99_s: Annotated[Real, within(limits.LATENCY_S)]
    """99th percentile of the time a batch takes, in seconds."""
    latency_avg_s: Annotated[Real, within(limits.LATENCY_S)] | None = None
    """Mean of the same; follows from the throughput where it is left out."""
    throughput_rps: Annotated[Real, within(limits.THROUGHPUT_RPS)]
    """Requests per second that one replica sustains at this batch size."""


class ObjectProfile(ProfileConfig):
    """A table of measurements in a ConfigMap of the same namespace, and which of its rows to take."""

    model_config = _CONFIG

    config_map: Name
    """Name of the ConfigMap; ``file`` is one of its keys."""


class ObjectVariant(VariantConfig):
    """A model that can serve the stage."""

    model_config = _CONFIG | resource_rules.config_of(resource_rules.VARIANT)

    profile: Annotated[tuple[ProfileRow, ...], listed_by("cores", "batch")] = Field(
        default=(), max_length=ROWS
    )
    """Its measurements, unless the stage names a table that has them."""


class ObjectStage(StageKeys):
    """A step of the pipeline."""

    model_config = _CONFIG | resource_rules.config_of(resource_rules.STAGE)

    variants: Annotated[tuple[ObjectVariant, ...], listed_by("name")] = Field(
        min_length=1, max_length=VARIANTS
    )
    """What can serve it, in any order."""
    after: Annotated[After, Field(max_length=BEFORE), after_schema(BEFORE)] = ()
    """Stages that lead to this one, and the visits that each sends per visit of its own (factor)."""
    profile: ObjectProfile | None = None
    """Where the measurements of its variants are, unless they stand in the variants."""


_COMBINATIONS = WithJsonSchema(
    {"type": "array", "maxItems": COMBINATIONS, "items": TypeAdapter(CombinationConfig).json_schema()}
)


class ObjectPipeline(PipelineKeys):
    """Stages with an end-to-end latency objective: what a pipeline file holds, with the same keys."""

    model_config = _CONFIG | resource_rules.config_of(resource_rules.PIPELINE)

    name: Name = ""
    """Name of the pipeline; that of the object where it is left out."""
    stages: Annotated[tuple[ObjectStage, ...], listed_by("name")] = Field(min_length=1, max_length=STAGES)
    """Stages in the order a request passes them, unless they say with after which follow which."""
    measured_accuracy: Annotated[MeasuredAccuracyConfig | None, _COMBINATIONS] = None
    """End-to-end accuracies that were measured for combinations of variants."""


class Weights(CamelKeys):
    """What a plan is worth: alpha times accuracy, less beta times cores, less delta times batch sizes."""

    alpha: Annotated[Real, within(limits.WEIGHT)] = 1.0
    """Weight of the accuracy, 0..1."""
    beta: Annotated[Real, within(limits.WEIGHT)] = 1.0
    """Weight of one core."""
    delta: Annotated[Real, within(limits.WEIGHT)] | None = None
    """Weight of one request of batch size; a millionth of that of a core where it is left out."""


class Limits(CamelKeys):
    """What a plan may be."""

    cores: Annotated[Whole, within(limits.CORES)] | None = None
    """Most cores of all replicas together."""
    replicas: Annotated[Whole, within(limits.REPLICAS)] = 100
    """Most replicas of one stage."""
    batch_sizes: tuple[Annotated[Whole, within(limits.BATCH)], ...] = Field(default=(), max_length=64)
    """Batch sizes to consider; those that were measured and powers of two where it is left out."""
    variants: Annotated[
        dict[str, Annotated[tuple[Name, ...], Field(min_length=1, max_length=VARIANTS)]],
        Field(max_length=STAGES),
    ] = Field(default_factory=dict)
    """Variants that may be chosen, by stage; of a stage that is not named, all that are enabled."""


class Fixed(CamelKeys):
    """What a method keeps as it is, per stage in their order."""

    variants: tuple[Name, ...] = Field(default=(), max_length=STAGES)
    """For fa2-low and fa2-high; the least or most accurate ones where it is left out."""
    replicas: tuple[Annotated[Whole, within(limits.REPLICAS)], ...] = Field(default=(), max_length=STAGES)
    """For rim, which needs it."""


class Gateway(CamelKeys):
    """What clients call."""

    shards: Annotated[Whole, Field(ge=1, le=64)] = 1
    """Pods of the gateway; they share the replicas among themselves."""
    queue_limit: Annotated[Whole, Field(ge=1, le=10_000_000)] = 10_000
    """Visits that may wait in front of a stage, in every shard; more are refused."""
    hang_after_s: Annotated[Real, within(limits.LATENCY_S)] | None = None
    """Seconds after which a batch without an answer counts as hung; by default it follows the profile."""


class Drop(CamelKeys):
    """When a request that waits is given up."""

    after_s: Annotated[Real, within(limits.LATENCY_S)] | None = None
    """Age in seconds; never where it is left out."""
    stage_after_s: tuple[Annotated[Real, within(limits.LATENCY_S)], ...] = Field(
        default=(), max_length=STAGES
    )
    """Age per stage, in their order, instead of one for all."""


class Emulation(CamelKeys):
    """How replicas pretend where the source is emulated."""

    service: Literal["lognormal", "deterministic"] = "lognormal"
    """How the time of a batch varies."""
    start_up: Annotated[bool, Field(strict=True)] = False
    """Whether a replica takes as long to start as start_up_s of its variant says."""
    seed: Annotated[Whole, within(limits.SEED)] = 0
    """Seed of what is drawn."""


class Models(CamelKeys):
    """Where weights are kept."""

    claim: Annotated[str, Field(min_length=1, max_length=253)]
    """PersistentVolumeClaim that replicas mount, to be read only."""


class PipelineOptions(CamelKeys):
    """How a pipeline is served and adapted: what ``spec`` holds beside the pipeline."""

    source: Source = "emulated"
    """Weights: replicas that wait as long as the profile says (emulated), weights that come with a package
    (packaged), the architecture without its weights (random), or what was fetched for it (pretrained)."""
    image: Text = ""
    """Image of replicas and gateway; that of the controller where it is left out."""
    method: Name = "ipa"
    """What decides: ipa, fa2-low, fa2-high, rim, or one registered in the image."""
    metric: Name = "pas"
    """Accuracy of a pipeline: pas, rank-sum, rank-product, mean, or measured."""
    weights: Weights = Weights()
    """What a plan is worth."""
    forecaster: Name = "linear"
    """What predicts the load."""
    interval_s: Annotated[Real, within(limits.INTERVAL_S)] = 10.0
    """Seconds between two decisions."""
    horizon_s: Annotated[Whole, within(limits.HORIZON_S)] | None = None
    """Seconds that a forecast covers; two intervals where it is left out."""
    forecast_margin: Annotated[Real, within(limits.MARGIN)] = 0.0
    """Plans are made for the forecast times one more than this, for what it misses and replicas that fail."""
    on_infeasible: Literal["best-effort", "hold"] = "best-effort"
    """Where no plan carries the load within the SLA: take what comes closest, or hold the last good plan."""
    start_rps: Annotated[Real, within(limits.RATE_RPS)] = 1.0
    """Requests per second that the first plan is made for, before any load is known."""
    limits: Limits = Limits()
    """What a plan may be."""
    fixed: Fixed = Fixed()
    """What the method keeps as it is."""
    gateway: Gateway = Gateway()
    """What clients call."""
    drop: Drop = Drop()
    """When a request that waits is given up."""
    emulation: Emulation = Emulation()
    """How emulated replicas pretend."""
    models: Models | None = None
    """Where weights are kept."""
    paused: Annotated[bool, Field(strict=True)] = False
    """Whether the controller leaves the pipeline alone: nothing is decided and nothing is changed."""


class PipelineSpec(PipelineOptions):
    """What shall run."""

    model_config = resource_rules.config_of(resource_rules.SPEC)

    pipeline: ObjectPipeline
    """Stages, variants, measurements and SLA."""
