"""Labels: partial choices, what they can still become, and what breaks their ties."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ipa.optimizer.labels.columns import Bools, Columns, Floats, Ints
from ipa.optimizer.labels.completion import CompletionTable
from ipa.optimizer.labels.relaxation import Bound
from ipa.optimizer.problem import Problem
from ipa.optimizer.ties import inaccuracy

MOST_LABELS = 300_000
"""Labels of one stage before comparing; beyond, a search gives up unless told otherwise."""

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
        Labels of one stage before comparing; beyond, the search gives up.
    completions
        Tighter bounds on what a label can still become.
    beam
        Keep only so many labels, the most promising ones, and prove nothing; 0 to keep all.
    most_cores
        Most cores of a choice; no limit if None.
    core_price
        What the gains of the columns already pay for a core because of that limit.
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
    most_cores: int | None = None
    core_price: float = 0.0


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
            # The label that everything grows from has no parents.
            (*self.parents[:-1], self.parents[-1][places]) if self.parents else (),
            None if self.ties is None else self.ties[:, places],
        )


def can_reach(labels: Labels, search: Search, stage: int) -> Bools:
    """Whether labels can reach the floor at the other prices, and by the table, as well."""
    promising = np.ones(len(labels.latency), dtype=bool)
    for price, relaxation in search.bound.others:
        rest = relaxation.rest(stage + 1, labels.product)
        most = labels.gain + price * (search.limit - labels.latency) + rest
        promising &= most >= search.floor
    if search.completions:
        promising &= reach(labels, search, stage) >= search.floor
    return promising


def reach(labels: Labels, search: Search, stage: int) -> Floats:
    """Return the objective that labels can reach at most, by the table or by the price."""
    most = labels.gain + search.bound.price * (search.limit - labels.latency)
    most += search.bound.relaxation.rest(stage + 1, labels.product)
    for completion in search.completions:
        rest = completion.rest(stage + 1, labels.latency, labels.product)
        np.minimum(most, labels.gain + rest, out=most)
    return most


def ties_of(labels: Labels) -> Integers:
    """Return the sums that break ties of labels that keep them, shape (2, labels)."""
    if labels.ties is None:
        raise ValueError("the sums that break ties are kept from the first crowd on")
    return labels.ties


def tie_sums(labels: Labels, search: Search) -> Integers:
    """Return the first two sums that break ties, inaccuracy and cost, shape (2, labels)."""
    if labels.ties is not None:
        return labels.ties
    places = np.arange(len(labels.latency))
    ties = np.zeros((2, len(places)), dtype=np.int64)
    for stage, positions in enumerate(trace_choices(labels, search.columns, places)):
        ties += tie_keys(search, stage)[:, positions]
    return ties


def tie_keys(search: Search, stage: int) -> Integers:
    """Return what ``order_key`` adds up first for every option of a stage, shape (2, options)."""
    indices = search.columns.index[stage, : search.columns.sizes[stage]]
    options = [search.problem.options[stage][index] for index in indices]
    return np.array([(inaccuracy(o.accuracy), o.cost_cores) for o in options], dtype=np.int64).T


def trace_choices(labels: Labels, columns: Columns, places: Ints) -> list[Ints]:
    """Return the positions that labels chose, one array per stage, shape (labels,) each."""
    positions: list[Ints] = []
    for stage in range(len(labels.parents) - 1, -1, -1):
        places, position = np.divmod(labels.parents[stage][places], columns.sizes[stage])
        positions.append(position)
    return positions[::-1]
