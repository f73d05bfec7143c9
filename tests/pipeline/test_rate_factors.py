"""How many visits each stage of a graph receives, against all that can happen to one request."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.pipeline.rate_factors import MOST_UNCERTAIN_JOINS, Incoming, rate_factors


def by_enumeration(incoming: Incoming, joins: tuple[bool, ...]) -> list[float]:
    """Return the mean visits of each stage over every outcome, one stage after the other.

    The state of a request is how many visits each stage has had; its probabilities are followed exactly.
    """
    states: dict[tuple[int, ...], float] = {(1,): 1.0}
    for place in range(1, len(incoming)):
        following: dict[tuple[int, ...], float] = {}
        for visits, chance in states.items():
            for came, share in arriving(visits, incoming[place]).items():
                state = (*visits, min(came, 1) if joins[place] else came)
                following[state] = following.get(state, 0.0) + chance * share
        states = following
    return [sum(chance * visits[i] for visits, chance in states.items()) for i in range(len(incoming))]


def arriving(visits: tuple[int, ...], edges: tuple[tuple[int, float], ...]) -> dict[int, float]:
    """Return the distribution of what the edges send, each visit of a source thinned on its own."""
    shares = {0: 1.0}
    for factor in [factor for source, factor in edges for _ in range(visits[source])]:
        whole, part = int(factor), factor - int(factor)
        following: dict[int, float] = {}
        for came, share in shares.items():
            for more, chance in ((whole, 1 - part), (whole + 1, part)):
                if chance:
                    following[came + more] = following.get(came + more, 0.0) + share * chance
        shares = following
    return shares


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Incoming, tuple[bool, ...]]:
    count = draw(st.integers(2, 6))
    incoming: list[tuple[tuple[int, float], ...]] = [()]
    joins = [False]
    for place in range(1, count):
        sources = draw(st.lists(st.integers(0, place - 1), min_size=1, max_size=2, unique=True))
        joined = draw(st.booleans())
        # Few visits, or there are too many states to follow.
        factors = [0.25, 0.5, 1.0] if joined or place > 2 else [0.5, 1.0, 1.5]
        incoming.append(tuple((source, draw(st.sampled_from(factors))) for source in sources))
        joins.append(joined)
    return tuple(incoming), tuple(joins)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_the_factors_are_the_means_over_all_that_can_happen(graph: tuple[Incoming, tuple[bool, ...]]) -> None:
    assert rate_factors(*graph) == pytest.approx(by_enumeration(*graph), rel=1e-12)


def test_a_join_behind_a_join_of_thinned_branches() -> None:
    incoming = ((), ((0, 0.5),), ((0, 0.5),), ((1, 1.0), (2, 1.0)), ((2, 0.5), (3, 0.5)))
    # The first join is reached with 0.75. Behind it, stage 2 (reached with 0.5) and the join toss again:
    # quiet with 0.25 (neither) + 0.25 * 0.5 (stage 1 only) + 0.5 * 0.25 (stage 2, with or without 1).
    assert rate_factors(incoming, (False, False, False, True, True)) == (1.0, 0.5, 0.5, 0.75, 0.5)


def ladder(rungs: int, factor: float) -> tuple[Incoming, tuple[bool, ...]]:
    """Return joins of pairs of thinned branches, each behind the one before."""
    incoming: list[tuple[tuple[int, float], ...]] = [()]
    for rung in range(rungs):
        start = 3 * rung
        incoming += [((start, factor),), ((start, factor),), ((start + 1, 1.0), (start + 2, 1.0))]
    return tuple(incoming), (False, *(False, False, True) * rungs)


def test_many_joins_in_a_row_are_quick_as_long_as_every_request_reaches_them() -> None:
    assert set(rate_factors(*ladder(60, 1.0))) == {1.0}
    assert rate_factors(*ladder(MOST_UNCERTAIN_JOINS, 0.5))[-1] == pytest.approx(0.75**MOST_UNCERTAIN_JOINS)
    with pytest.raises(InvalidValueError, match="joins that only some requests reach"):
        rate_factors(*ladder(MOST_UNCERTAIN_JOINS + 2, 0.5))
