"""A solver of your own: one function and one line.

Run it from a clone with ``python examples/greedy.py``. It prints how far a greedy heuristic stays below the
exact solver.

A solver takes a problem and a deadline in seconds and returns an ``Answer``: the index of one option per
stage, and whether that is proven to be the best. After ``SOLVERS.register`` it works wherever a solver can be
named, for example ``RunSpec("video", solver="greedy")``.
"""

import statistics

import typer

from ipa.optimizer.answer import Answer, Choice, pick_options
from ipa.optimizer.build import build_problem
from ipa.optimizer.problem import Constraints, Objective, Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import SOLVERS, solve
from ipa.paper import PAPER_PIPELINES
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline


def solve_greedy(problem: Problem, deadline_s: float) -> Answer:  # noqa: ARG001 (it always ends in time)
    """Start with the fastest option of every stage; take the best single change while one helps."""
    if not all(problem.options):
        return Answer(None, proven=True)
    choice: Choice = tuple(
        min(range(len(options)), key=lambda index: options[index].total_s) for options in problem.options
    )
    if not problem.feasible(pick_options(problem, choice)):
        return Answer(None, proven=True)
    while True:
        better = max(neighbours(problem, choice), key=lambda c: problem.value(pick_options(problem, c)))
        if problem.value(pick_options(problem, better)) <= problem.value(pick_options(problem, choice)):
            return Answer(choice, proven=False, note="a greedy choice")
        choice = better


def neighbours(problem: Problem, choice: Choice) -> list[Choice]:
    """Return the choice and all that differ from it in one stage and keep the SLA."""
    changed = (
        (*choice[:stage], index, *choice[stage + 1 :])
        for stage, options in enumerate(problem.options)
        for index in range(len(options))
    )
    return [candidate for candidate in changed if problem.feasible(pick_options(problem, candidate))]


SOLVERS.register("greedy", solve_greedy)


def gaps(problems: list[Problem]) -> list[float]:
    """Return by how much greedy stays below the exact solver, in percent of what is at stake.

    At stake are the accuracy and the cost of the best plan, α·A + β·Σ cost: their difference, the objective,
    can be close to 0.
    """
    found = []
    for problem in problems:
        best, greedy = solve(problem, "exact"), solve(problem, "greedy")
        if best.optimal:
            at_stake = best.objective + 2 * problem.objective.beta * best.plan.cost_cores
            found.append(100 * (best.objective - greedy.objective) / at_stake)
    return found


def families() -> dict[str, list[Problem]]:
    """Return problems of the five pipelines at ten arrival rates each, and generated ones."""
    objective = Objective(METRICS["pas"], alpha=20.0)
    real = {
        name: [build_problem(load_pipeline(name), 6.0 * n, objective, Constraints()) for n in range(1, 11)]
        for name in PAPER_PIPELINES
    }
    generated = {
        f"10 x 10 x 7, {kind}": [random_problem(seed, 10, 10, 7, kind=kind) for seed in range(10)]
        for kind in ("profile", "uncorrelated")
    }
    return real | generated


def main() -> None:
    """Print the optimality gap of every family of problems."""
    typer.echo(f"{'problems':26}{'optimal':>10}{'mean gap':>12}{'largest gap':>14}")
    for name, problems in families().items():
        found = gaps(problems)
        if not found:
            typer.echo(f"{name:26}{'no plan keeps the SLA':>36}")
            continue
        optimal = f"{sum(gap < 1e-6 for gap in found)} of {len(found)}"
        typer.echo(f"{name:26}{optimal:>10}{statistics.mean(found):>10.2f} %{max(found):>12.2f} %")


if __name__ == "__main__":
    main()
