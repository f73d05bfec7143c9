"""What Prometheus can ask the controller."""

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ipa.controller.conditions import Facts
from ipa.controller.status_report import Load
from ipa.results.decisions import DecisionRecord

OF_A_PIPELINE = ("namespace", "pipeline")

DECISION_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class ControllerMetrics:
    """Counts of one controller, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leader = self._gauge("leader", "Whether this controller acts.", ())
        self._rate = self._gauge("rate_rps", "Requests per second of the last interval.")
        self._forecast = self._gauge("forecast_rps", "Requests per second that are planned for.")
        self._cores = self._gauge("plan_cores", "Cores of the plan.")
        self._pas = self._gauge("plan_pas", "Pipeline accuracy score of the plan.")
        self._limit = self._gauge("limit_cores", "Most cores that a plan may have.")
        self._ready = self._gauge("pipeline_ready", "Whether every stage serves.")
        self._decisions = Counter(
            "ipa_controller_decisions",
            "Decisions by what came of them.",
            [*OF_A_PIPELINE, "action"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "ipa_controller_decision_seconds",
            "What a decision took to be made.",
            OF_A_PIPELINE,
            buckets=DECISION_BOUNDS_S,
            registry=self.registry,
        )

    def step(self, place: tuple[str, str], record: DecisionRecord, facts: Facts, load: Load) -> None:
        """Take in what a step of the adapter of a pipeline, by namespace and name, has decided."""
        self._decisions.labels(*place, record.action).inc()
        self._seconds.labels(*place).observe(record.solve_s)
        self._set(self._rate, place, load.rate_rps)
        self._set(self._forecast, place, record.forecast_rps)
        self._set(self._cores, place, facts.plan.cost_cores)
        self._set(self._pas, place, record.pas)
        self.ready(place, facts)

    def ready(self, place: tuple[str, str], facts: Facts) -> None:
        """Take in whether a pipeline serves."""
        self._ready.labels(*place).set(facts.ready)

    def limit(self, place: tuple[str, str], cores: int | None) -> None:
        """Take in the limit of a pipeline."""
        if cores is None:
            self._forget(self._limit, place)
        else:
            self._limit.labels(*place).set(cores)

    def forget(self, place: tuple[str, str]) -> None:
        """Tell nothing of a pipeline any more that has gone."""
        for gauge in (self._rate, self._forecast, self._cores, self._pas, self._limit, self._ready):
            self._forget(gauge, place)

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = OF_A_PIPELINE) -> Gauge:
        return Gauge(f"ipa_controller_{name}", text, labels, registry=self.registry)

    def _set(self, gauge: Gauge, place: tuple[str, str], value: float | None) -> None:
        # What is not known is no number, and not the last one.
        if value is None or math.isnan(value):
            self._forget(gauge, place)
        else:
            gauge.labels(*place).set(value)

    @staticmethod
    def _forget(gauge: Gauge, place: tuple[str, str]) -> None:
        try:
            gauge.remove(*place)
        except KeyError:
            return
