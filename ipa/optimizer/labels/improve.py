"""Good choices quickly: change up to two stages at a time while that helps."""

import numpy as np

from ipa.optimizer.labels.columns import Columns, Floats, Ints

MOST_MOVES = 200
"""Moves that are paired with each other; the most promising ones if there are more."""

_MAX_ROUNDS = 8


def improve(columns: Columns, choice: Ints, limit: float, losses: Floats) -> Ints | None:
    """Return the best choice that pairs of changes lead to.

    Parameters
    ----------
    columns
        What there is to choose from.
    choice
        Where to start, as positions, shape (stages,); it may break the limit.
    limit
        Latency limit in ticks.
    losses
        How unpromising an option is, shape (stages, options).

    Returns
    -------
    numpy.ndarray or None
        A choice within the limit; None if the start breaks it and no pair of changes mends that.
    """
    stage, option = _find_promising(columns, losses)
    feasible = columns.latency_of(choice) <= limit
    for _ in range(_MAX_ROUNDS):
        moved = _best_pair(columns, choice, limit, stage, option)
        if moved is None or (feasible and columns.value(moved) <= columns.value(choice)):
            break
        choice, feasible = moved, True
    return choice if feasible else None


def _find_promising(columns: Columns, losses: Floats) -> tuple[Ints, Ints]:
    width = losses.shape[1]
    flat = np.flatnonzero(columns.present)
    if len(flat) > MOST_MOVES:
        flat = flat[np.argpartition(losses.ravel()[flat], MOST_MOVES)[:MOST_MOVES]]
    return flat // width, flat % width


def _best_pair(columns: Columns, choice: Ints, limit: float, stage: Ints, option: Ints) -> Ints | None:
    """Return the best choice one or two changes away that keeps the limit."""
    rows = columns.rows
    slower = columns.latency[stage, option] - columns.latency[rows, choice][stage]
    better = columns.gain[stage, option] - columns.gain[rows, choice][stage]
    gains = better[:, None] + better
    if not columns.additive:
        chosen = np.maximum(columns.factor[rows, choice], 1e-9)
        ratio = columns.factor[stage, option] / chosen[stage]
        gains += columns.alpha * chosen.prod() * (ratio[:, None] * ratio)
    slack = limit - columns.latency_of(choice)
    allowed = (slower[:, None] + slower <= slack) & (stage[:, None] != stage)
    if not allowed.any():
        return _best_single(choice, slower <= slack, better, stage, option)
    first, second = divmod(int(np.where(allowed, gains, -np.inf).argmax()), len(stage))
    moved = choice.copy()
    moved[stage[[first, second]]] = option[[first, second]]
    return moved


def _best_single(
    choice: Ints,
    allowed: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    better: Floats,
    stage: Ints,
    option: Ints,
) -> Ints | None:
    if not allowed.any():
        return None
    best = int(np.where(allowed, better, -np.inf).argmax())
    moved = choice.copy()
    moved[stage[best]] = option[best]
    return moved
