"""Crowds of labels: drop those that another one beats, or equals and precedes, whatever the rest adds."""

from dataclasses import replace

import numpy as np

from ipa.optimizer.labels.columns import Bools, Columns, Floats, Ints
from ipa.optimizer.labels.labels import Labels, Search, can_reach, tie_sums, ties_of
from ipa.optimizer.tolerance import TIE

CROWDED = 400
"""Number of labels from which on comparing them with each other pays."""

ALIKE = TIE / 1000
"""Objectives of labels closer than this are the same number, rounded differently."""

_MOST_LEVELS = 60_000
"""Distinct latencies that 16 bits tell apart."""

_BINS = 24

_CORE_BINS = 8


def drop_dominated_labels(labels: Labels, search: Search, stage: int) -> Labels:
    """Drop labels that another one beats whatever the stages to come add."""
    if len(labels.latency) <= CROWDED:
        return labels
    promising = can_reach(labels, search, stage)
    if not promising.all():
        labels = labels.at(np.flatnonzero(promising))
    if len(labels.latency) <= CROWDED:
        return labels
    labels = replace(labels, ties=tie_sums(labels, search))
    if search.most_cores is not None:
        return labels.at(_unbeaten_within_cores(labels, search, stage))
    order = _by_latency(labels.latency, search)
    if search.columns.additive:
        order = order[_unbeaten(labels.gain[order], search.slop)]
        order = order[_first_of_equals(labels, order, labels.gain)]
    else:
        low, high = _ends(labels, search.columns, stage)
        order = order[_first_of_equals(labels, order, low, high)]
        order = order[_unbeaten_at_both_ends(low[order], high[order], search.slop)]
        if len(order) > CROWDED:
            order = _first_along_latency(labels, order, low, high)
    return labels.at(np.sort(order))


def _by_latency(latency: Floats, search: Search) -> Ints:
    """Return the order of latencies, by radix if all are multiples of a unit such as a millisecond."""
    options = search.columns.latency[search.columns.present]
    unit = int(np.gcd.reduce(options.astype(np.int64))) or 1
    if latency.max() / unit < _MOST_LEVELS and latency.min() >= 0:
        return np.argsort((latency / unit).astype(np.uint16), kind="stable")
    return np.argsort(latency)


def _ends(labels: Labels, columns: Columns, stage: int) -> tuple[Floats, Floats]:
    """Return the objective with the smallest and the largest product that the rest can have."""
    rest = columns.factor[stage + 1 :]
    present = columns.present[stage + 1 :]
    least = np.where(present, rest, np.inf).min(axis=1).prod()
    most = np.where(present, rest, -np.inf).max(axis=1).prod()
    return (
        labels.gain + columns.alpha * least * labels.product,
        labels.gain + columns.alpha * most * labels.product,
    )


def _unbeaten(gain: Floats, slop: float) -> Bools:
    """Find the labels, in order of latency, that no faster one beats by more than a tie."""
    return _unbeaten_by(gain, gain, slop)


def _unbeaten_at_both_ends(
    low: Floats, high: Floats, slop: float, rivals: Floats | None = None, bins: int = _BINS
) -> Bools:
    """Find the labels, in order of latency, that no faster one beats at both ends by more than a tie.

    A label is compared with the best ``low`` (or that of ``rivals``) among the faster ones whose ``high`` is
    surely better: those in higher bins. Labels of the same bin are not compared, so a few beaten ones stay.
    """
    margin = TIE + 2 * slop
    rivals = low if rivals is None else rivals
    beaten = np.zeros(len(low), dtype=bool)
    for edge in np.quantile(high, np.linspace(0, 1, bins + 1)):
        champion = np.maximum.accumulate(np.where(high >= edge, rivals, -np.inf))
        beaten |= (champion > low + margin) & (edge > high + margin)
    return ~beaten


def _first_of_equals(labels: Labels, order: Ints, *ends: Floats) -> Bools:
    """Drop labels, in order of latency, that an equally fast one equals at the ends and precedes in ties."""
    latency = labels.latency[order]
    starts = np.flatnonzero(np.concatenate(([True], latency[1:] != latency[:-1])))
    lengths = np.diff(starts, append=len(latency))
    alike = np.ones(len(latency), dtype=bool)
    for end in ends:
        at_end = end[order]
        alike &= at_end >= np.repeat(np.maximum.reduceat(at_end, starts), lengths) - ALIKE
    first = alike.copy()
    inaccuracies, costs = ties_of(labels)
    for key in (inaccuracies[order], costs[order], order):
        least = np.minimum.reduceat(np.where(first, key, np.iinfo(np.int64).max), starts)
        first &= key == np.repeat(least, lengths)
    return first | ~alike


def _first_along_latency(labels: Labels, order: Ints, low: Floats, high: Floats) -> Ints:
    """Drop labels that a faster one equals at both ends and precedes in ties."""
    inaccuracies, costs = ties_of(labels)[:, order]
    _, rank = np.unique(np.stack((inaccuracies, costs)), axis=1, return_inverse=True)
    ends = np.rint(np.stack((low[order], high[order])) / ALIKE)
    by_end = np.lexsort((order, rank, labels.latency[order], *ends))
    changes = (ends[:, by_end[1:]] != ends[:, by_end[:-1]]).any(axis=0)
    group = np.concatenate(([0], changes.cumsum()))
    # Ranks of a later group lie below those of every earlier one, so that the minimum starts anew.
    keys = rank.ravel()[by_end] - group * (len(order) + 1)
    before = np.concatenate(([len(order)], np.minimum.accumulate(keys)[:-1]))
    first: Ints = order[by_end[keys < before]]
    return first


def _unbeaten_within_cores(labels: Labels, search: Search, stage: int) -> Ints:
    """Find the labels that no other one beats that is no slower and takes no more cores."""
    additive = search.columns.additive
    low, high = (labels.gain, labels.gain) if additive else _ends(labels, search.columns, stage)
    cores = ties_of(labels)[1]
    order = _first_of_same(labels, low, high)
    order = order[np.argsort(labels.latency[order], kind="stable")]
    paid = search.core_price * cores[order]
    low, high, cores = low[order] + paid, high[order] + paid, cores[order]
    beaten = np.zeros(len(order), dtype=bool)
    for most in np.unique(np.quantile(cores, np.linspace(0, 1, _BINS + 1), method="lower")):
        rivals = np.where(cores <= most, low, -np.inf)
        if additive:
            unbeaten = _unbeaten_by(rivals, low, search.slop)
        else:
            unbeaten = _unbeaten_at_both_ends(low, high, search.slop, rivals, _CORE_BINS)
        beaten |= (cores >= most) & ~unbeaten
    return np.sort(order[~beaten])


def _unbeaten_by(rivals: Floats, gain: Floats, slop: float) -> Bools:
    unbeaten: Bools = gain >= np.maximum.accumulate(rivals) - (TIE + 2 * slop)
    return unbeaten


def _first_of_same(labels: Labels, low: Floats, high: Floats) -> Ints:
    """Of labels that are the same in latency, cores and objective, keep the first in the order of ties."""
    inaccuracies, cores = ties_of(labels)
    keys = np.stack((labels.latency, cores, np.rint(low / ALIKE), np.rint(high / ALIKE)))
    order = np.lexsort((inaccuracies, *keys))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (keys[:, order[1:]] != keys[:, order[:-1]]).any(axis=0)
    return order[first]
