"""Forecasters in whole runs: specs, averages, published values, what the quantile is worth."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.experiments.finished import summaries
from ipa.experiments.run import run
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec
from ipa.paper import PAPER_PIPELINES
from ipa.results.intervals import SEEDS, mean_interval
from ipa.studies.forecast_errors import stored_table
from ipa.studies.forecasters import (
    ABLATION,
    FIGURE_16,
    QUANTILES,
    REFERENCES,
    beside_published,
    closed_loop_specs,
    closed_loop_table,
    format_closed_loop,
    quantile_gains,
)


def rows(edition: str = "corrected", **by_forecaster: Any) -> Any:
    """Return averages of the pipeline video from (cost, violations) by forecaster."""
    content = [
        {
            "edition": edition, "trace": "real", "pipeline": "video", "forecaster": name.replace("_", "-"),
            "cost_cores": cost, "violation_pct": violation, "dropped_pct": 0.0,
            "violating_seconds_pct": 0.0, "pas_pct": 34.0, "runs": 1,
        }
        for name, (cost, violation) in by_forecaster.items()
    ]  # fmt: skip
    return pd.DataFrame(content)


def test_specs_are_every_combination() -> None:
    specs = closed_loop_specs(
        "corrected", ["bursty"], ["max", "quantile-0.7"], seeds=(0, 1), trace="synthetic"
    )
    assert len({(s.pipeline, s.forecaster, s.seed) for s in specs}) == len(specs) == len(PAPER_PIPELINES) * 4
    assert {(s.workload, s.edition, s.method, s.trace) for s in specs} == {
        ("bursty", "corrected", "ipa", "synthetic")
    }


def test_runs_are_averaged_by_edition_pipeline_and_forecaster(tmp_path: Path) -> None:
    specs = [
        RunSpec(workload="steady-low", trace="synthetic", duration_s=60, forecaster=forecaster, seed=seed)
        for forecaster in ("max", "quantile-0.95")
        for seed in (0, 1)
    ]
    for spec in specs:
        run(spec, tmp_path)
    frame = summaries(specs, tmp_path)
    table = closed_loop_table(frame).set_index("forecaster")
    assert table["runs"].tolist() == [2, 2]
    of_max = frame[frame["forecaster"] == "max"]
    assert table.loc["max", "cost_cores"] == pytest.approx(of_max["cost_mean_cores"].mean())
    assert table.loc["max", "cost_interval"] == mean_interval(of_max["cost_mean_cores"]).half_width
    assert table.loc["max", "violation_pct"] == pytest.approx(100 * of_max["violation_share"].mean())


def test_published_values_stand_beside_the_settings_they_belong_to() -> None:
    both = pd.concat([rows(FIGURE_16, lstm=(2.8, 0.0), oracle=(2.8, 0.0), mlp=(2.8, 0.0)), rows(lstm=(3, 0))])
    found = beside_published(both)
    assert found["published_cost_cores"].round(4).tolist()[:2] == [2.8016, 2.8167]
    assert found["published_dropped_pct"].tolist()[:2] == [0.4779, 0.2978]
    assert found["published_cost_cores"].isna().tolist() == [False, False, True, True]
    printed = format_closed_loop(found)
    assert printed.loc[(FIGURE_16, "video", "lstm"), "published cost"] == 2.8


def test_the_gain_of_a_quantile_is_measured_at_equal_cost_and_at_equal_violations() -> None:
    table = rows(max=(5.0, 2.0), quantile_0_5=(4.0, 2.0), quantile_0_7=(4.9, 0.5), quantile_0_9=(6.0, 0.0))
    table["forecaster"] = table["forecaster"].str.replace("-0-", "-0.")
    gain = quantile_gains(table, "max").iloc[0]
    assert (gain["no dearer"], gain["no dearer: violation_pct"]) == ("quantile-0.7", 0.5)
    assert (gain["no worse"], gain["no worse: cost"]) == ("quantile-0.5", 4.0)


def test_a_quantile_that_gains_nothing_is_not_named() -> None:
    table = rows(max=(5.0, 0.0), quantile_9=(6.0, 1.0))
    gain = quantile_gains(table, "max").iloc[0]
    assert gain["no dearer"] is None
    assert gain["no worse"] is None


def test_a_missing_reference_is_an_error() -> None:
    with pytest.raises(ResultsError, match="no run of pipeline video with the forecaster max"):
        quantile_gains(rows(quantile_9=(6.0, 1.0)), "max")


def test_the_stored_quantiles_beat_reactive_and_lstm_in_every_pipeline() -> None:
    stored = stored_table("closed-loop")
    assert set(stored["forecaster"]) == {*REFERENCES, *QUANTILES}
    assert set(ABLATION) <= set(stored["forecaster"])
    corrected = stored[stored["edition"] == "corrected"]
    for reference in ("max", "lstm"):
        gains = quantile_gains(corrected, reference)
        assert len(gains) == len(PAPER_PIPELINES)
        assert (gains["no worse: cost"] < gains["cost_cores"]).all()
        assert (gains["no dearer: violation_pct"] <= gains["violation_pct"]).all()


@pytest.mark.parametrize("forecaster", ["lstm", "mlp", "quantile-0.9", "near-oracle-whole"])
def test_a_run_can_use_any_forecaster_and_records_its_fallback(forecaster: str) -> None:
    spec = RunSpec(workload="bursty", trace="synthetic", duration_s=140, forecaster=forecaster)
    decisions = simulate(spec).decisions
    warm_up = [bool(d.fallback.startswith("warm-up")) for d in decisions[1:]]
    assert warm_up == ([False] * 14 if "oracle" in forecaster else [True] * 11 + [False] * 3)
    assert all(d.action != "held" for d in decisions)


@pytest.mark.trace
@pytest.mark.usefixtures("trace_path")
def test_a_stored_average_is_what_the_real_trace_gives() -> None:
    stored = stored_table("closed-loop").set_index(["edition", "pipeline", "forecaster"])
    runs = [
        simulate(
            RunSpec("sum-qa", "bursty", edition=FIGURE_16, trace="real", seed=seed, forecaster="lstm")
        ).measures
        for seed in range(SEEDS)
    ]
    mean_cost = sum(run.cost_mean_cores for run in runs) / SEEDS
    assert stored.loc[(FIGURE_16, "sum-qa", "lstm"), "cost_cores"] == pytest.approx(mean_cost, rel=1e-4)
