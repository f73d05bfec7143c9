"""How often the decided plan changes its shape: per stage, and of which kind."""

from collections import Counter
from dataclasses import dataclass, field

from ipa.pipeline.plan import Plan, StagePlan

KINDS = ("variant", "replicas", "batch")
"""What a switch may change; a step that changes two of them in a stage makes two switches."""


@dataclass(slots=True)
class SwitchCounter:
    """Counts the switches of a run, plan by plan.

    Parameters
    ----------
    steps
        Plans seen after the first one.
    changed_steps
        Those that changed the shape of the plan.
    switches
        Number of switches by (stage, kind).

    Examples
    --------
    >>> counter = SwitchCounter()
    >>> for variant, replicas in (("small", 2), ("small", 3), ("large", 1), ("large", 1)):
    ...     counter.add(Plan((StagePlan("detect", variant, batch=1, replicas=replicas, cores=1),)))
    >>> counter.steps, counter.changed_steps, counter.of_kind("replicas"), counter.total
    (3, 2, 2, 3)
    """

    steps: int = 0
    changed_steps: int = 0
    switches: Counter[tuple[str, str]] = field(default_factory=Counter)
    _before: Plan | None = None

    def add(self, plan: Plan) -> None:
        """Take the plan of the next step."""
        before, self._before = self._before, plan
        if before is None:
            return
        self.steps += 1
        self.changed_steps += plan.shape != before.shape
        known = {stage.stage: stage for stage in before.stages}
        for stage in plan.stages:
            for kind in _find_changed(known.get(stage.stage), stage):
                self.switches[stage.stage, kind] += 1

    @property
    def total(self) -> int:
        """Number of switches of all stages and kinds."""
        return self.switches.total()

    def of_kind(self, kind: str) -> int:
        """Return the number of switches of one kind, of all stages."""
        return sum(count for (_, found), count in self.switches.items() if found == kind)

    @property
    def changed_steps_share(self) -> float:
        """Share of the steps after the first that changed the shape of the plan."""
        return self.changed_steps / self.steps if self.steps else 0.0

    def by_stage_per_hour(self, hours: float) -> dict[str, dict[str, float]]:
        """Return the switches per hour by stage and kind, of the stages of the last plan."""
        stages = self._before.stages if self._before else ()
        return {
            stage.stage: {kind: self.switches[stage.stage, kind] / hours for kind in KINDS}
            for stage in stages
        }


def _find_changed(before: StagePlan | None, after: StagePlan) -> list[str]:
    if before is None:
        return []
    return [kind for kind in KINDS if getattr(before, kind) != getattr(after, kind)]
