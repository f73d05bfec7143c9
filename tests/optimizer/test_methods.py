import pytest

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.optimizer.methods import METHODS, MethodSettings
from ipa.optimizer.problem import Restriction
from tests.support.toys import pipeline

NOTHING_FIXED = MethodSettings()


def test_ipa_restricts_nothing() -> None:
    assert METHODS["ipa"](pipeline(), NOTHING_FIXED) == Restriction()


@pytest.mark.parametrize(("method", "variant"), [("fa2-low", "light"), ("fa2-high", "heavy")])
def test_fa2_keeps_the_least_or_the_most_accurate_variants(method: str, variant: str) -> None:
    assert METHODS[method](pipeline(), NOTHING_FIXED).variants == (variant, variant)


@pytest.mark.parametrize("method", ["fa2-low", "fa2-high"])
def test_fa2_keeps_the_variants_it_is_told(method: str) -> None:
    told = MethodSettings(variants=("heavy", "light"))
    assert METHODS[method](pipeline(), told).variants == ("heavy", "light")


def test_rim_keeps_the_replicas_it_is_told() -> None:
    restriction = METHODS["rim"](pipeline(), MethodSettings(replicas=(3, 2)))
    assert restriction == Restriction(replicas=(3, 2))


def test_rim_without_replicas_says_what_it_needs() -> None:
    with pytest.raises(
        InvalidValueError, match=r"one number for each of the 2 stages of toy.*--replicas 3,3"
    ):
        METHODS["rim"](pipeline(), NOTHING_FIXED)


def test_an_unknown_method_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="allowed: ipa, fa2-low, fa2-high, rim"):
        METHODS["fa3"]
