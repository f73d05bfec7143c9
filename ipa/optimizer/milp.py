"""The decision as a mixed-integer linear program, in no solver's language yet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ipa.accuracy import Combine
from ipa.optimizer.answer import Choice
from ipa.optimizer.problem import ROUNDING, Option, Problem

MILLISECONDS = 1000.0
"""Latencies enter in milliseconds: solvers tolerate a violation of 1e-9 of whatever unit a row is in."""


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

    first: tuple[int, ...]
    binaries: int
    objective: list[float]
    uppers: list[float]
    rows: list[Row] = field(default_factory=list)

    def choice(self, problem: Problem, values: Sequence[float]) -> Choice:
        """Return the options whose binaries are set."""
        return tuple(
            max(range(len(options)), key=lambda index: values[first + index])
            for first, options in zip(self.first, problem.options, strict=True)
        )


def milp_of(problem: Problem) -> Milp:
    """Formulate a problem in which every stage has at least one option.

    Notes
    -----
    One binary per option, exactly one set per stage. The product p of the scores is linearised exactly: at
    every stage it is split into one part per distinct score, only the part of the chosen score may differ
    from 0, the parts sum to the product so far, and the next product is Σ score · part.
    """
    flat = [option for stage in problem.options for option in stage]
    first = [0]
    for stage in problem.options[:-1]:
        first.append(first[-1] + len(stage))
    milp = Milp(
        first=tuple(first),
        binaries=len(flat),
        objective=[_linear(problem, option) for option in flat],
        uppers=[1.0] * len(flat),
    )
    milp.rows.append(
        Row(
            range(len(flat)),
            [option.total_s * MILLISECONDS for option in flat],
            -math.inf,
            (problem.sla_s + ROUNDING) * MILLISECONDS,
        )
    )
    for start, stage in zip(first, problem.options, strict=True):
        milp.rows.append(Row(range(start, start + len(stage)), [1.0] * len(stage), 1.0, 1.0))
    if not problem.objective.metric.additive:
        _add_product(milp, problem)
    return milp


def _linear(problem: Problem, option: Option) -> float:
    weights = problem.objective
    linear = -weights.beta * option.cost_cores - weights.delta * option.batch
    if weights.metric.additive:
        share = len(problem.stages) if weights.metric.combine is Combine.MEAN else 1
        linear += weights.alpha / share * option.score
    return linear


def _add_product(milp: Milp, problem: Problem) -> None:
    """Carry the product of the scores from stage to stage as a list of (variable, score) terms."""
    stage = problem.options[0]
    terms = [(number, option.score) for number, option in enumerate(stage)]
    low, high = min(option.score for option in stage), max(option.score for option in stage)
    for start, stage in zip(milp.first[1:], problem.options[1:], strict=True):
        scores = sorted({option.score for option in stage})
        parts = range(len(milp.objective), len(milp.objective) + len(scores))
        milp.objective += [0.0] * len(scores)
        milp.uppers += [high] * len(scores)
        for part, score in zip(parts, scores, strict=True):
            chosen = [start + number for number, option in enumerate(stage) if option.score == score]
            milp.rows.append(Row([part, *chosen], [1.0, *[-high] * len(chosen)], -math.inf, 0.0))
            milp.rows.append(Row([part, *chosen], [1.0, *[-low] * len(chosen)], 0.0, math.inf))
        milp.rows.append(
            Row(
                [*parts, *(variable for variable, _ in terms)],
                [*[1.0] * len(scores), *(-score for _, score in terms)],
                0.0,
                0.0,
            )
        )
        terms = list(zip(parts, scores, strict=True))
        low, high = low * scores[0], high * scores[-1]
    for variable, score in terms:
        milp.objective[variable] += problem.objective.alpha * score
