"""What Prometheus can ask the gateway."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from ipa.errors import IpaError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.serving.gateway.engine import Batch, Engine, Request, Visit
from ipa.serving.gateway.histogram import Buckets, Histogram

SHARES_OF_SLA = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1.0,
    1.25,
    1.5,
    2.0,
    4.0,
)
"""Bounds of the buckets of all times: fine where it is decided whether the SLA holds."""

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)


class PipelineMetrics:
    """Counts what the engine does; what can be read off the engine is read when somebody asks.

    Parameters
    ----------
    pipeline
        What is served.
    registry
        Where the metrics are known.
    """

    def __init__(self, pipeline: Pipeline, registry: CollectorRegistry) -> None:
        self._registry = registry
        bounds_s = [share * pipeline.sla_s for share in SHARES_OF_SLA]

        stages = [stage.name for stage in pipeline.stages]

        def histogram(name: str, text: str, bounds: Sequence[float]) -> list[Buckets]:
            found = Histogram(f"ipa_stage_{name}", text, bounds, stages)
            registry.register(found)
            return found.of

        self._arrived = Counter("ipa_requests_arrived", "Requests that came.", registry=registry)
        self._ended = Counter(
            "ipa_requests_ended", "Requests that ended.", ["outcome", "reason"], registry=registry
        )
        latency = Histogram("ipa_request_latency_seconds", "From arrival to answer.", bounds_s)
        registry.register(latency)
        (self._latency,) = latency.of
        sla = Gauge("ipa_sla_seconds", "The SLA; le names the bucket up to it.", ["le"], registry=registry)
        bucket = floatToGoString(pipeline.sla_s)  # type: ignore[no-untyped-call]
        sla.labels(bucket).set(pipeline.sla_s)
        self._batch = histogram("batch_size", "Requests in a batch that was sent to a replica.", BATCH_SIZES)
        self._queue = histogram("queue_seconds", "Waiting for a free replica.", bounds_s)
        self._batch_wait = histogram("batch_wait_seconds", "Waiting for the batch to fill.", bounds_s)
        self._service = histogram("service_seconds", "Being served.", bounds_s)

    def watch(self, engine: Engine) -> None:
        """Tell of an engine's queues and plan too."""
        self._registry.register(_EngineCollector(engine))

    def arrived(self, _request: Request, /) -> None:
        """Count a request that came."""
        self._arrived.inc()

    def sent(self, place: int, batch: Batch, /) -> None:
        """Count a batch that was sent to a replica."""
        self._batch[place].observe(len(batch.visits))

    def left(self, visit: Visit, /) -> None:
        """Count a visit that has been served."""
        queue_s = max(visit.free_s - visit.enter_s, 0.0)
        self._queue[visit.place].observe(queue_s)
        self._batch_wait[visit.place].observe(visit.start_s - visit.enter_s - queue_s)
        self._service[visit.place].observe(visit.end_s - visit.start_s)

    def ended(self, request: Request, /) -> None:
        """Count a request that has ended."""
        self._ended.labels(request.outcome, request.reason).inc()
        if request.outcome == "ok":
            self._latency.observe(request.end_s - request.arrival_s)


class _EngineCollector:
    """Reads the state of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Return what can be read now."""
        yield self._per_stage("ipa_stage_queue_length", "Visits that wait.", "waiting")
        yield self._per_stage("ipa_stage_in_service", "Visits that are served.", "serving")
        in_flight = self._engine.account.in_flight
        yield GaugeMetricFamily("ipa_requests_in_flight", "Requests that have not ended.", in_flight)
        yield from self._of_replicas()
        yield from self._of_the_plan()

    def _per_stage(self, name: str, text: str, attribute: str) -> Metric:
        family = GaugeMetricFamily(name, text, labels=["stage"])
        for stage in self._engine.stages:
            family.add_metric([stage.name], getattr(stage, attribute))
        return family

    def _of_replicas(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("ipa_replicas", "Replicas by what they do.", labels=["stage", "state"])
        for stage in self._engine.state().stages:
            for condition in ("ready", "busy", "draining", "suspect"):
                count = sum(one.state == condition and not one.borrowed for one in stage.replicas)
                family.add_metric([stage.stage, condition], count)
        yield family

    def _of_the_plan(self) -> Iterator[Metric]:
        plans = [stage.plan for stage in self._engine.stages]
        info = GaugeMetricFamily("ipa_plan_info", "The plan in force.", labels=["stage", "variant", "batch"])
        for plan in plans:
            if plan:
                info.add_metric([plan.stage, plan.variant, str(plan.batch)], 1)
        yield info
        cores = sum(
            len(stage.replicas) * plan.cores
            for stage, plan in zip(self._engine.stages, plans, strict=True)
            if plan
        )
        yield GaugeMetricFamily("ipa_serving_cores", "Cores of all replicas that serve.", cores)
        if all(plans):
            yield from self._accuracy([plan for plan in plans if plan])

    def _accuracy(self, plans: list[StagePlan]) -> Iterator[Metric]:
        # A variant that no plan may choose can be served all the same; it has no score.
        with suppress(IpaError):
            plan = Plan(tuple(plans))
            pas, measured = (of(self._engine.pipeline) for of in (plan.accuracy, plan.measured_accuracy))
            yield GaugeMetricFamily("ipa_plan_pas", "Pipeline accuracy score of the plan in force.", pas)
            if measured is not None:
                text = "Measured end-to-end accuracy of the plan in force."
                yield GaugeMetricFamily("ipa_plan_measured_accuracy", text, measured)
