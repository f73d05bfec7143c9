"""Exact decisions without a solver: bounds, a good choice, and labels for what is left.

A multiple-choice knapsack (one option per stage, one latency limit). Options that another one beats are
dropped; pricing the SLA gives an upper bound; pairwise changes give a good choice; whatever cannot beat that
choice by the bound is never looked at. What remains is enumerated stage by stage (label setting).
"""

import logging
import math
import time
from dataclasses import replace

from ipa.errors import SolverUnavailableError
from ipa.optimizer.answer import Answer, picked
from ipa.optimizer.core import Core, best_of, core_of
from ipa.optimizer.graph import solve_graph
from ipa.optimizer.highs import solve_highs_directly
from ipa.optimizer.labels import LabelsExceededError
from ipa.optimizer.problem import Problem

LABELS_SHARE = 0.5
"""Share of the deadline after which labels give way to HiGHS."""

log = logging.getLogger("ipa.optimizer")


def solve_exact(problem: Problem, deadline_s: float) -> Answer:
    """Find the first of the best plans, for every metric.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Wall time in seconds; the best choice so far is returned after it.

    Returns
    -------
    Answer
        Proven optimal or proven infeasible; if there were too many labels, whatever HiGHS could prove.

    Notes
    -----
    Kellerer, Pferschy and Pisinger, Knapsack Problems (2004), chapter 11, for the knapsack; Fisher, The
    Lagrangian relaxation method for solving integer programming problems (1981), for the bound.
    """
    if problem.edges:
        return solve_graph(problem, deadline_s)
    started = time.perf_counter()
    if problem.max_cores is not None:
        return _within_cores(problem, deadline_s)
    core = core_of(problem)
    if core is None:
        return Answer(None, proven=True)
    try:
        choice = best_of(problem, core, core.known, started + LABELS_SHARE * deadline_s)
        return Answer(choice, proven=True)
    except LabelsExceededError:
        log.warning("solver exact: too many labels, falling back to HiGHS")
        return _fallen_back(problem, core, started + deadline_s)


def _within_cores(problem: Problem, deadline_s: float) -> Answer:
    """Decide without the limit of cores; where the plan exceeds it, let HiGHS find one that does not."""
    unlimited = solve_exact(replace(problem, max_cores=None), deadline_s)
    if unlimited.choice is None or problem.fits_cores(picked(problem, unlimited.choice)):
        return unlimited
    return replace(solve_highs_directly(problem, deadline_s), solver="exact", build_s=0.0, search_s=None)


def _fallen_back(problem: Problem, core: Core, until: float) -> Answer:
    """Let HiGHS prove the rest; keep the better choice if it does not get that far."""
    left_s = until - time.perf_counter()
    reason = "too many labels"
    if left_s > 0:
        try:
            answer = solve_highs_directly(problem, left_s)
        except SolverUnavailableError as error:
            reason = f"{reason}, {error}"
        else:
            if answer.proven or _value(problem, answer) >= core.known:
                note = "; ".join(text for text in (f"{reason}: solved by HiGHS", answer.note) if text)
                return replace(answer, solver="exact", note=note, build_s=0.0, search_s=None)
    return Answer(core.choice(), proven=False, note=f"{reason}: a good plan, not proven to be the best")


def _value(problem: Problem, answer: Answer) -> float:
    return -math.inf if answer.choice is None else problem.value(picked(problem, answer.choice))
