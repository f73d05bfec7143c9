"""Label-setting dynamic programme, exact for every metric."""

from ipa.optimizer.answer import Answer, Choice
from ipa.optimizer.problem import ROUNDING, Problem
from ipa.optimizer.ties import first_in_order
from ipa.optimizer.answer import picked


def solve_exact(problem: Problem, deadline_s: float) -> Answer:  # noqa: ARG001
    """Solve by labels."""
    labels: list[tuple[float, float, float, Choice]] = [(0.0, 0.0, 0.0, ())]
    weights = problem.objective
    product = not weights.metric.additive
    labels = [(0.0, 1.0 if product else 0.0, 0.0, ())]
    rest = [min((o.total_s for o in stage), default=1e18) for stage in problem.options]
    for depth, stage in enumerate(problem.options):
        slack = problem.sla_s + 2 * ROUNDING - sum(rest[depth + 1 :])
        grown = sorted(
            (
                (
                    lat + o.total_s,
                    -(acc * o.score if product else acc + o.score),
                    extra + weights.beta * o.cost_cores + weights.delta * o.batch,
                    (*path, j),
                )
                for lat, acc, extra, path in labels
                for j, o in enumerate(stage)
                if lat + o.total_s <= slack
            ),
        )
        kept: list[tuple[float, float, float, Choice]] = []
        for lat, acc, extra, path in grown:
            if not any(a >= -acc and e < extra - 1e-8 for _, a, e, _ in kept):
                kept.append((lat, -acc, extra, path))
        labels = kept
    choices = [path for *_, path in labels if problem.feasible(picked(problem, path))]
    if not choices:
        return Answer(None, proven=True)
    values = [problem.value(picked(problem, path)) for path in choices]
    best = max(values)
    return Answer(
        first_in_order(problem, (c for c, v in zip(choices, values, strict=True) if v >= best - ROUNDING)),
        proven=True,
    )
