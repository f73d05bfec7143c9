"""Fit, base allocation and SLA from measured profiles."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.pipeline.profiles import Profile, ProfilePoint, base_allocation, stage_sla_s
from ipa.profiler.allocation import allocate, fit_latency


def profile(cores: int, latency_s: float, *, batches: int = 1) -> Profile:
    """Return a profile whose batches take their size times a latency."""
    return Profile(
        cores,
        tuple(ProfilePoint(b, b * latency_s, b * latency_s, 1 / latency_s) for b in range(1, batches + 1)),
    )


def test_the_circle_of_allocation_and_sla_is_cut_as_documented() -> None:
    profiles = {
        "light": [profile(1, 0.1), profile(2, 0.06)],
        "heavy": [profile(1, 1.0), profile(2, 0.5), profile(4, 0.2)],
    }
    # On one core each, the SLA is 5 (0.1 + 1.0) / 2 = 2.75 s; 4 requests/s take heavy to 4 cores, and light
    # still sustains them on one.
    found = allocate(profiles, threshold_rps=4)
    assert found.cores == {"light": 1, "heavy": 4}
    assert found.sla_s == pytest.approx(5 * (0.1 + 0.2) / 2)
    assert allocate(profiles, threshold_rps=1).cores == {"light": 1, "heavy": 1}


def test_an_sla_that_shrinks_can_ask_for_more_cores() -> None:
    # Rates do not bind. On one core the SLA is 5 (1 + 0.01 + 0.01) / 3 = 1.7 s, enough for slow, whose batch
    # of 1 takes 1 s; no variant has to grow.
    slow = {"slow": [profile(1, 1.0), profile(2, 0.5)], "a": [profile(1, 0.01)], "b": [profile(1, 0.01)]}
    assert allocate(slow, threshold_rps=0).cores["slow"] == 1
    # With more fast variants it is 5 (1 + 5 x 0.01) / 6 = 0.875 s: slow needs two cores, and the SLA that
    # follows, 5 (0.5 + 0.05) / 6 = 0.458 s, is too tight even for those.
    fast = {name: [profile(1, 0.01)] for name in "abcde"}
    found = allocate({"slow": slow["slow"], **fast}, threshold_rps=0)
    assert found.cores["slow"] is None
    assert found.feasible == tuple("abcde")
    assert found.sla_s == pytest.approx(5 * (0.5 + 0.05) / 6)


@pytest.mark.parametrize("profiles", [{}, {"light": []}])
def test_nothing_measured_is_refused(profiles: dict[str, list[Profile]]) -> None:
    with pytest.raises(InvalidValueError, match="at least one profile of every variant"):
        allocate(profiles, 1)


speeds = st.lists(st.floats(0.01, 2), min_size=1, max_size=4)
"""Latency on one core of some variants; n cores serve n times as fast."""


@given(speeds, st.floats(0, 100))
def test_allocations_are_enough_under_the_sla_that_they_imply_and_none_smaller_is(
    one_core_s: list[float], threshold_rps: float
) -> None:
    profiles = {f"v{n}": [profile(c, s / c) for c in (1, 2, 4, 8)] for n, s in enumerate(one_core_s)}
    found = allocate(profiles, threshold_rps)
    taken = {name: cores or found.largest[name] for name, cores in found.cores.items()}
    assert found.sla_s == pytest.approx(
        stage_sla_s(one_core_s[n] / taken[f"v{n}"] for n in range(len(taken)))
    )
    for name, cores in found.cores.items():
        fewest = base_allocation(profiles[name], threshold_rps, found.sla_s)
        assert fewest == cores if cores is None else (fewest is not None and fewest <= cores)


@given(st.floats(0, 0.1), st.floats(0, 0.1), st.floats(0.01, 1))
def test_an_exact_quadratic_is_fitted_without_error(alpha_s: float, beta_s: float, gamma_s: float) -> None:
    sizes = (1, 2, 4, 8)
    points = tuple(
        ProfilePoint(b, latency_s, latency_s, 1.0)
        for b in sizes
        for latency_s in [alpha_s * b * b + beta_s * b + gamma_s]
    )
    fit = fit_latency(Profile(1, points))
    assert (fit.alpha_s, fit.beta_s, fit.gamma_s) == pytest.approx((alpha_s, beta_s, gamma_s), abs=1e-9)
    assert fit.worst_error < 1e-9


def test_two_points_give_a_line_and_one_a_constant() -> None:
    line = fit_latency(profile(1, 0.1, batches=2))
    assert (line.alpha_s, line.beta_s, line.gamma_s) == pytest.approx((0, 0.1, 0))
    constant = fit_latency(profile(1, 0.1))
    assert (constant.alpha_s, constant.beta_s, constant.gamma_s) == pytest.approx((0, 0, 0.1))
    assert math.isnan(constant.r_squared)
