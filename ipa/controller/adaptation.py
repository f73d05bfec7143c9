"""From what an object asks for to what decides for it."""

from dataclasses import dataclass

from ipa.adapter import AdapterSettings
from ipa.cluster.resource import Described, with_allowed
from ipa.cluster.resource_spec import PipelineOptions
from ipa.cluster.resource_status import PipelineStatus, planned
from ipa.forecast import ForecastContext, Forecaster, make_forecaster
from ipa.forecast.base import horizon_of
from ipa.optimizer.methods import MethodSettings
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.pipeline.accuracy import find_metric
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes.settings import KubernetesSettings


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What an adapter of one pipeline needs.

    Parameters
    ----------
    pipeline
        What is served, all its variants included.
    options
        What the object asks for.
    planner
        Decides, among the variants that the limits allow.
    forecaster
        Predicts the load.
    """

    pipeline: Pipeline
    options: PipelineOptions
    planner: Planner
    forecaster: Forecaster

    @property
    def settings(self) -> AdapterSettings:
        """How the control loop runs."""
        options = self.options
        return AdapterSettings(
            interval_s=options.interval_s,
            forecast_margin=options.forecast_margin,
            on_infeasible=options.on_infeasible,
        )

    def first_plan(self, status: PipelineStatus) -> Plan:
        """Return what to begin with: the plan of the status, else one for the load known or expected."""
        known = planned(status, self.pipeline)
        rate_rps = status.rate_rps or self.options.start_rps
        return known or self.planner.decide(rate_rps).plan


def adaptation_of(described: Described) -> Adaptation:
    """Return what adapts the pipeline of an object.

    Raises
    ------
    IpaError
        If the object names what there is not, or asks for what contradicts itself.
    """
    pipeline, options = described
    weights, limits = options.weights, options.limits
    planner = Planner(
        with_allowed(pipeline, options),
        Objective(find_metric(options.metric), weights.alpha, weights.beta, weights.delta),
        Constraints(limits.batch_sizes or None, limits.replicas, limits.cores, queues=options.gateway.shards),
        options.method,
        MethodSettings(options.fixed.variants or None, options.fixed.replicas or None),
    )
    # What cannot be decided on at all is found out now, and not taken for a failing step later.
    planner.problem(rate_rps=1.0)
    horizon_s = options.horizon_s or horizon_of(options.interval_s)
    forecaster = make_forecaster(options.forecaster, ForecastContext(horizon_s=horizon_s))
    return Adaptation(pipeline, options, planner, forecaster)


def platform_settings(
    options: PipelineOptions, namespace: str, image: str, prometheus: str = ""
) -> KubernetesSettings:
    """Return how the pipeline of an object is served.

    Parameters
    ----------
    options
        What the object asks for.
    namespace
        Where it is.
    image
        Of replicas and gateway, where the object names none.
    prometheus
        Address of a Prometheus that tells what arrives; empty: there is none.
    """
    return KubernetesSettings(
        source=options.source,
        service=options.emulation.service,
        emulate_start_up=options.emulation.start_up,
        queue_limit=options.gateway.queue_limit,
        hang_after_s=options.gateway.hang_after_s,
        core_limit=options.limits.cores,
        gateway_shards=options.gateway.shards,
        namespace=namespace,
        image=options.image or image,
        models_claim="" if options.models is None else options.models.claim,
        prometheus=prometheus,
    )


def platform_conditions(options: PipelineOptions) -> Conditions:
    """Return what is drawn and dropped."""
    drop = options.drop
    if drop.after_s is None:
        return Conditions(options.emulation.seed, stage_drop_after_s=drop.stage_after_s)
    return Conditions(options.emulation.seed, drop.after_s, drop.stage_after_s)
