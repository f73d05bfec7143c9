"""Figure 2 and tables 2 to 4 beside the printed ones."""

import pandas as pd
import pytest

from ipa.studies.profiling import figure2, table2, table3, table4


def test_figure_2_comes_out_and_draws_the_p99() -> None:
    drawn = figure2().set_index("variant")
    assert list(drawn.index) == ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
    assert drawn["accuracy_pct"].is_monotonic_increasing
    assert drawn["throughput_rps"].is_monotonic_decreasing
    assert (drawn["throughput_rps"] - drawn["published_rps"]).abs().max() <= 1
    # All but one latency is the measured p99; resnet101 is drawn at 240 ms and was measured at 209 ms.
    apart_ms = (drawn["p99_ms"] - drawn["published_ms"]).abs()
    assert (apart_ms.drop("resnet101") <= 7).all()
    assert apart_ms["resnet101"] == pytest.approx(31.4, abs=0.1)


def test_table_2_comes_out_and_the_printed_latency_is_a_mixture_of_statistics() -> None:
    table = table2()
    assert list(table["printed is"]) == ["p99", "p99", "mean", "p99", "mean", "mean"]
    own = table["mean (ms)"].where(table["printed is"] == "mean", table["p99 (ms)"])
    assert (own - table["printed (ms)"]).abs().max() <= 1.2
    assert (table["throughput (requests/s)"] - table["printed throughput"]).abs().max() <= 1


def test_table_3_costs_as_printed_and_three_of_its_latencies_are_not_of_the_cores_it_counts() -> None:
    table = table3().set_index("option")
    assert (table["cost (cores)"] == table["printed cost"]).all()
    assert table.loc["A2", "p99 (ms)"] == pytest.approx(237.3, abs=0.1)
    assert table.loc["A2", "printed (ms)"] == 347
    for option in ("B1", "B2", "B3", "B4"):
        assert table.loc[option, "p99 (ms)"] == pytest.approx(table.loc[option, "printed (ms)"], abs=1.1)


def test_table_4_uses_profiled_allocations_only() -> None:
    table = table4()
    assert len(table) == 15
    for _, row in table.iterrows():
        if not pd.isna(row["cores"]):
            assert str(int(row["cores"])) in row["profiled on (cores)"].split(", ")
    assert table.groupby("variant")["cores"].apply(lambda cores: cores.dropna().is_monotonic_increasing).all()
