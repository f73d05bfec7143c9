"""Any graph as a mixed-integer program: one latency row per path."""

from typing import Any

from ipa.accuracy import Combine
from ipa.errors import InvalidValueError, SolverUnavailableError
from ipa.optimizer.answer import Answer, picked
from ipa.optimizer.problem import ROUNDING, Option, Problem

MAX_PATHS = 10_000
"""Paths from the first stage to the last ones; one row each."""

_TOLERANCE = 1e-9
_MILLISECONDS = 1000.0


def paths(problem: Problem) -> list[tuple[int, ...]]:
    """Return the stages on every way from the first stage to a last one.

    Raises
    ------
    InvalidValueError
        If there are more than ``MAX_PATHS``.
    """
    followers: dict[int, list[int]] = {stage: [] for stage in range(len(problem.options))}
    for source, target in problem.edges:
        followers[source].append(target)
    found: list[tuple[int, ...]] = []
    open_paths: list[tuple[int, ...]] = [(0,)]
    while open_paths:
        path = open_paths.pop()
        extended = [(*path, target) for target in followers[path[-1]]]
        open_paths += extended
        if not extended:
            found.append(path)
        if len(found) + len(open_paths) > MAX_PATHS:
            raise InvalidValueError(
                f"the graph is not series-parallel and has more than {MAX_PATHS:,} paths; simplify it"
            )
    return sorted(found)


def solve_graph_milp(problem: Problem, deadline_s: float) -> Answer:
    """Solve a graph with HiGHS through PuLP.

    Parameters
    ----------
    problem
        What there is to choose from; ``edges`` say how the stages follow each other.
    deadline_s
        Time limit in seconds.

    Returns
    -------
    Answer
        One of the best plans: ties are not broken.

    Raises
    ------
    InvalidValueError
        If there are more than ``MAX_PATHS`` paths.
    SolverUnavailableError
        If HiGHS cannot be used.
    """
    import pulp

    if not all(problem.options):
        return Answer(None, proven=True)
    program, chosen = _program(pulp, problem)
    try:
        program.solve(
            pulp.HiGHS(
                msg=False, timeLimit=deadline_s, gapRel=0.0, gapAbs=_TOLERANCE,
                mip_feasibility_tolerance=_TOLERANCE, primal_feasibility_tolerance=_TOLERANCE,
            )
        )  # fmt: skip
    except pulp.PulpSolverError as error:
        raise SolverUnavailableError(f"HiGHS failed: {error}") from error
    if program.sol_status == pulp.LpSolutionInfeasible:
        return Answer(None, proven=True)
    values = [[variable.varValue or 0.0 for variable in stage] for stage in chosen]
    choice = tuple(stage.index(max(stage)) for stage in values)
    proven = program.sol_status == pulp.LpSolutionOptimal
    if not problem.feasible(picked(problem, choice)):
        return Answer(None, proven=False, note="HiGHS found no plan within its deadline and tolerances")
    return Answer(choice, proven, note="" if proven else "HiGHS ran into its deadline")


def _program(pulp: Any, problem: Problem) -> tuple[Any, list[list[Any]]]:
    program = pulp.LpProblem("graph", pulp.LpMaximize)
    chosen = [
        [program.add_variable(f"x{stage}_{index}", 0, 1, pulp.LpBinary) for index in range(len(options))]
        for stage, options in enumerate(problem.options)
    ]
    for stage in chosen:
        program.addConstraint(pulp.lpSum(stage) == 1)
    for path in paths(problem):
        program.addConstraint(
            pulp.lpSum(
                option.total_s * _MILLISECONDS * variable
                for stage in path
                for option, variable in zip(problem.options[stage], chosen[stage], strict=True)
            )
            <= (problem.sla_s + ROUNDING) * _MILLISECONDS
        )
    weights = problem.objective
    accuracy = (
        _sum(pulp, problem, chosen) if weights.metric.additive else _product(pulp, problem, chosen, program)
    )
    price = pulp.lpSum(
        (weights.beta * option.cost_cores + weights.delta * option.batch) * variable
        for options, variables in zip(problem.options, chosen, strict=True)
        for option, variable in zip(options, variables, strict=True)
    )
    program.setObjective(weights.alpha * accuracy - price)
    return program, chosen


def _sum(pulp: Any, problem: Problem, chosen: list[list[Any]]) -> Any:
    share = len(chosen) if problem.objective.metric.combine is Combine.MEAN else 1
    return pulp.lpSum(
        option.score / share * variable
        for options, variables in zip(problem.options, chosen, strict=True)
        for option, variable in zip(options, variables, strict=True)
    )


def _product(pulp: Any, problem: Problem, chosen: list[list[Any]], program: Any) -> Any:
    """Linearise the product exactly: the product so far is split into a part per option of the next stage."""

    def scored(options: tuple[Option, ...], variables: list[Any]) -> Any:
        return pulp.lpSum(o.score * variable for o, variable in zip(options, variables, strict=True))

    so_far = scored(problem.options[0], chosen[0])
    most = max(option.score for option in problem.options[0])
    for stage in range(1, len(chosen)):
        parts = [program.add_variable(f"p{stage}_{index}", 0, most) for index in range(len(chosen[stage]))]
        for part, variable in zip(parts, chosen[stage], strict=True):
            program.addConstraint(part <= most * variable)
        program.addConstraint(pulp.lpSum(parts) == so_far)
        so_far = scored(problem.options[stage], parts)
        most *= max(option.score for option in problem.options[stage])
    return so_far
