"""How often plans change under a load of constant mean."""

import pytest

from ipa.bench.flapping import METHODS, flapping_specs, flapping_table, printed_flapping
from ipa.grid import run_grid, summaries


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flapping")
    specs = flapping_specs(
        pipelines=["video"], rates_rps=[5, 20], forecasters=["max"], seeds=2, duration_s=300
    )
    run_grid(specs, folder, jobs=1)
    return flapping_table(summaries(specs, folder))


def test_every_method_and_forecaster_meets_every_rate(table):
    assert table[["method", "forecaster", "rate_rps", "runs"]].to_numpy().tolist() == [
        ["ipa", "max", 5, 2],
        ["ipa", "max", 20, 2],
        *([method, "linear", rate, 2] for method in METHODS for rate in (5, 20)),
    ]


def test_switches_add_up_and_rim_keeps_its_replicas(table):
    kinds = ["variant_switches_per_hour", "replica_switches_per_hour", "batch_switches_per_hour"]
    assert table[kinds].sum(axis=1).tolist() == pytest.approx(table["switches_per_hour"].tolist())
    assert (table[table["method"] == "rim"]["replica_switches_per_hour"] == 0).all()
    assert (table[table["method"].str.startswith("fa2")]["variant_switches_per_hour"] == 0).all()
    assert table["changed_steps_pct"].max() > 10


def test_the_printed_table_is_the_mean_over_rates(table):
    printed = printed_flapping(table).set_index(["method", "forecaster"])
    of_max = table[table["forecaster"] == "max"]["changed_steps_pct"]
    assert printed.loc[("ipa", "max"), "video (%)"] == pytest.approx(of_max.mean(), abs=0.01)
    assert printed.loc[("ipa", "max"), "steps that change the plan (%)"] == pytest.approx(
        of_max.mean(), abs=0.01
    )
