"""The decision as a mixed-integer linear program, in no solver's language yet."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ipa.errors import SolverUnavailableError
from ipa.optimizer.answer import Choice
from ipa.optimizer.graph_paths import paths
from ipa.optimizer.labels.columns import columns_of, drop_dominated
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.ticks import Ticks
from ipa.pipeline.accuracy import Combine
from ipa.pipeline.measured_accuracy import MeasuredAccuracy

LIMIT = 1000.0
"""Limits of latencies and cores enter as this: solvers tolerate a violation of 1e-9 of a row's unit."""

MOST_COMBINATIONS = 10_000
"""Combinations of variants that get a variable; with more, solvers run far beyond their deadlines."""


@dataclass(frozen=True, slots=True)
class Row:
    """A linear constraint: lower ≤ Σ coefficient · variable ≤ upper."""

    variables: Sequence[int]
    coefficients: Sequence[float]
    lower: float
    upper: float


@dataclass
class Milp:
    """Maximise a linear objective; the first variables are binary, one per option, the others are not.

    Parameters
    ----------
    kept
        Indices of the options of each stage that have a variable.
    first
        Number of the first variable of each stage.
    binaries
        Number of binary variables.
    objective
        Coefficient per variable.
    uppers
        Upper bound per variable; all lower bounds are 0.
    rows
        Constraints.
    """

    kept: tuple[tuple[int, ...], ...]
    first: tuple[int, ...]
    binaries: int
    objective: list[float]
    uppers: list[float]
    rows: list[Row] = field(default_factory=list)

    def choice(self, values: Sequence[float]) -> Choice:
        """Return the options whose binaries are set."""
        return tuple(
            kept[max(range(len(kept)), key=lambda place: values[first + place])]
            for first, kept in zip(self.first, self.kept, strict=True)
        )


def milp_of(problem: Problem) -> Milp:
    """Formulate a problem that is not ``impossible`` (``ipa.optimizer.answer``).

    Raises
    ------
    InvalidValueError
        If the stages form a graph with more than ``MAX_PATHS`` paths.
    SolverUnavailableError
        If more than ``MOST_COMBINATIONS`` combinations of variants have measured accuracies.

    Notes
    -----
    One binary per option, exactly one set per stage, and one limit on the latency for every path. Options
    that another one of their stage beats are left out, which a solver's own presolve cannot find out for
    products. The product p of the scores is linearised exactly: at every stage it is split into one part per
    distinct score, only the part of the chosen score may differ from 0, the parts sum to the product so far,
    and the next product is Σ score · part. Measured accuracies take a variable per combination of variants:
    at every stage those of one variant sum to the binaries of its options, so that only the chosen one is 1.
    """
    columns = columns_of(problem)
    # What takes longer than any plan may is left out: coefficients that large upset solvers.
    columns = columns.kept(columns.present & (columns.latency <= problem.ticks.reach))
    metric = problem.objective.metric
    if problem.max_cores is None and not metric.tabular:
        # A beaten option may be the one that fits the limit of cores.
        columns = drop_dominated(columns)
    kept = tuple(
        tuple(row[:size].tolist()) for row, size in zip(columns.index, columns.sizes.tolist(), strict=True)
    )
    stages = [[stage[index] for index in row] for stage, row in zip(problem.options, kept, strict=True)]
    flat = [option for stage in stages for option in stage]
    first = [0]
    for stage in stages[:-1]:
        first.append(first[-1] + len(stage))
    milp = Milp(
        kept=kept,
        first=tuple(first),
        binaries=len(flat),
        objective=[_linear(problem, option) for option in flat],
        uppers=[1.0] * len(flat),
    )
    milp.rows += [_latency(milp, stages, path, problem.ticks) for path in paths(problem)]
    if problem.max_cores is not None:
        costs = [float(option.cost_cores) for option in flat]
        milp.rows.append(_at_most(range(len(flat)), costs, problem.max_cores))
    for start, stage in zip(first, stages, strict=True):
        milp.rows.append(Row(range(start, start + len(stage)), [1.0] * len(stage), 1.0, 1.0))
    if metric.table is not None:
        _add_table(milp, stages, metric.table, problem.objective.alpha)
    elif not metric.additive:
        _add_product(milp, stages, problem.objective.alpha)
    return milp


def _latency(milp: Milp, stages: Sequence[Sequence[Option]], path: Sequence[int], ticks: Ticks) -> Row:
    """Keep the SLA on one path."""
    variables = [milp.first[stage] + place for stage in path for place in range(len(stages[stage]))]
    return _at_most(
        variables, [ticks.of(option.total_s) for stage in path for option in stages[stage]], ticks.limit
    )


def _at_most(variables: Sequence[int], whole: Sequence[float], most: int) -> Row:
    """Limit a sum of whole numbers, brought to ``LIMIT``; the half is for rounding."""
    unit = LIMIT / max(1, abs(most))
    return Row(variables, [number * unit for number in whole], -math.inf, (most + 0.5) * unit)


def _linear(problem: Problem, option: Option) -> float:
    weights = problem.objective
    linear = -weights.beta * option.cost_cores - weights.batch_weight * option.batch
    if weights.metric.additive:
        share = len(problem.stages) if weights.metric.combine is Combine.MEAN else 1
        linear += weights.alpha / share * option.score
    return linear


def _add_table(milp: Milp, stages: Sequence[Sequence[Option]], table: MeasuredAccuracy, alpha: float) -> None:
    """Give every combination of variants a variable that is 1 where the combination is chosen, else 0."""
    names = [list(dict.fromkeys(option.variant for option in stage)) for stage in stages]
    if (count := math.prod(map(len, names))) > MOST_COMBINATIONS:
        raise SolverUnavailableError(
            f"{count:,} combinations of variants have measured accuracies; a linear model takes at most"
            f" {MOST_COMBINATIONS:,} of them: use solver exact"
        )
    combinations = list(itertools.product(*names))
    first = len(milp.objective)
    milp.objective += (alpha * table.of_all(names)).tolist()
    milp.uppers += [1.0] * len(combinations)
    for place, (start, stage) in enumerate(zip(milp.first, stages, strict=True)):
        members: dict[str, list[int]] = {name: [] for name in names[place]}
        for number, combination in enumerate(combinations, start=first):
            members[combination[place]].append(number)
        for name, those in members.items():
            chosen = [start + number for number, option in enumerate(stage) if option.variant == name]
            milp.rows.append(Row([*those, *chosen], [1.0] * len(those) + [-1.0] * len(chosen), 0.0, 0.0))


def _add_product(milp: Milp, stages: Sequence[Sequence[Option]], alpha: float) -> None:
    """Carry the product of the scores from stage to stage as a list of (variable, score) terms.

    Scores are shares of the highest one of their stage, so that no coefficient is tiny for its size alone.
    """
    highest = [max(option.score for option in stage) or 1.0 for stage in stages]
    terms = [(number, option.score / highest[0]) for number, option in enumerate(stages[0])]
    low = min(share for _, share in terms)
    for start, stage, most in zip(milp.first[1:], stages[1:], highest[1:], strict=True):
        shares = sorted({option.score / most for option in stage})
        parts = range(len(milp.objective), len(milp.objective) + len(shares))
        milp.objective += [0.0] * len(shares)
        milp.uppers += [1.0] * len(shares)
        for part, share in zip(parts, shares, strict=True):
            chosen = [start + number for number, option in enumerate(stage) if option.score / most == share]
            milp.rows.append(Row([part, *chosen], [1.0, *[-1.0] * len(chosen)], -math.inf, 0.0))
            milp.rows.append(Row([part, *chosen], [1.0, *[-low] * len(chosen)], 0.0, math.inf))
        milp.rows.append(
            Row(
                [*parts, *(variable for variable, _ in terms)],
                [*[1.0] * len(shares), *(-share for _, share in terms)],
                0.0,
                0.0,
            )
        )
        terms = list(zip(parts, shares, strict=True))
        low *= shares[0]
    for variable, share in terms:
        milp.objective[variable] += alpha * math.prod(highest) * share
