"""Label setting: grow partial choices stage by stage, keep those that can become the first of the best."""

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ipa.optimizer.answer import Choice
from ipa.optimizer.columns import Bools, Columns, Floats, Ints
from ipa.optimizer.completion import CompletionTable
from ipa.optimizer.exceeded import LabelsExceededError
from ipa.optimizer.problem import Problem
from ipa.optimizer.relaxation import Bound
from ipa.optimizer.ties import inaccuracy
from ipa.optimizer.tolerance import TIE, tie

CROWDED = 400
"""Number of labels from which on comparing them with each other pays."""

MOST_LABELS = 300_000
"""Labels of one stage before comparing; beyond, a search gives up unless told otherwise."""

CHUNK = 250_000
"""Extensions that are looked at together, which bounds the memory."""

MOST_TIED = 64
"""Tied choices that are looked at one by one, the first ones in the total order."""

ALIKE = TIE / 1000
"""Objectives of labels closer than this are the same number, rounded differently."""

_MOST_LEVELS = 60_000
"""Distinct latencies that 16 bits tell apart."""

_BINS = 24

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Search:
    """What limits a label search.

    Parameters
    ----------
    problem
        What there is to choose from.
    columns
        Options that are left.
    bound
        Upper bound on what a label can still become.
    limit
        Latency limit in ticks.
    floor
        Labels that cannot reach this objective are dropped.
    until
        ``time.perf_counter()`` at which to give up.
    slop
        What the objective of a label may be off by, from rounding.
    most
        Labels of one stage before comparing.
    completions
        Tighter bounds on what a label can still become.
    beam
        Keep only so many labels, the most promising ones, and prove nothing; 0 to keep all.
    """

    problem: Problem
    columns: Columns
    bound: Bound
    limit: float
    floor: float
    until: float
    slop: float
    most: int = MOST_LABELS
    completions: tuple[CompletionTable, ...] = ()
    beam: int = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """Partial choices in lexicographic order of their option indices.

    Parameters
    ----------
    latency, gain
        Sums so far, shape (labels,).
    product
        Product of factors so far, shape (labels,); shape (1,) for additive metrics.
    parents
        Per stage: place of the label it grew from times the options of the stage, plus the option.
    ties
        Sums that ``order_key`` compares first, shape (2, labels); None until labels are crowded.
    """

    latency: Floats
    gain: Floats
    product: Floats
    parents: tuple[Ints, ...]
    ties: Integers | None = None

    def at(self, places: Ints) -> "Labels":
        """Return the labels at some places, in ascending order."""
        return Labels(
            self.latency[places],
            self.gain[places],
            self.product[places] if len(self.product) == len(self.latency) else self.product,
            (*self.parents[:-1], self.parents[-1][places]),
            None if self.ties is None else self.ties[:, places],
        )


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
    tied = np.flatnonzero(value >= value.max() - tie(float(value.max())) - search.slop)
    if len(tied) > MOST_TIED:
        inaccuracies, costs = tie_sums(labels, search)[:, tied]
        first = np.lexsort((labels.latency[tied], costs, inaccuracies))[:MOST_TIED]
        tied = np.append(tied[first], value.argmax())
    indices = np.stack([columns.index[s, p] for s, p in enumerate(traced(labels, columns, tied))], axis=1)
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
    labels = Labels(np.zeros(1), np.zeros(1), np.ones(1), ())
    for stage in range(stages):
        labels = _grown(labels, search, stage, search.limit - float(to_come[stage + 1]))
        if len(labels.latency) > CROWDED:
            labels = _uncrowded(labels, search, stage)
        labels = _shortened(labels, search, stage)
    return labels


def _shortened(labels: Labels, search: Search, stage: int) -> Labels:
    """Keep as many labels as the beam is wide, if there is one: the most promising ones."""
    if not 0 < search.beam < len(labels.latency):
        return labels
    reach = _reach(labels, search, stage)
    return labels.at(np.sort(np.argpartition(-reach, search.beam)[: search.beam]))


def _grown(labels: Labels, search: Search, stage: int, limit: float) -> Labels:
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
        grown.append(_shortened(_extended(part, start, search, stage, limit), search, stage))
        if not search.beam and sum(len(part.latency) for part in grown) > search.most:
            raise LabelsExceededError
    return grown[0] if len(grown) == 1 else _together(grown, labels, search)


def _extended(labels: Labels, first: int, search: Search, stage: int, limit: float) -> Labels:
    """Extend labels, the first of which is number ``first``, and drop what cannot reach the floor."""
    columns, size = search.columns, int(search.columns.sizes[stage])
    latency = (labels.latency[:, None] + columns.latency[stage, :size]).ravel()
    gain = (labels.gain[:, None] + columns.gain[stage, :size]).ravel()
    product = labels.product
    if not columns.additive:
        product = (product[:, None] * columns.factor[stage, :size]).ravel()
    price = search.bound.price
    rest = search.bound.relaxation.rest(stage + 1, product)
    reach = gain - price * latency + rest
    kept = np.flatnonzero((reach >= search.floor - price * search.limit) & (latency <= limit))
    ties = labels.ties
    if ties is not None:
        parent, position = np.divmod(kept, size)
        ties = ties[:, parent] + _tie_keys(search, stage)[:, position]
    return Labels(
        latency[kept],
        gain[kept],
        product if columns.additive else product[kept],
        (*labels.parents, kept + first * size),
        ties,
    )


def _together(parts: list[Labels], before: Labels, search: Search) -> Labels:
    """Put chunks of labels one after the other."""
    ties = [part.ties for part in parts if part.ties is not None]
    return Labels(
        np.concatenate([part.latency for part in parts]),
        np.concatenate([part.gain for part in parts]),
        np.ones(1) if search.columns.additive else np.concatenate([part.product for part in parts]),
        (*before.parents, np.concatenate([part.parents[-1] for part in parts])),
        np.concatenate(ties, axis=1) if ties else None,
    )


def _uncrowded(labels: Labels, search: Search, stage: int) -> Labels:
    """Drop labels that another one beats whatever the stages to come add."""
    promising = _promising(labels, search, stage)
    if not promising.all():
        labels = labels.at(np.flatnonzero(promising))
    if len(labels.latency) <= CROWDED:
        return labels
    labels = replace(labels, ties=tie_sums(labels, search))
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


def _promising(labels: Labels, search: Search, stage: int) -> Bools:
    """Whether labels can reach the floor at the other prices, and by the table, as well."""
    promising = np.ones(len(labels.latency), dtype=bool)
    for price, relaxation in search.bound.others:
        rest = relaxation.rest(stage + 1, labels.product)
        reach = labels.gain + price * (search.limit - labels.latency) + rest
        promising &= reach >= search.floor
    if search.completions:
        promising &= _reach(labels, search, stage) >= search.floor
    return promising


def _reach(labels: Labels, search: Search, stage: int) -> Floats:
    """Return the objective that labels can reach at most, by the table or by the price."""
    reach = labels.gain + search.bound.price * (search.limit - labels.latency)
    reach += search.bound.relaxation.rest(stage + 1, labels.product)
    for completion in search.completions:
        rest = completion.rest(stage + 1, labels.latency, labels.product)
        np.minimum(reach, labels.gain + rest, out=reach)
    return reach


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
    unbeaten: Bools = gain >= np.maximum.accumulate(gain) - (TIE + 2 * slop)
    return unbeaten


def _unbeaten_at_both_ends(low: Floats, high: Floats, slop: float) -> Bools:
    """Find the labels, in order of latency, that no faster one beats at both ends by more than a tie.

    A label is compared with the best ``low`` among the faster ones whose ``high`` is surely better: those in
    higher bins. Labels of the same bin are not compared, so a few beaten ones stay.
    """
    margin = TIE + 2 * slop
    beaten = np.zeros(len(low), dtype=bool)
    for edge in np.quantile(high, np.linspace(0, 1, _BINS + 1)):
        champion = np.maximum.accumulate(np.where(high >= edge, low, -np.inf))
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
    inaccuracies, costs = _ties_of(labels)
    for key in (inaccuracies[order], costs[order], order):
        least = np.minimum.reduceat(np.where(first, key, np.iinfo(np.int64).max), starts)
        first &= key == np.repeat(least, lengths)
    return first | ~alike


def _first_along_latency(labels: Labels, order: Ints, low: Floats, high: Floats) -> Ints:
    """Drop labels that a faster one equals at both ends and precedes in ties."""
    inaccuracies, costs = _ties_of(labels)[:, order]
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


def _ties_of(labels: Labels) -> Integers:
    if labels.ties is None:
        raise ValueError("the sums that break ties are kept from the first crowd on")
    return labels.ties


def tie_sums(labels: Labels, search: Search) -> Integers:
    """Return the first two sums that break ties, inaccuracy and cost, shape (2, labels)."""
    if labels.ties is not None:
        return labels.ties
    places = np.arange(len(labels.latency))
    ties = np.zeros((2, len(places)), dtype=np.int64)
    for stage, positions in enumerate(traced(labels, search.columns, places)):
        ties += _tie_keys(search, stage)[:, positions]
    return ties


def _tie_keys(search: Search, stage: int) -> Integers:
    """Return what ``order_key`` adds up first for every option of a stage, shape (2, options)."""
    indices = search.columns.index[stage, : search.columns.sizes[stage]]
    options = [search.problem.options[stage][index] for index in indices]
    return np.array([(inaccuracy(o.accuracy), o.cost_cores) for o in options], dtype=np.int64).T


def traced(labels: Labels, columns: Columns, places: Ints) -> list[Ints]:
    """Return the positions that labels chose, one array per stage, shape (labels,) each."""
    positions: list[Ints] = []
    for stage in range(len(labels.parents) - 1, -1, -1):
        places, position = np.divmod(labels.parents[stage][places], columns.sizes[stage])
        positions.append(position)
    return positions[::-1]
