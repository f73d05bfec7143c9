"""The ways through a graph of stages."""

from ipa.errors import InvalidValueError
from ipa.optimizer.problem import Problem

MAX_PATHS = 10_000
"""Paths from the first stage to the last ones; the SLA holds on each."""


def paths(problem: Problem) -> list[tuple[int, ...]]:
    """Return the stages on every way from the first stage to a last one; a chain has one way.

    The first stage is the only one that no edge leads to (``ipa.pipeline.pipeline.Pipeline``).

    Raises
    ------
    InvalidValueError
        If there are more than ``MAX_PATHS``.
    """
    if not problem.edges:
        return [tuple(range(len(problem.options)))]
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
                f"the graph has more than {MAX_PATHS:,} paths; use solver exact, or simplify it"
            )
    return sorted(found)
