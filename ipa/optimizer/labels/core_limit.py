"""The best plan within a limit of cores: a second price, and labels that carry their cores.

Invariants: a core is priced at μ beside the latency's λ, so that the bound of the priced problem plus μ times
the limit is an upper bound; a label is dropped only for another one that takes no more cores either.
"""

from dataclasses import dataclass, replace

import numpy as np

from ipa.optimizer.answer import Answer, Choice, pick_options
from ipa.optimizer.labels.columns import Columns, Ints, columns_of, drop_dominated
from ipa.optimizer.labels.completion import completion_table
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.labels.label_search import candidates
from ipa.optimizer.labels.labels import Search
from ipa.optimizer.labels.reduction import best_choice
from ipa.optimizer.labels.relaxation import Bound, tightest
from ipa.optimizer.problem import Problem
from ipa.optimizer.tolerance import TIE, tie

_BISECTIONS = 25
_CELLS = 1_000
_BEAM = 1_000
_FIRST_GUESS = 1 / 256
"""First guess of the gap, as a share of the distance between the bound and the best plan known."""


@dataclass(frozen=True, slots=True)
class _Priced:
    """A problem in which a core costs μ more.

    ``columns`` pay the price; ``bound`` is that of the columns, without what the limit gives back.
    """

    columns: Columns
    bound: Bound
    price: float
    upper: float
    cores: int


def solve_within_cores(problem: Problem, known: Choice, upper: float, until: float) -> Answer:
    """Find the first of the best plans that keep the limit of cores.

    Parameters
    ----------
    problem
        A chain with a limit of cores.
    known
        A choice that keeps it.
    upper
        Upper bound on the objective.
    until
        ``time.perf_counter()`` at which to stop.
    """
    everything = columns_of(problem)
    columns = drop_dominated(everything, _cores_of(problem, everything))
    priced = _cheapest_bound(problem, columns)
    search = _search(problem, priced, until)
    best, proven = known, False
    upper = min(upper, priced.upper)
    try:
        table = completion_table(priced.columns, search.limit, _CELLS, 0.0, until)
        search = replace(search, completions=(table,))
        upper = min(upper, table.upper + priced.price * _limit_of(problem))
        best = _better(problem, best, candidates(_from(search, problem, _value(problem, best), beam=_BEAM)))
        best, upper, proven = _lower_floor(problem, search, best, upper)
    except LabelsExceededError:
        proven = False
    value = _value(problem, best)
    return Answer(best, proven, bound=value if proven else max(value, upper))


def _lower_floor(problem: Problem, search: Search, best: Choice, upper: float) -> tuple[Choice, float, bool]:
    """Lower the floor from the bound until a plan reaches it; return it, the bound, and if it is proven."""
    start, reached = upper, False
    gap = max((upper - _value(problem, best)) * _FIRST_GUESS, TIE)
    while True:
        value = _value(problem, best)
        least = value - tie(value) - 2 * search.slop
        floor = least if reached else max(start - gap, least)
        try:
            found = candidates(_from(search, problem, floor))
        except LabelsExceededError:
            return best, upper, reached
        if found:
            best, reached = _better(problem, best, found), True
        else:
            upper = max(floor, value)
        if floor == least:
            return best, upper, reached
        gap *= 4


def _from(search: Search, problem: Problem, floor: float, beam: int = 0) -> Search:
    """Return the search from a floor of the objective, of which the priced gains pay the limit's worth."""
    return replace(search, floor=floor - search.core_price * _limit_of(problem), beam=beam)


def _better(problem: Problem, best: Choice, found: list[Choice]) -> Choice:
    return best_choice(problem, [best, *found]) or best


def _value(problem: Problem, choice: Choice) -> float:
    return problem.value(pick_options(problem, choice))


def _limit_of(problem: Problem) -> int:
    if problem.max_cores is None:
        raise ValueError("a limit of cores is what this search is for")
    return problem.max_cores


def _search(problem: Problem, priced: _Priced, until: float) -> Search:
    limit, bound = float(problem.ticks.limit), priced.bound
    sizes = (1.0, abs(priced.upper), bound.price * abs(limit), priced.price * _limit_of(problem))
    return Search(
        problem,
        priced.columns,
        bound,
        limit,
        -np.inf,
        until,
        slop=1e-13 * max(sizes),
        most_cores=problem.max_cores,
        core_price=priced.price,
    )


def _cheapest_bound(problem: Problem, columns: Columns) -> _Priced:
    """Find the price of a core with the lowest bound: between one too low and one too high for the limit."""
    cores = _cores_of(problem, columns)
    best, low, high = _at_price(problem, columns, cores, 0.0), 0.0, _dearest(columns)
    for _ in range(_BISECTIONS):
        price = (low + high) / 2
        priced = _at_price(problem, columns, cores, price)
        if priced.upper < best.upper:
            best = priced
        if priced.cores > _limit_of(problem):
            low = price
        else:
            high = price
    return best


def _dearest(columns: Columns) -> float:
    """Return a price at which no core is worth it."""
    gains = columns.gain[columns.present]
    return float(gains.max() - gains.min()) + 2 * abs(columns.alpha) + TIE


def _at_price(problem: Problem, columns: Columns, cores: Ints, price: float) -> _Priced:
    paid = replace(columns, gain=columns.gain - price * cores)
    bound = tightest(paid, float(problem.ticks.limit))
    chosen = bound.relaxation.best()
    taken = int(cores[columns.rows, chosen].sum())
    return _Priced(paid, bound, price, bound.upper + price * _limit_of(problem), taken)


def _cores_of(problem: Problem, columns: Columns) -> Ints:
    """Return the cores of every option of the columns, 0 where there is none, shape (stages, options)."""
    cores = np.zeros(columns.latency.shape, dtype=np.int64)
    for stage, size in enumerate(columns.sizes.tolist()):
        options = problem.options[stage]
        cores[stage, :size] = [options[index].cost_cores for index in columns.index[stage, :size].tolist()]
    return cores
