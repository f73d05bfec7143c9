"""A platform without a pipeline behind it, whose parts can be made to fail."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Observation


@dataclass(frozen=True)
class Answer:
    """A fault: the call returns this instead of what it should."""

    value: Any


@dataclass
class Faults:
    """What goes wrong in the next calls of each part, in turn; nothing where the list is used up.

    Parameters
    ----------
    by_call
        Name of a call -> its faults: an exception is raised, an ``Answer`` returned, None is no fault.
    """

    by_call: dict[str, list[BaseException | Answer | None]] = field(default_factory=dict)

    def next(self, call: str) -> Answer | None:
        left = self.by_call.get(call, [])
        fault = left.pop(0) if left else None
        if isinstance(fault, BaseException):
            raise fault
        return fault


@dataclass
class FakePlatform:
    """Shows the rates it is given and remembers what it was told.

    Parameters
    ----------
    rates_rps
        Rates of an observation.
    failing
        Names of methods that raise, each with the number of calls that do.
    faults
        Of any kind; a call of ``apply`` that fails has put the first stage of the plan in force.
    says_what_it_was_told
        Observe the plan last asked for, not what runs, as a platform may that does not look.
    full
        A plan waits for room for so long.
    ready
        Replicas that serve, if not all of the running plan.
    """

    rates_rps: list[float] = field(default_factory=lambda: [10.0] * 120)
    failing: dict[str, int] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    says_what_it_was_told: bool = False
    full: bool = False
    note: str = ""
    ready: tuple[int, ...] | None = None
    running: Plan | None = None
    waiting: Plan | None = None
    told: Plan | None = None
    applied: list[Plan] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    time_s: float = 0.0
    step_takes_s: list[float] = field(default_factory=list)

    def _fail(self, name: str) -> Answer | None:
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            raise ConnectionError(f"{name} is out of order")
        return self.faults.next(name)

    def now(self) -> float:
        fault = self._fail("now")
        return self.time_s if fault is None else fault.value

    def sleep_until(self, time_s: float) -> None:
        self._fail("sleep_until")
        self.slept.append(time_s)
        self.time_s = max(self.time_s, time_s)

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:  # noqa: ARG002 (the protocol's signature)
        self.running = self.told = plan

    def observe(self) -> Observation:
        self.time_s += self.step_takes_s.pop(0) if self.step_takes_s else 0.0
        fault = self._fail("observe")
        if fault is not None:
            seen: Observation = fault.value
            return seen
        assert self.running is not None
        ready = self.ready or tuple(stage.replicas for stage in self.running.stages)
        plan = self.told if self.says_what_it_was_told and self.told else self.running
        pending = "the plan waits for room in the cluster" if self.waiting else ""
        return Observation(self.time_s, np.array(self.rates_rps), plan, ready, pending, self.note)

    def apply(self, plan: Plan) -> ApplyReport:
        self.told = plan
        try:
            fault = self._fail("apply")
        except BaseException:
            if self.running is not None and self.faults.by_call:
                self.running = Plan((*plan.stages[:1], *self.running.stages[1:]))
            raise
        self.applied.append(plan)
        self.waiting = plan if self.full else None
        if not self.full:
            self.running = plan
        return ApplyReport(1, 0, pending=self.full) if fault is None else fault.value

    def teardown(self) -> None:
        self.running = None
