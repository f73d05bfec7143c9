"""Claims that put methods in an order: ties are no effect, and it counts beyond the intervals only."""

from typing import Any

import pytest

from ipa.paper import PAPER_PIPELINES
from ipa.report.claims import CHECKS, Support
from ipa.report.claims.judge import Status
from tests.support.claims_evidence import HandMade, by_method, in_pipeline, published, scaled, status

COST, RANKS, PAS, LATE = "cost_mean_cores", "rank_sum_mean", "pas_mean", "violating_seconds_share"


def methods(ipa: float, low: float, high: float = 0.0, rim: float = 0.0) -> dict[str, float]:
    return {"ipa": ipa, "fa2-low": low, "fa2-high": high, "rim": rim}


def accuracies(ipa: float, low: float, high: float) -> Any:
    return by_method(**{RANKS: methods(ipa, low, high), PAS: methods(ipa, low, high)})


TIES = {
    "C5": accuracies(1, 1, 1),
    "C8": by_method(**{LATE: methods(0, 0, 0)}),
    "C34": by_method(**{COST: methods(10, 10, 10, 10)}),
}
AGAINST = {
    "C5": accuracies(1, 2, 0),
    "C8": by_method(**{LATE: methods(0.01, 0.02, 0.01)}),
    "C34": by_method(**{COST: methods(10, 10, 5, 5)}),
}
FOR = {
    "C8": by_method(**{LATE: methods(0.02, 0.01, 0.02)}),
    "C34": by_method(**{COST: methods(10, 9, 40, 30)}),
}


@pytest.mark.parametrize("claim", TIES)
def test_ties_are_no_effect(claim: str) -> None:
    assert CHECKS[claim](HandMade(TIES[claim])).support is Support.NO_EFFECT


@pytest.mark.parametrize("claim", AGAINST)
def test_the_opposite_order_contradicts_and_fails(claim: str) -> None:
    evidence = HandMade(AGAINST[claim])
    assert CHECKS[claim](evidence).support is Support.CONTRADICTED
    assert status(claim, evidence) is Status.FAILED


@pytest.mark.parametrize("claim", FOR)
def test_the_claimed_order_everywhere_supports(claim: str) -> None:
    assert CHECKS[claim](HandMade(FOR[claim])).support is Support.SUPPORTED


@pytest.mark.parametrize("claim", FOR)
def test_the_claimed_order_beside_ties_supports_in_part(claim: str) -> None:
    mixed = HandMade(in_pipeline("nlp", TIES[claim], FOR[claim]))
    assert CHECKS[claim](mixed).support is Support.PARTLY


def test_an_order_within_the_interval_is_a_tie() -> None:
    seeds = [by_method(**{LATE: methods(late, 0.02, 0.02)}) for late in (0.01, 0.02, 0.05)]
    assert CHECKS["C8"](HandMade(*seeds)).support is Support.NO_EFFECT


def test_an_order_that_holds_seed_by_seed_counts_though_the_levels_scatter() -> None:
    seeds = [by_method(**{LATE: methods(low + 0.01, low, low + 0.02)}) for low in (0.0, 0.1, 0.3)]
    assert CHECKS["C8"](HandMade(*seeds)).support is Support.SUPPORTED


def test_the_order_of_accuracies_is_only_partly_that_of_the_variant_sets() -> None:
    finding = CHECKS["C5"](HandMade(accuracies(1, 0, 2)))
    assert finding.support is Support.PARTLY
    assert "80 above, 0 tied, 0 below" in finding.reproduced
    assert "video, audio-qa, audio-sent" in finding.reproduced


def test_tied_pairs_are_named() -> None:
    text = CHECKS["C8"](HandMade(in_pipeline("nlp", TIES["C8"], FOR["C8"]))).reproduced
    assert "8 above, 2 tied, 0 below" in text
    assert "tied: nlp ipa, nlp fa2-high" in text


def test_shares_far_from_the_published_ones_fail() -> None:
    assert status("C8", HandMade(published)) is Status.PASSED
    assert status("C8", HandMade(scaled(3, "ipa", "fa2-high"))) is Status.FAILED


@pytest.mark.parametrize(
    ("shares", "support"),
    [
        (dict.fromkeys(PAPER_PIPELINES, 1), Support.SUPPORTED),
        (dict.fromkeys(PAPER_PIPELINES, 1) | {"nlp": 0}, Support.PARTLY),
        (dict.fromkeys(PAPER_PIPELINES, 0), Support.NO_EFFECT),
    ],
)
def test_rim_trades_accuracy_where_some_steps_fall_below_its_best(shares: Any, support: Support) -> None:
    # Step 0 is the given configuration, so it tells nothing about rim.
    evidence = HandMade(pas_of_rim=lambda pipeline: [0.1, 0.5, 0.5, 0.5, 0.5 - 0.1 * shares[pipeline]])
    finding = CHECKS["C6"](evidence)
    assert finding.support is support
    assert f"nlp {25 * shares['nlp']} %" in finding.reproduced


@pytest.mark.parametrize(("steps", "outcome"), [(5, Status.PASSED), (7, Status.FAILED), (0, Status.FAILED)])
def test_the_share_of_rim_agrees_within_five_points_of_a_quarter(steps: int, outcome: Status) -> None:
    low = {"audio-qa": steps, "nlp": 0}
    evidence = HandMade(pas_of_rim=lambda p: [0.5] + [0.4] * low.get(p, 1) + [0.5] * (20 - low.get(p, 1)))
    assert status("C6", evidence) is outcome
