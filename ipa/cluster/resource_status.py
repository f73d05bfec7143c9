"""What is known of an InferencePipeline: the keys of its ``status``."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from ipa.cluster.names import replica_set_name
from ipa.cluster.resource_spec import STAGES, CamelKeys, listed_by
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan, StagePlan

ConditionType = Literal["Ready", "Adapting", "SLAMet", "Degraded"]
Truth = Literal["True", "False", "Unknown"]


class _StatusKeys(CamelKeys):
    # Written by whichever version of IPA runs in the cluster: what a later one adds is left alone.
    model_config = ConfigDict(extra="ignore")


class PlannedStage(_StatusKeys):
    """What a stage shall run."""

    stage: str
    """Name of the stage."""
    variant: str
    """Name of the variant."""
    cores: int
    """Cores of one replica."""
    batch: int
    """Requests in a full batch."""
    batch_wait_s: float = 0.0
    """Longest time that the oldest request waits for the batch to fill."""
    replicas: int
    """Replicas that serve the stage."""


class ServedStage(_StatusKeys):
    """What the gateways let a stage be served by."""

    stage: str
    """Name of the stage."""
    variant: str
    """Name of the variant."""
    cores: int
    """Cores of one replica."""
    batch: int
    """Requests in a full batch."""
    batch_wait_s: float = 0.0
    """Longest time that the oldest request waits for the batch to fill."""
    service: str
    """Headless Service whose EndpointSlices list the replicas."""
    replicas: int | None = None
    """Batches that a server which runs already gets at a time; pods are as many as their Service lists."""


class Condition(_StatusKeys):
    """One aspect of how the pipeline is."""

    type: ConditionType
    """Ready: all stages serve. Adapting: the control loop runs and could decide. SLAMet: the requests of the
    last interval were answered within the SLA. Degraded: something is not as the plan asks for."""
    status: Truth
    """True, False or Unknown."""
    reason: str = Field(max_length=200)
    """Why, as one word."""
    message: str = ""
    """Why, in a sentence."""
    last_transition_time: str = ""
    """When the status changed."""
    observed_generation: int = 0
    """Generation of the object that it is about."""


class LastDecision(_StatusKeys):
    """The last decision that changed something, or could not."""

    time: str
    """When it was taken."""
    action: str
    """deployed, applied, pending, unchanged or held."""
    reason: str = ""
    """Why the plan is pending or held; empty otherwise."""


class PipelineStatus(_StatusKeys):
    """What runs, and how it is."""

    observed_generation: int = 0
    """Generation of the object that the controller works with."""
    conditions: Annotated[tuple[Condition, ...], listed_by("type")] = ()
    """Ready, Adapting, SLAMet and Degraded."""
    plan: Annotated[tuple[PlannedStage, ...], listed_by("stage")] = Field(default=(), max_length=STAGES)
    """What shall run, as it was decided last; whoever adapts goes on from it."""
    serving: Annotated[tuple[ServedStage, ...], listed_by("stage")] = Field(default=(), max_length=STAGES)
    """What serves, which the gateways obey."""
    rate_rps: float | None = None
    """Requests per second that arrive, the mean of the last interval."""
    forecast_rps: float | None = None
    """Requests per second that the plan was made for."""
    cores: int | None = None
    """Cores of the plan."""
    pas: float | None = None
    """Accuracy of the plan, 0..1."""
    p99_s: float | None = None
    """99th percentile of the latency of the last interval."""
    last_decision: LastDecision | None = None
    """The last decision that changed something, or could not."""

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return a condition; None if it is not known yet."""
        return next((one for one in self.conditions if one.type == kind), None)


def serving_entries(serving: Iterable[ServedStage]) -> list[dict[str, Any]]:
    """Return what serves as it stands in ``status.serving``."""
    return [stage.model_dump(mode="json", by_alias=True, exclude_none=True) for stage in serving]


def plan_entries(plan: Plan) -> list[dict[str, Any]]:
    """Return a plan as it stands in ``status.plan``."""
    return [
        {
            "stage": stage.stage,
            "variant": stage.variant,
            "cores": stage.cores,
            "batch": stage.batch,
            "batchWaitSeconds": stage.batch_wait_s,
            "replicas": stage.replicas,
        }
        for stage in plan.stages
    ]


def serving_of(name: str, plan: Plan) -> list[dict[str, Any]]:
    """Return what gateways have to obey once a plan serves, as it stands in ``status.serving``.

    Parameters
    ----------
    name
        Name of the object.
    plan
        What serves; its replicas are those that its Services list.
    """
    return [
        {key: value for key, value in entry.items() if key != "replicas"}
        | {"service": replica_set_name(name, stage.stage, stage.variant, stage.cores)}
        for entry, stage in zip(plan_entries(plan), plan.stages, strict=True)
    ]


def planned(status: PipelineStatus, pipeline: Pipeline) -> Plan | None:
    """Return the plan of a status, in the order of the stages.

    None if there is none, or it is for other stages, variants, cores or batches than the pipeline has.
    """
    by_stage = {entry.stage: entry for entry in status.plan}
    if by_stage.keys() != {stage.name for stage in pipeline.stages}:
        return None
    entries = [by_stage[stage.name] for stage in pipeline.stages]
    if not all(_fits(pipeline, entry) for entry in entries):
        return None
    return Plan(
        tuple(
            StagePlan(one.stage, one.variant, one.batch, one.replicas, one.cores, one.batch_wait_s)
            for one in entries
        )
    )


def _fits(pipeline: Pipeline, entry: PlannedStage) -> bool:
    for variant in pipeline.stage(entry.stage).variants:
        if variant.name == entry.variant:
            profiles = [profile for profile in variant.profiles if profile.cores == entry.cores]
            return entry.replicas > 0 and any(profile.supports(entry.batch) for profile in profiles)
    return False
