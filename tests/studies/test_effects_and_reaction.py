"""What real clusters change, and why requests are late after a burst."""

from dataclasses import fields, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ipa.experiments.simulate import settings_of, simulate
from ipa.experiments.spec import RunSpec
from ipa.simulator import ClusterSettings
from ipa.studies import burst as reaction
from ipa.studies import cluster_effects as effects
from ipa.studies.burst import ALL_IDEAL, ALL_REAL, Burst, Reality

BASE = RunSpec(trace="synthetic", duration_s=60)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return effects.run_effects(BASE, tmp_path_factory.mktemp("effects"), seeds=2, jobs=1)


def test_every_property_of_a_cluster_has_an_effect_to_show() -> None:
    shown = {
        name
        for effect in (*effects.EFFECTS, *effects.core_limits(8))
        for name, value in effect.cluster.items()
        if value != getattr(ClusterSettings(), name)
    }
    # The factor of stragglers is that of its default.
    assert shown == {f.name for f in fields(ClusterSettings)} - {"straggler_factor"}
    changed = {name for effect in effects.EFFECTS for name in {**effect.changes, **effect.settings}}
    assert changed == {"drop", "drop_multiple", "network_delay_s"}


def test_an_effect_changes_one_property_and_keeps_those_of_the_base() -> None:
    base = RunSpec().with_settings(cluster=ClusterSettings(switching="stop-start"))
    (slow,) = [effect for effect in effects.EFFECTS if effect.label == "batches take 1.1 ×"]
    assert settings_of(slow.of(base)).cluster == ClusterSettings(switching="stop-start", profile_error=1.1)
    assert settings_of(ALL_IDEAL.spec(base)).cluster == ClusterSettings(
        switching="stop-start", start_up_s=0.0
    )


def test_the_drop_policies_differ_under_overload() -> None:
    policies = [effect for effect in effects.EFFECTS if effect.group.startswith("drop")]
    found = {e.label: simulate(e.of(replace(BASE, duration_s=600))).measures for e in policies}
    dropped = {label: measures.dropped for label, measures in found.items()}
    assert dropped["never"] == 0 < dropped["older than twice the SLA"] < dropped["older than the SLA"]
    assert found["deadline per stage"].violation_share < found["older than the SLA"].violation_share
    assert dropped["at the first stage only"] != dropped["deadline per stage"]
    assert found["older than the SLA"].violation_share < found["never"].violation_share


def test_the_plain_run_comes_first_and_changes_nothing(table: pd.DataFrame) -> None:
    plain = table.iloc[0]
    assert plain["group"] == "plain"
    assert plain["violation_share_change"] == plain["violation_share_interval"] == 0.0
    assert set(table["seeds"]) == {2}
    assert not table.duplicated(["group", "label"]).any()


def test_delays_change_the_latency_and_limits_the_cores(table: pd.DataFrame) -> None:
    rows = table.set_index("label")
    assert rows.loc["200 ms per hop", "latency_p99_s_change"] > 0.3
    assert rows.loc["stop-start", "running_mean_cores_change"] <= 0
    limits = table[table["group"] == "core limit"]
    assert (limits["running_mean_cores"] <= rows.loc["defaults", "running_mean_cores"] + 1e-9).all()


def test_the_printed_table_is_in_percent(table: pd.DataFrame) -> None:
    printed = effects.effects_table(table)
    assert printed["late or lost (%)"].tolist() == (100 * table["violation_share"]).round(2).tolist()
    assert printed.index.names == ["group", "label"]


def test_core_limits_are_tight_and_distinct() -> None:
    limits = [effect.cluster["core_limit"] for effect in effects.core_limits(8)]
    assert limits == [8, 8, 6, 6]
    assert [effect.cluster["core_limit"] for effect in effects.core_limits(1)] == [1, 1]


def test_bursts_come_at_another_phase_of_the_interval_each_time() -> None:
    begins = [Burst().workload(seed, 5)[1] for seed in range(7, 12)]
    assert sorted(second % 10 for second in begins) == [0, 2, 4, 6, 8]
    twenty = [Burst().workload(seed, 20)[1] % 10 for seed in range(20)]
    assert sorted(twenty) == sorted([*range(10), *range(10)])
    workload, second = Burst(10.0, 40.0).workload(3, 5)
    assert workload.rates_rps[:second].mean() == pytest.approx(10, abs=1)
    assert workload.rates_rps[second:].mean() == pytest.approx(40, abs=3)


def test_what_is_ideal_is_ideal_in_the_run() -> None:
    real, ideal = ALL_REAL.spec(BASE), ALL_IDEAL.spec(BASE)
    assert (real.forecaster, real.interval_s, settings_of(real).cluster) == (
        None,
        None,
        ClusterSettings(profile_error=reaction.PROFILE_ERROR),
    )
    assert (ideal.forecaster, ideal.interval_s) == ("oracle", 1.0)
    assert settings_of(ideal).cluster == ClusterSettings(start_up_s=0.0)
    assert settings_of(Reality(start_up=False).spec(BASE)).cluster.start_up_s == 0.0


def test_late_requests_are_counted_by_the_second_of_their_sending() -> None:
    workload, begins_s = Burst(5.0, 30.0).workload(0, 5)
    everything = reaction.late_share_by_second(BASE, workload, begins_s, sla_s=0.0)
    nothing = reaction.late_share_by_second(BASE, workload, begins_s, sla_s=1e9)
    assert everything.shape == (reaction.WATCHED_S,)
    assert np.all(everything == 1.0)
    assert np.all(nothing == 0.0)


def reactions(worth: float) -> pd.DataFrame:
    """Return reactions whose late share a function of (what is real, seed) gives."""
    rows = [
        {"forecast": f, "interval": i, "start_up": s, "profile": p, "seed": seed, "second": second,
         "late_share": worth((f, i, s, p), seed)}
        for f, i, s, p in product([True, False], repeat=4) for seed in (0, 1) for second in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_causes_that_add_up_get_what_they_add() -> None:
    parts = (0.1, 0.2, 0.3, 0.05)
    found = reaction.attribute(
        reactions(
            lambda real, seed: 0.05 + 0.01 * seed + sum(p for p, r in zip(parts, real, strict=True) if r)
        )
    ).set_index("cause")
    assert found.loc[list(reaction.CAUSES), "late_share"].tolist() == pytest.approx(parts)
    assert found.loc[list(reaction.CAUSES), "alone"].tolist() == pytest.approx(parts)
    assert found.loc["all of them", "late_share"] == pytest.approx(0.705)
    assert found.loc["none (ideal)", "late_share"] == pytest.approx(0.055)
    assert found.loc["none (ideal)", "interval"] == pytest.approx(12.706 * 0.005, rel=1e-3)


def test_causes_that_only_matter_together_share_alike() -> None:
    found = reaction.attribute(reactions(lambda real, _: float(real[0] and real[2]))).set_index("cause")
    assert found.loc["forecast", "late_share"] == found.loc["start-up", "late_share"] == pytest.approx(0.5)
    assert found.loc["interval", "late_share"] == pytest.approx(0.0)
    assert found.loc["forecast", "alone"] == 0.0
    assert found.loc["forecast", "removed"] == 1.0


def test_the_parts_sum_to_the_difference_of_real_and_ideal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaction, "CALM_S", 30)
    monkeypatch.setattr(reaction, "WATCHED_S", 20)
    told: list[tuple[int, int]] = []
    found = reaction.attribute(reaction.react(BASE, Burst(5, 40), 1, lambda *seen: told.append(seen)))
    rows = found.set_index("cause")["late_share"]
    assert rows[list(reaction.CAUSES)].sum() == pytest.approx(rows["all of them"] - rows["none (ideal)"])
    assert told[-1] == (16, 16)


def test_a_results_folder_is_used_again(tmp_path: Path) -> None:
    spec = RunSpec(trace="synthetic", duration_s=20)
    first = effects.run_effects(spec, tmp_path, seeds=1, jobs=1)
    seen: list[int] = []
    again = effects.run_effects(spec, tmp_path, seeds=1, jobs=1, progress=lambda done, *_: seen.append(done))
    pd.testing.assert_frame_equal(first, again)
    assert len(seen) == 2
