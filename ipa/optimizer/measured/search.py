"""The best plan by measured accuracy: combinations of variants, those that can be worth most first."""

import math
import time
from dataclasses import dataclass, field

import numpy as np

from ipa.optimizer.answer import Answer, Choice, Solver, pick_options
from ipa.optimizer.few_plans import value_few_plans
from ipa.optimizer.measured.combinations import ROUNDING, Combinations, Floats
from ipa.optimizer.problem import Problem
from ipa.optimizer.ties import first_in_order
from ipa.optimizer.tolerance import tie

_LEAST_S = 0.01
"""Time that the rest of a combination is given at least."""


def solve_by_combination(problem: Problem, deadline_s: float, solve_rest: Solver) -> Answer:
    """Find the first of the best plans by measured accuracy.

    Parameters
    ----------
    problem
        What there is to choose from; its metric is bound to a table.
    deadline_s
        Wall time in seconds; the best plan so far and its bound are returned after it.
    solve_rest
        Solves what is left to decide in a combination of too many plans to look at each; it sees an ordinary
        problem, in which every option scores the accuracy of the combination.

    Returns
    -------
    Answer
        Proven optimal, proven infeasible, or the best plan known with an upper bound.
    """
    if not all(problem.options):
        return Answer(None, proven=True)
    combinations = Combinations(problem)
    if not all(combinations.alternatives):
        return Answer(None, proven=True)
    return _Search(combinations, time.perf_counter() + deadline_s, solve_rest).run()


@dataclass
class _Search:
    """What is known so far.

    Parameters
    ----------
    combinations, until, solve_rest
        What is asked: see :func:`solve_by_combination`.
    found
        Plans that are the best so far or tied with it: their objectives and combinations.
    missed
        Upper bound on the plans of the combinations that ``solve_rest`` could not decide.
    """

    combinations: Combinations
    until: float
    solve_rest: Solver
    found: dict[Choice, tuple[float, int]] = field(default_factory=dict)
    missed: float = -math.inf

    @property
    def best(self) -> float:
        """Objective of the best plan so far."""
        return max((value for value, _ in self.found.values()), default=-math.inf)

    def run(self) -> Answer:
        """Look at combinations until none that is left can hold the first of the best plans."""
        combinations = self.combinations
        most, inaccuracy = bound_values(combinations), combinations.inaccuracy
        best, leading = -math.inf, math.inf
        # Of equal bounds the highest PAS comes first: what follows then loses every tie.
        for place, number in enumerate(np.lexsort((inaccuracy, -most)).tolist()):
            if most[number] < best - tie(best) or most[number] == -math.inf:
                break
            if most[number] <= best and inaccuracy[number] > leading:
                continue
            # Whatever the deadline, one combination is looked at: it has a plan but for a limit of cores.
            if place and time.perf_counter() > self.until:
                return self._stop(max(float(most[number]), self.missed))
            if self._look_at(number, float(most[number])):
                best = self.best
                leading = min(int(inaccuracy[place]) for _, place in self.found.values())
        return self._end()

    def _look_at(self, number: int, most: float) -> bool:
        """Look at the plans of a combination; whether some of them may be the first of the best."""
        problem, rest = self.combinations.problem, self.combinations.rest(number)
        values = value_few_plans(rest.problem)
        if values is not None:
            choices = list(values)
        else:
            answer = self.solve_rest(rest.problem, max(_LEAST_S, self.until - time.perf_counter()))
            choices = [] if answer.choice is None else [answer.choice]
            if not answer.proven:
                self.missed = max(self.missed, most if math.isnan(answer.bound) else min(most, answer.bound))
        for choice in map(rest.choice, choices):
            self.found[choice] = (problem.value(pick_options(problem, choice)), number)
        least = self.best - tie(self.best)
        self.found = {choice: seen for choice, seen in self.found.items() if seen[0] >= least}
        return any(seen[1] == number for seen in self.found.values())

    def _end(self) -> Answer:
        if self.missed >= self.best - tie(self.best) and self.missed > -math.inf:
            return self._stop(self.missed)
        return Answer(
            first_in_order(self.combinations.problem, self.found) if self.found else None, proven=True
        )

    def _stop(self, upper: float) -> Answer:
        """Answer with the best plan so far; no plan is worth more than ``upper``, nor than the best one."""
        if not self.found:
            return Answer(None, proven=False, note="no plan was found before the deadline", bound=upper)
        bound = max(upper, self.best)
        note = f"the deadline is reached: a good plan, at most {bound - self.best:.3g} below the best"
        return Answer(
            first_in_order(self.combinations.problem, self.found), proven=False, note=note, bound=bound
        )


def bound_values(combinations: Combinations) -> Floats:
    """Return an upper bound on the objective for every combination; minus infinity without a plan."""
    weights = combinations.problem.objective
    gain = weights.alpha * combinations.accuracy
    price = combinations.least_price(weights.beta, weights.batch_weight)
    # Plans are valued by sums in another order.
    stages = len(combinations.alternatives)
    rounding = 4 * ROUNDING * stages * (np.abs(gain) + np.abs(price))
    return np.where(combinations.possible, gain - price + rounding, -math.inf)
