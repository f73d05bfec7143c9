"""Our forecasters beside those of other libraries, which need not be installed."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from ipa.forecast.dataset import DAMPING_DIVISOR, DAY_S, TEST_DAYS, Rates
from ipa.studies import forecast_baselines as baselines
from ipa.studies.forecast_baselines import LONG_S, OURS, baseline_table

LIBRARIES = ("lightgbm", "prophet", "statsmodels.tsa.arima.model", "statsmodels.tsa.holtwinters")


@pytest.fixture(scope="module")
def trace_rps() -> Rates:
    return np.random.default_rng(0).poisson(20 * DAMPING_DIVISOR, TEST_DAYS[1] * DAY_S)


def test_what_is_not_installed_says_how_to_install_it_and_ours_are_measured(
    trace_rps: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in LIBRARIES:
        monkeypatch.setitem(sys.modules, library, None)
    table = baseline_table(trace_rps, forecasts=30).set_index("forecaster")
    ours, others = table.loc[list(OURS)], table.drop(list(OURS))
    assert (ours["forecasts"] == 30).all()
    assert ours["smape_unrounded_pct"].between(0.1, 25).all()
    assert (ours["missing"] == "").all()
    assert others["missing"].str.contains(r"\[forecast-baselines\]").all()
    assert others["smape_unrounded_pct"].isna().all()


@pytest.mark.parametrize(
    ("make", "library"),
    [
        (baselines.arima, "statsmodels"),
        (baselines.ets, "statsmodels"),
        (baselines.prophet, "prophet"),
    ],
)
def test_what_is_fitted_anew_continues_a_steady_load(
    make: Callable[[], baselines.Predict], library: str
) -> None:
    pytest.importorskip(library)
    past_rps = np.random.default_rng(0).poisson(20, LONG_S).astype(float)
    assert 20 < make()(past_rps) < 40


def test_boosted_trees_learn_the_level_of_a_steady_load(trace_rps: Rates) -> None:
    pytest.importorskip("lightgbm")
    predict = baselines.lightgbm(trace_rps, every_s=600, trees=20)
    assert predict(np.full(120, 20.0)) == pytest.approx(22, abs=3)
