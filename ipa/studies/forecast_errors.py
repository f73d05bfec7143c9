"""Measures every forecaster on the test week and the paper's four excerpts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ipa.errors import ResultsError
from ipa.forecast.base import STEP_S, WINDOW_S, ForecastContext
from ipa.forecast.catalogue import make_forecaster
from ipa.forecast.dataset import TEST_DAYS, Rates, days, held_out_rates
from ipa.forecast.metrics import broadcast_smape_pct, forecasts_and_truth, score, smape_pct
from ipa.paths import stored_results_dir

EVALUATED = (
    *("last", "mean", "max", "linear", "ewma-poisson", "lstm", "mlp"),
    *("quantile-0.5", "quantile-0.9", "quantile-0.95", "near-oracle", "near-oracle-whole"),
)
"""Forecasters of the evaluation; the oracle is left out because its errors are 0."""

UNROUNDED = {"mlp": "quantile-0.5", "near-oracle-whole": "near-oracle"}
"""Forecasters that round, and the same ones before they do."""

TEST_WEEK, UNDAMPED_WEEK = "test-week", "test-week-undamped"
CLOSED_LOOP = "closed-loop"
PUBLISHED_SMAPE_PCT = 6.6
SLIP_FORECASTERS = ("lstm", "mlp", "max", "near-oracle")


def evaluation_series(trace_rps: Rates, excerpts: Mapping[str, Rates]) -> dict[str, Rates]:
    """Return the series that forecasters are measured on.

    Parameters
    ----------
    trace_rps
        Requests in each second of the whole trace, shape (n_s,), undamped.
    excerpts
        Requests in each second of the paper's workloads by name.

    Returns
    -------
    dict of NDArray[np.int64]
        The last 7 days divided by 8, the same undamped, and the excerpts.
    """
    undamped = days(trace_rps, *TEST_DAYS, damping_divisor=1)
    return {TEST_WEEK: held_out_rates(trace_rps), UNDAMPED_WEEK: undamped, **excerpts}


def score_table(
    series: Mapping[str, Rates],
    forecasters: Sequence[str] = EVALUATED,
    progress: Callable[[int, int, str], None] | None = None,
) -> pd.DataFrame:
    """Measure forecasters on series whose future is known.

    Parameters
    ----------
    series
        Requests per second by name.
    forecasters
        Names of forecasters.
    progress
        Called with (measured, in all, what was measured).

    Returns
    -------
    pandas.DataFrame
        One row per series and forecaster: both names, then the fields of ``ForecastScore`` for what it
        answers. The load is whole numbers, so rounding alone makes a forecast better: ``smape_unrounded_pct``
        and ``smape_rounded_pct`` judge all alike, before and after rounding to a whole number.
    """
    rows = []
    for name, rates_rps in series.items():
        answers = cache(partial(_run, rates_rps=rates_rps))
        for forecaster in forecasters:
            forecast_rps, true_rps = answers(forecaster)
            exact_rps, _ = answers(UNROUNDED.get(forecaster, forecaster))
            rows.append(
                {
                    "series": name,
                    "forecaster": forecaster,
                    **asdict(score(forecast_rps, true_rps)),
                    "smape_unrounded_pct": smape_pct(exact_rps, true_rps),
                    "smape_rounded_pct": smape_pct(np.round(exact_rps), true_rps),
                }
            )
            if progress is not None:
                progress(len(rows), len(series) * len(forecasters), f"{forecaster} on {name}")
    return pd.DataFrame(rows)


def scoring_table(series: Mapping[str, Rates], forecasters: Sequence[str] = SLIP_FORECASTERS) -> pd.DataFrame:
    """Score the same forecasts in several ways, the published one among them.

    Parameters
    ----------
    series
        Requests per second by name, short ones: the published way needs n x n numbers.
    forecasters
        Names of forecasters.

    Returns
    -------
    pandas.DataFrame
        One row per series and forecaster: ``paired_pct``, SMAPE of each forecast against its own truth;
        ``broadcast_pct``, of every forecast against every truth (the published slip); ``half_pct``, paired
        but with the sum instead of the mean of both in the denominator; ``mape_pct``, relative to the truth.
    """
    rows = []
    for name, rates_rps in series.items():
        for forecaster in forecasters:
            forecast_rps, true_rps = _run(forecaster, rates_rps)
            paired_pct = smape_pct(forecast_rps, true_rps)
            rows.append(
                {
                    "series": name,
                    "forecaster": forecaster,
                    "paired_pct": paired_pct,
                    "broadcast_pct": broadcast_smape_pct(forecast_rps, true_rps),
                    "half_pct": paired_pct / 2,
                    "mape_pct": _mape_pct(forecast_rps, true_rps),
                }
            )
    return pd.DataFrame(rows)


def series_table(series: Mapping[str, Rates], forecasters: Sequence[str]) -> pd.DataFrame:
    """Return every forecast on some series.

    Returns
    -------
    pandas.DataFrame
        One row per series, forecaster and forecast: ``workload``, ``forecaster``, ``time_s`` (when the
        forecast was made, in seconds), ``forecast_rps`` and ``true_rps`` (the maximum of the next 20 s).
    """
    frames = []
    for name, rates_rps in series.items():
        for forecaster in forecasters:
            forecast_rps, true_rps = _run(forecaster, rates_rps)
            content = {
                "workload": name,
                "forecaster": forecaster,
                "time_s": WINDOW_S + STEP_S * np.arange(len(true_rps)),
                "forecast_rps": forecast_rps,
                "true_rps": true_rps,
            }
            frames.append(pd.DataFrame(content))
    return pd.concat(frames, ignore_index=True)


def window_table(
    rates_rps: Rates, forecasters: Sequence[str] = SLIP_FORECASTERS, window_s: int = 1200
) -> pd.DataFrame:
    """Score every 20 minutes of a long series in both ways: how far one window can be from the whole.

    Returns
    -------
    pandas.DataFrame
        One row per forecaster and percentile of the windows: ``paired_pct`` and ``broadcast_pct``, each
        ranked on its own.
    """
    rows = []
    for forecaster in forecasters:
        both = np.array(_run(forecaster, rates_rps))
        size = window_s // STEP_S
        chunks = [both[:, start : start + size] for start in range(0, both.shape[1] - size + 1, size)]
        ways = {"paired_pct": smape_pct, "broadcast_pct": broadcast_smape_pct}
        found = {way: np.array([judge(*chunk) for chunk in chunks]) for way, judge in ways.items()}
        rows += [
            {
                "forecaster": forecaster,
                "percentile": percentile,
                **{way: float(np.percentile(values, percentile)) for way, values in found.items()},
                "windows": len(chunks),
            }
            for percentile in (10, 50, 90)
        ]
    return pd.DataFrame(rows)


def _run(name: str, rates_rps: Rates) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return forecasts_and_truth(make_forecaster(name, ForecastContext(rates_rps)), rates_rps)


def _mape_pct(forecast_rps: NDArray[np.float64], true_rps: NDArray[np.float64]) -> float:
    loaded = true_rps > 0
    return 100 * float((np.abs(forecast_rps - true_rps)[loaded] / true_rps[loaded]).mean())


def format_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Return rows of ``score_table`` as printed: indexed by series and forecaster, rounded."""
    columns = {
        "SMAPE (%)": scores["smape_pct"],
        "SMAPE, none rounded (%)": scores["smape_unrounded_pct"],
        "SMAPE, all rounded (%)": scores["smape_rounded_pct"],
        "MAE (rps)": scores["mae_rps"],
        "bias (rps)": scores["bias_rps"],
        "too low (%)": 100 * scores["under_forecast_share"],
        "pinball 0.9 (rps)": scores["pinball_rps"],
    }
    keys = pd.MultiIndex.from_frame(scores[["series", "forecaster"]])
    values = {name: column.to_numpy() for name, column in columns.items()}
    return pd.DataFrame(values, index=keys).round(2)


def stored_file(name: str) -> Path:
    """Return where a table of this evaluation is stored (``scores``, ``scoring``, ...)."""
    return stored_results_dir() / f"forecast-{name}.csv"


def stored_table(name: str) -> pd.DataFrame:
    """Return a table that was made with the real trace and is kept with the repository.

    Raises
    ------
    ResultsError
        If there is no such table; says how to make it.
    """
    file = stored_file(name)
    try:
        return pd.read_csv(file)
    except OSError as error:
        command = {CLOSED_LOOP: "compare", "flapping": "flapping", "baselines": "baselines"}.get(
            name, "evaluate"
        )
        raise ResultsError(
            f"{file} cannot be read: {error.strerror};"
            f" with the real trace, run: ipa forecast {command} --store"
        ) from error


def store_table(frame: pd.DataFrame, name: str) -> Path:
    """Write a table to where it is kept and return the file."""
    file = stored_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")
    return file
