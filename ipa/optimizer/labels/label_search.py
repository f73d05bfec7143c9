"""Label setting: grow partial choices stage by stage, keep those that can become the first of the best."""

import time

import numpy as np

from ipa.optimizer.answer import Choice
from ipa.optimizer.labels.dominance import drop_dominated_labels
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.labels.labels import Labels, Search, reach, tie_keys, tie_sums, ties_of, trace_choices
from ipa.optimizer.tolerance import tie

MOST_TIED = 64
"""Tied choices that are looked at one by one, the first ones in the total order."""

CHUNK = 250_000
"""Extensions that are looked at together, which bounds the memory."""


def candidates(search: Search) -> list[Choice]:
    """Return the choices among which the first of the best is.

    Parameters
    ----------
    search
        Options, bound and limits.

    Returns
    -------
    list of tuple of int
        Option indices of every choice that is left within ``TIE`` of the best one.

    Raises
    ------
    LabelsExceededError
        If the label budget or the deadline is exceeded.
    """
    columns = search.columns
    labels = grow(search, len(columns.sizes))
    value = labels.gain if columns.additive else labels.gain + columns.alpha * labels.product
    if not len(value):
        return []
    if search.core_price:
        value = value + search.core_price * ties_of(labels)[1]
    tied = np.flatnonzero(value >= value.max() - tie(float(value.max())) - search.slop)
    if len(tied) > MOST_TIED:
        inaccuracies, costs = tie_sums(labels, search)[:, tied]
        first = np.lexsort((labels.latency[tied], costs, inaccuracies))[:MOST_TIED]
        tied = np.append(tied[first], value.argmax())
    indices = np.stack(
        [columns.index[s, p] for s, p in enumerate(trace_choices(labels, columns, tied))], axis=1
    )
    return [tuple(row) for row in indices.tolist()]


def grow(search: Search, stages: int) -> Labels:
    """Return the labels of the first stages that can become the first of the best.

    Parameters
    ----------
    search
        Options, bound and limits.
    stages
        How many stages to choose for.

    Raises
    ------
    LabelsExceededError
        If the label budget or the deadline is exceeded.
    """
    columns = search.columns
    least = np.where(columns.present, columns.latency, np.inf).min(axis=1)
    to_come = np.concatenate((least[::-1].cumsum()[::-1], [0.0]))
    ties = None if search.most_cores is None else np.zeros((2, 1), dtype=np.int64)
    labels = Labels(np.zeros(1), np.zeros(1), np.ones(1), (), ties)
    for stage in range(stages):
        labels = _extend_all(labels, search, stage, search.limit - float(to_come[stage + 1]))
        labels = _shorten(drop_dominated_labels(labels, search, stage), search, stage)
    return labels


def _shorten(labels: Labels, search: Search, stage: int) -> Labels:
    """Keep as many labels as the beam is wide, if there is one: the most promising ones."""
    if not 0 < search.beam < len(labels.latency):
        return labels
    most = reach(labels, search, stage)
    return labels.at(np.sort(np.argpartition(-most, search.beam)[: search.beam]))


def _extend_all(labels: Labels, search: Search, stage: int, limit: float) -> Labels:
    """Extend every label by every option of a stage, a chunk at a time."""
    step = max(1, CHUNK // int(search.columns.sizes[stage]))
    starts = range(0, max(1, len(labels.latency)), step)
    grown: list[Labels] = []
    for start in starts:
        if time.perf_counter() > search.until:
            raise LabelsExceededError
        part = (
            labels
            if len(starts) <= 1
            else labels.at(np.arange(start, min(start + step, len(labels.latency))))
        )
        grown.append(_shorten(_extend(part, start, search, stage, limit), search, stage))
        if not search.beam and sum(len(part.latency) for part in grown) > search.most:
            raise LabelsExceededError
    return grown[0] if len(grown) == 1 else _concatenate(grown, labels, search)


def _extend(labels: Labels, first: int, search: Search, stage: int, limit: float) -> Labels:
    """Extend labels, the first of which is number ``first``, and drop what cannot reach the floor."""
    columns, size = search.columns, int(search.columns.sizes[stage])
    latency = (labels.latency[:, None] + columns.latency[stage, :size]).ravel()
    gain = (labels.gain[:, None] + columns.gain[stage, :size]).ravel()
    product = labels.product
    if not columns.additive:
        product = (product[:, None] * columns.factor[stage, :size]).ravel()
    price = search.bound.price
    rest = search.bound.relaxation.rest(stage + 1, product)
    most = gain - price * latency + rest
    kept = np.flatnonzero((most >= search.floor - price * search.limit) & (latency <= limit))
    ties = labels.ties
    if ties is not None:
        parent, position = np.divmod(kept, size)
        ties = ties[:, parent] + tie_keys(search, stage)[:, position]
    if ties is not None and search.most_cores is not None:
        fitting = np.flatnonzero(ties[1] + _least_cores(search, stage + 1) <= search.most_cores)
        kept, ties = kept[fitting], ties[:, fitting]
    return Labels(
        latency[kept],
        gain[kept],
        product if columns.additive else product[kept],
        (*labels.parents, kept + first * size),
        ties,
    )


def _least_cores(search: Search, stage: int) -> int:
    """Return the cores that the stages from one on take at least."""
    stages = range(stage, len(search.columns.sizes))
    return sum(int(tie_keys(search, later)[1].min()) for later in stages)


def _concatenate(parts: list[Labels], before: Labels, search: Search) -> Labels:
    """Put chunks of labels one after the other."""
    ties = [part.ties for part in parts if part.ties is not None]
    return Labels(
        np.concatenate([part.latency for part in parts]),
        np.concatenate([part.gain for part in parts]),
        np.ones(1) if search.columns.additive else np.concatenate([part.product for part in parts]),
        (*before.parents, np.concatenate([part.parents[-1] for part in parts])),
        np.concatenate(ties, axis=1) if ties else None,
    )
