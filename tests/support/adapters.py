"""The control loop with a platform, a forecaster and a planner that do as they are told."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from ipa.adapter import Adapter, AdapterSettings
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.forecast import Forecast
from ipa.optimizer.decision import Decision
from ipa.optimizer.planner import Planner
from ipa.pipeline.plan import Plan
from ipa.results.decisions import DecisionRecord
from tests.support.fake_platform import FakePlatform

PLANNER = planner_for(RunSpec("video", "bursty", "ipa"))
PLAN_10, PLAN_30 = PLANNER.decide(10.0).plan, PLANNER.decide(30.0).plan


HOLD = AdapterSettings(on_infeasible="hold")
DECIDED = cache(PLANNER.decide)


class Unprintable(BaseException):
    """An error whose message cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError


@dataclass
class Scripted:
    """A forecaster that answers, or raises, what it is given, in turn; the last answer repeats."""

    answers: list[float | BaseException]
    name: str = "scripted"

    def forecast(self, history_rps: list[Any], now_s: float | None = None) -> Forecast:  # noqa: ARG002 (the protocol's signature)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return Forecast(answer, self.name)


class BrokenPlanner(Planner):
    """Fails at one rate."""

    def decide(self, rate_rps: float) -> Decision:
        if rate_rps == 13:
            raise MemoryError("the solver ran out of memory")
        return super().decide(rate_rps)


def adapter_on(
    platform: FakePlatform,
    *rates: float | BaseException,
    planner: Planner = PLANNER,
    settings: AdapterSettings | None = None,
    deployed: Plan | None = PLAN_10,
) -> tuple[Adapter, list[DecisionRecord]]:
    records: list[DecisionRecord] = []
    settings = settings or AdapterSettings()
    adapter = Adapter(platform, planner, Scripted(list(rates)), settings, records.append)
    if deployed is not None:
        adapter.deploy(deployed)
    return adapter, records
