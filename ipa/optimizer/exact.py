"""Exact decisions without a solver: bounds, a good choice, and labels for what is left.

A multiple-choice knapsack (one option per stage, one latency limit). Options that another one beats are
dropped; pricing the SLA gives an upper bound; pairwise changes give a good choice; whatever cannot beat that
choice by the bound is never looked at. What remains is enumerated stage by stage (label setting).
"""

import time
from dataclasses import dataclass

import numpy as np

from ipa.optimizer.answer import Answer, Choice, picked
from ipa.optimizer.columns import Columns, Ints, columns_of, without_dominated
from ipa.optimizer.improve import improved
from ipa.optimizer.labels import LabelsExceededError, Search, candidates
from ipa.optimizer.problem import ROUNDING, Problem
from ipa.optimizer.relaxation import Bound, tightest
from ipa.optimizer.ties import first_in_order


def solve_exact(problem: Problem, deadline_s: float) -> Answer:
    """Find the first of the best plans, for every metric.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Wall time in seconds after which the best choice so far is returned.

    Returns
    -------
    Answer
        Proven optimal, or proven infeasible.

    Notes
    -----
    Kellerer, Pferschy and Pisinger, Knapsack Problems (2004), chapter 11, for the knapsack;
    Fisher (1981) for the Lagrangian relaxation.
    """
    until = time.perf_counter() + deadline_s
    if not fastest_feasible(problem):
        return Answer(None, proven=True)
    core = core_of(problem)
    try:
        return Answer(best_of(problem, core, core.known, until), proven=True)
    except LabelsExceededError:
        return Answer(core.choice(), proven=False, note="label budget exceeded")


def fastest_feasible(problem: Problem) -> bool:
    """Whether the fastest options together keep the SLA, in other words whether any plan does."""
    if not all(problem.options):
        return False
    return problem.feasible([min(stage, key=lambda option: option.total_s) for stage in problem.options])


@dataclass(frozen=True, slots=True)
class Core:
    """What is left to decide.

    Parameters
    ----------
    columns
        Options that may be part of a best plan.
    bound
        Upper bound on the objective.
    limit_s
        Latency limit in seconds.
    best
        Best choice known, as positions in the columns.
    """

    columns: Columns
    bound: Bound
    limit_s: float
    best: Ints

    @property
    def known(self) -> float:
        """Objective of the best choice known."""
        return self.columns.value(self.best)

    def choice(self) -> Choice:
        """Return the best choice known as option indices."""
        return tuple(self.columns.index[self.columns.rows, self.best].tolist())


def core_of(problem: Problem) -> Core:
    """Drop beaten options, bound the objective and find a good choice."""
    columns = without_dominated(columns_of(problem))
    limit_s = problem.sla_s + ROUNDING
    bound = tightest(columns, limit_s)
    best = bound.fast
    if bound.slow is not None:
        losses = bound.relaxation.losses()
        starts = (improved(columns, start, limit_s, losses) for start in (bound.fast, bound.slow))
        best = max((choice for choice in starts if choice is not None), key=columns.value)
    return Core(columns, bound, limit_s, best)


def best_of(problem: Problem, core: Core, known: float, until: float) -> Choice:
    """Return the first in the total order of the choices tied with the best one.

    Parameters
    ----------
    problem
        What there is to choose from.
    core
        What is left to decide.
    known
        An objective that some choice reaches.
    until
        ``time.perf_counter()`` at which to give up.

    Raises
    ------
    LabelsExceededError
        If the label budget or the deadline is exceeded.
    """
    slop = 1e-13 * max(1.0, abs(known), abs(core.bound.upper), core.bound.price * abs(core.limit_s))
    floor = known - ROUNDING - 2 * slop
    columns, bound = core.columns, core.bound
    if columns.additive:
        allowed = bound.relaxation.losses() <= bound.upper - floor
        columns = columns.kept(allowed & columns.present)
    found = candidates(problem, Search(columns, bound, core.limit_s + 1e-13, floor, until, slop))
    feasible = {choice: picked(problem, choice) for choice in found}
    values = {c: problem.value(options) for c, options in feasible.items() if problem.feasible(options)}
    best = max(values.values())
    return first_in_order(problem, (choice for choice, value in values.items() if value >= best - ROUNDING))


__all__ = ["Core", "best_of", "core_of", "fastest_feasible", "np", "solve_exact"]
