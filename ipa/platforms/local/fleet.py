"""The replicas of all stages of a pipeline, on the way from one plan to the next, within a limit of cores."""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from ipa.errors import InvalidValueError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import ApplyReport
from ipa.platforms.local.stage_fleet import Place, StageFleet
from ipa.serving.gateway.messages import StageAssignment

ROOM = "raise --core-limit, or let plans leave room with a smaller --max-cores"
"""What to do about a limit that holds a plan but not a change of it."""

_log = logging.getLogger(__name__)


class Fleet:
    """The replicas of a pipeline; a plan for which there is no room waits as a whole.

    Parameters
    ----------
    pipeline
        What is served.
    core_limit
        Cores that all replicas may hold together; None: no limit.
    add
        Makes a place for a replica of a stage, given by its position, and sees to it that one starts.
    """

    def __init__(
        self, pipeline: Pipeline, core_limit: int | None, add: Callable[[int, StagePlan], Place]
    ) -> None:
        self._pipeline, self._core_limit, self._add = pipeline, core_limit, add
        self.stages: tuple[StageFleet, ...] = ()
        self.waiting_plan: Plan | None = None

    @property
    def target(self) -> Plan:
        """What every stage runs or moves to."""
        return Plan(tuple(stage.target for stage in self.stages))

    def start(self, plan: Plan) -> None:
        """Ask for the replicas of the first plan.

        Raises
        ------
        InvalidValueError
            If the pipeline cannot run it, or there is no room for it.
        """
        self.check(plan)
        if self._core_limit is not None and plan.cost_cores > self._core_limit:
            raise InvalidValueError(
                f"the first plan takes {plan.cost_cores} cores; core_limit is {self._core_limit}"
            )
        if narrow := self._too_narrow(plan, self._core_limit):
            _log.warning("%s", narrow)
        self.stages = tuple(
            StageFleet(chosen, partial(self._add, place)) for place, chosen in enumerate(plan.stages)
        )

    def runs(self, plan: Plan) -> bool:
        """Whether a plan is what all stages run or move to."""
        return self.waiting_plan is None and plan == self.target

    def reconfigure(self, plan: Plan, busy_since_s: Mapping[str, float]) -> ApplyReport:
        """Move towards a plan.

        Parameters
        ----------
        plan
            What shall run.
        busy_since_s
            Since when replicas have been busy, by name, those that are.

        Raises
        ------
        InvalidValueError
            If the pipeline cannot run it; nothing has changed then.
        """
        self.check(plan)
        self.waiting_plan = None
        if not self.fits(plan):
            self.waiting_plan = plan
            return ApplyReport(0, 0, pending=True, reason=self._waits_for_room(plan))
        changes = [
            stage.reconfigure(chosen, busy_since_s)
            for stage, chosen in zip(self.stages, plan.stages, strict=True)
        ]
        return ApplyReport(sum(started for started, _ in changes), sum(stopped for _, stopped in changes))

    def settle(self, busy_since_s: Mapping[str, float]) -> None:
        """Switch the stages whose new replicas are all ready; take the plan that waits if it fits then."""
        for stage in self.stages:
            stage.settle()
        if self.waiting_plan is not None and self.fits(self.waiting_plan):
            self.reconfigure(self.waiting_plan, busy_since_s)

    def assignments(self) -> tuple[StageAssignment, ...]:
        """Return what serves now, stage by stage."""
        return tuple(stage.assignment() for stage in self.stages)

    def still_to_come(self) -> str:
        """Return what is missing before all of the plan that was asked for serves; empty if nothing."""
        if self.waiting_plan is not None:
            return self._waits_for_room(self.waiting_plan)
        return ", ".join(filter(None, (stage.still_to_come for stage in self.stages)))

    def cores_with(self, plan: Plan) -> int:
        """Return the cores held while the pipeline moves to a plan, those about to stop left aside."""
        return sum(stage.cores_with(chosen) for stage, chosen in zip(self.stages, plan.stages, strict=True))

    def fits(self, plan: Plan) -> bool:
        """Whether there is room for a plan beside what it replaces."""
        return self._core_limit is None or self.cores_with(plan) <= self._core_limit

    def check(self, plan: Plan) -> None:
        """Raise an InvalidValueError if the pipeline cannot run a plan."""
        names, given = [s.name for s in self._pipeline.stages], [s.stage for s in plan.stages]
        if given != names:
            raise InvalidValueError(
                f"the plan is for stages {given}; pipeline {self._pipeline.name} has {names}"
            )
        for stage, chosen in zip(self._pipeline.stages, plan.stages, strict=True):
            if chosen.replicas < 1:
                raise InvalidValueError(f"{stage.name}: {chosen.replicas} replicas; a stage needs at least 1")
            stage.variant(chosen.variant).profile_on(chosen.cores).at(chosen.batch)

    def _too_narrow(self, plan: Plan, core_limit: int | None) -> str:
        """Return why no other variant could take over from a plan, in words; empty if one could."""
        least = {
            stage.name: min(others)
            for stage, chosen in zip(self._pipeline.stages, plan.stages, strict=True)
            if (others := [one.base_cores for one in stage.choices if one.name != chosen.variant])
        }
        if core_limit is None or not least or plan.cost_cores + max(least.values()) <= core_limit:
            return ""
        stage, cores = max(least.items(), key=lambda item: item[1])
        return (
            f"core_limit {core_limit} leaves {core_limit - plan.cost_cores} cores beside the"
            f" {plan.cost_cores} of this plan: another variant of {stage} takes {cores} or more and starts"
            f" beside the one it replaces, so a plan with one waits; {ROOM} ({plan.cost_cores + cores} cores"
            " would do)"
        )

    def _waits_for_room(self, plan: Plan) -> str:
        return (
            f"the plan waits for room: with what it replaces it takes {self.cores_with(plan)} cores of"
            f" {self._core_limit}; {ROOM}"
        )
