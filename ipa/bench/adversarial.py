"""How bad a decision can get: hill climbing for the problems that take longest or end unproven."""

import gc
import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from ipa.bench.hard_problems import Recipe, random_recipe, vary
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.solve import solve

_PATIENCE = 12
"""Variations in a row that are no harder before the climb starts somewhere else."""

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One decision about a hard problem.

    Parameters
    ----------
    recipe
        What the problem is made from.
    decision
        What the solver answered.
    wall_s, cpu_s
        Time that it took, and processor time.
    """

    recipe: Recipe
    decision: Decision
    wall_s: float
    cpu_s: float

    @property
    def relative_gap(self) -> float:
        """Gap as a share of the objective, or of 1 if that is less; 0 if the plan is proven."""
        if self.decision.status is not Status.FEASIBLE:
            return 0.0
        return self.decision.gap / max(1.0, abs(self.decision.objective))

    @property
    def hardness(self) -> tuple[float, float]:
        """What the climb increases: the gap, and the time where there is none."""
        gap = self.relative_gap
        return (math.inf if math.isnan(gap) else gap, self.cpu_s)

    def row(self, what: str) -> dict[str, Any]:
        """Return the trial as a row of a table."""
        return {
            "what": what,
            "wall_ms": round(self.wall_s * 1000, 1),
            "cpu_ms": round(self.cpu_s * 1000, 1),
            "status": self.decision.status.value,
            "gap": self.decision.gap,
            "relative_gap": self.relative_gap,
            **asdict(self.recipe),
        }


@dataclass
class Climb:
    """What a climb met.

    Parameters
    ----------
    trials
        How many decisions it tried.
    unproven
        How many of them ended unproven.
    memory_mb
        Growth of the process's peak memory over all of them.
    worst
        The trials that took longest and left the largest gap, by what they are worst in.
    """

    trials: int = 0
    unproven: int = 0
    memory_mb: float = 0.0
    worst: dict[str, Trial] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        """Count a trial."""
        self.trials += 1
        self.unproven += trial.decision.status is Status.FEASIBLE
        longest, widest = self.worst.get("longest"), self.worst.get("largest gap")
        if longest is None or trial.wall_s > longest.wall_s:
            self.worst["longest"] = trial
        if trial.relative_gap > 0 and (widest is None or trial.hardness > widest.hardness):
            self.worst["largest gap"] = trial

    def rows(self) -> list[dict[str, Any]]:
        """Return the worst trials as rows of a table."""
        return [trial.row(what) for what, trial in self.worst.items()]


def climb(
    seconds: float,
    seed: int = 0,
    deadline_s: float = 1.0,
    solver: str = "exact",
    progress: Progress = lambda *_: None,
) -> Climb:
    """Search for hard problems: vary one that is, and go on from there if the variation is harder.

    Parameters
    ----------
    seconds
        Wall time of the search; the last decision may take its deadline longer.
    seed
        Seed of the recipes.
    deadline_s
        Time limit of one decision in seconds.
    solver
        Name in ``SOLVERS``.
    progress
        Called with (seconds gone, seconds, what was found).
    """
    random, found = Random(f"climb {seed}"), Climb()
    _try(Recipe(stages=3, options=5), solver, deadline_s)
    before_mb, started = peak_memory_mb(), time.perf_counter()
    at, fruitless = _try(random_recipe(random), solver, deadline_s), 0
    found.add(at)
    while (gone_s := time.perf_counter() - started) < seconds:
        progress(int(gone_s), int(seconds), f"{found.trials} problems, {found.unproven} unproven")
        anew = fruitless >= _PATIENCE
        trial = _try(random_recipe(random) if anew else vary(at.recipe, random), solver, deadline_s)
        found.add(trial)
        fruitless = 0 if anew or trial.hardness > at.hardness else fruitless + 1
        at = trial if fruitless == 0 else at
    found.memory_mb = round(peak_memory_mb() - before_mb, 1)
    return found


def _try(recipe: Recipe, solver: str, deadline_s: float) -> Trial:
    problem = recipe.problem()
    gc.collect()
    started, cpu_s = time.perf_counter(), time.process_time()
    decision = solve(problem, solver, deadline_s)
    return Trial(recipe, decision, time.perf_counter() - started, time.process_time() - cpu_s)


def peak_memory_mb() -> float:
    """Return the most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
