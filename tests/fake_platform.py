"""A platform without a pipeline behind it, whose parts can be made to fail."""

from dataclasses import dataclass, field

import numpy as np

from ipa.pipeline import Pipeline
from ipa.plan import Plan
from ipa.platforms.base import ApplyReport, Observation


@dataclass
class FakePlatform:
    """Shows the rates it is given and remembers what it was told.

    Parameters
    ----------
    rates_rps
        Rates of an observation.
    failing
        Names of methods that raise, each with the number of calls that do.
    """

    rates_rps: list[float] = field(default_factory=lambda: [10.0] * 120)
    failing: dict[str, int] = field(default_factory=dict)
    running: Plan | None = None
    applied: list[Plan] = field(default_factory=list)
    full: bool = False
    slept: list[float] = field(default_factory=list)
    time_s: float = 0.0

    def _fail(self, name: str) -> None:
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            raise ConnectionError(f"{name} is out of order")

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, time_s: float) -> None:
        self.slept.append(time_s)
        self.time_s = max(self.time_s, time_s)

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:  # noqa: ARG002 (the protocol's signature)
        self.running = plan

    def observe(self) -> Observation:
        self._fail("observe")
        assert self.running is not None
        ready = tuple(stage.replicas for stage in self.running.stages)
        return Observation(self.time_s, np.array(self.rates_rps), self.running, ready)

    def apply(self, plan: Plan) -> ApplyReport:
        self._fail("apply")
        self.applied.append(plan)
        self.running = plan
        return ApplyReport(1, 0, pending=self.full)

    def teardown(self) -> None:
        self.running = None
