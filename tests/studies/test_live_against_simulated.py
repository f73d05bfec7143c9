"""Live runs beside their simulation: what is measured on them, kept and compared."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ipa.errors import InvalidValueError
from ipa.experiments.resolved import ResolvedRun, resolve_run
from ipa.experiments.spec import RunSpec
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.local.events import Event
from ipa.studies import live_against_simulated as study
from ipa.studies import live_overheads, live_runs
from ipa.studies.live_overheads import Overheads
from ipa.studies.live_places import ON_ONE_MACHINE, places
from ipa.studies.live_runs import Pair, Side

REAL = Overheads(start_up_s=1.5, dispatch_s=0.004, network_s=0.002)


def pair(seed: int, seconds: int = 60, assumed: Overheads = REAL) -> Pair:
    """Return a run that stands for a live one, and its simulation."""
    run = live_runs.live_run(seed, seconds)
    truth, twin = (live_runs.simulated_twin(run, given) for given in (REAL, assumed))
    return Pair(seed, assumed, Side.of(truth), Side.of(twin))


def test_the_load_is_the_rise_of_the_burst() -> None:
    load = live_runs.excerpt(seed=0)
    assert load.duration_s == 170
    assert load.rates_rps[:20].mean() < 8 < 20 < load.rates_rps[-30:].mean()
    assert live_runs.excerpt(0, 40).rates_rps.tolist() == load.rates_rps[:40].tolist()
    assert live_runs.excerpt(1).rates_rps.tolist() != load.rates_rps.tolist()


def test_what_a_batch_and_the_way_take_is_found() -> None:
    run = live_runs.live_run(0, 60)
    requests = live_runs.simulated_twin(run, REAL).requests.to_frame()
    assert live_overheads.dispatch_s(requests, run) == pytest.approx(0.004, abs=1e-4)
    assert live_overheads.network_s(requests) == pytest.approx(0.002, abs=1e-6)
    assert live_overheads.way_in_s(live_runs.simulated_twin(run, REAL).requests) == pytest.approx(0.002)


def test_the_simulation_counts_a_request_when_it_has_come_in() -> None:
    run = live_runs.live_run(0, 60)
    seen, seen_late = (
        [record.observed_rps for record in live_runs.simulated_twin(run, given).decisions[1:]]
        for given in (REAL, replace(REAL, way_in_s=1.0))
    )
    assert seen == [run.workload.rates_rps[second - 1] for second in range(10, 61, 10)]
    assert seen_late == [run.workload.rates_rps[second - 2] for second in range(10, 61, 10)]


def test_a_request_that_comes_late_moves_no_other_into_another_second() -> None:
    requests = live_runs.simulated_twin(live_runs.live_run(0, 20), REAL).requests
    late_s = requests.stages[0].enter_s.copy()
    late_s[5] += 3.0
    held_up = replace(requests, stages=(replace(requests.stages[0], enter_s=late_s), *requests.stages[1:]))
    assert live_overheads.way_in_s(held_up) == pytest.approx(live_overheads.way_in_s(requests))


def test_start_ups_are_those_of_replicas_that_joined_later() -> None:
    first = Plan((StagePlan("a", "v", 1, 2, 1),))
    kinds = [
        ("gateway", 0.0, 3.0),
        ("a-1", 0.0, 4.0),
        ("a-2", 0.1, 5.0),
        ("a-3", 10.0, 11.5),
        ("a-4", 20.0, None),
    ]
    events = [Event(time_s, "starting", name) for name, time_s, _ in kinds]
    events += [Event(time_s, "ready", name) for name, _, time_s in kinds if time_s is not None]
    events += [Event(time_s, "plan", "gateway") for time_s in (5.25, 10.5, 11.75, 30.0)]
    assert live_overheads.start_ups_s(events, first, 10.0).tolist() == [1.75]


def test_only_a_live_platform_can_be_measured() -> None:
    spec = RunSpec("video", "constant-5", duration_s=10)
    with pytest.raises(InvalidValueError, match="needs the platform local or kubernetes, not simulated"):
        live_runs.run_live(resolve_run(spec))


def test_a_simulation_that_knows_everything_is_off_by_nothing() -> None:
    compared = study.compare([pair(0), pair(1)])
    assert compared["equal_decisions_pct"].tolist() == [100, 100]
    each = study.run_table(compared)
    assert each.columns.tolist() == ["seed 0", "seed 1"]
    assert each.loc["p99 latency (s), live"].tolist() == compared["p99_s_live"].tolist()
    table = study.verdicts(compared)
    np.testing.assert_allclose(table["off"].dropna(), 0, atol=1e-9)
    assert set(table["verdict"]) == {"within", ""}


def test_a_simulation_that_knows_too_little_is_off() -> None:
    table = study.verdicts(study.compare([pair(0, assumed=Overheads(20.0, 0.2, 0.3))])).set_index("measure")
    assert table.loc["mean latency (s)", "verdict"] == "off"
    assert table.loc["mean latency (s)", "off"] > 50
    assert table.loc["mean latency (s)", "off"] == table.loc["mean latency (s)", "worst run"]


def test_steps_are_compared_by_variants_batches_and_replicas_as_far_as_both_go() -> None:
    found = pair(0)
    simulated = found.simulated.decisions
    other = [dict(stage, replicas=9) for stage in simulated["plan"][1]]
    moved = simulated.assign(plan=[simulated["plan"][0], other, *simulated["plan"][2:]])
    short = replace(found.live, decisions=found.live.decisions[:-1])
    both = replace(found, live=short, simulated=replace(found.simulated, decisions=moved))
    assert study.equal_decisions(both) == 1 - 1 / len(short.decisions)
    waiting = [[dict(stage, batch_wait_s=0.5) for stage in plan] for plan in simulated["plan"]]
    same = replace(found, simulated=replace(found.simulated, decisions=simulated.assign(plan=waiting)))
    assert study.equal_decisions(same) == 1


def test_live_runs_are_kept_and_simulated_again_where_they_are_read(tmp_path: Path) -> None:
    pairs = [pair(seed, seconds=30) for seed in (11, 2)]
    live_runs.store(pairs, tmp_path)
    found = live_runs.read_pairs(tmp_path)
    assert [kept.overheads for kept in found] == [REAL, REAL]
    assert [kept.seed for kept in found] == [2, 11]
    pd.testing.assert_frame_equal(
        study.compare(found), study.compare([pairs[1], pairs[0]]), check_exact=False, rtol=1e-6
    )


def test_tables_of_the_figure_hold_both_sides() -> None:
    found = pair(0)
    place, there = places("stored")
    curves = study.curves([found, found], place)
    assert curves.groupby("platform").size().tolist() == [2 * len(found.live.latency_s)] * 2
    assert curves.groupby("platform")["share"].max().tolist() == [1, 1]
    timeline = study.timeline(found, place, bin_s=10)
    live = timeline[timeline["platform"] == place]
    assert live["time_s"].tolist() == [5, 15, 25, 35, 45, 55]
    assert (10 * live["rate_rps"]).sum() == len(found.live.requests)
    steps = study.steps(found, place)
    assert (
        steps[steps["platform"] == place]["cost_cores"].tolist()
        == found.live.decisions["cost_cores"].tolist()
    )
    assert set(timeline["platform"]) == {place, study.SIMULATED} == set(steps["platform"])
    beside = [pair(1), pair(0, seconds=30), found]
    beside_curves = study.curves([found], place, beside, there)
    assert set(beside_curves["platform"]) == {place, study.SIMULATED, there}
    as_long = sum(len(pair.live.latency_s) for pair in (beside[0], beside[2]))
    assert (beside_curves["platform"] == there).sum() == as_long
    same = study.steps(found, place, beside, there)
    assert same[same["platform"] == there]["cost_cores"].size == len(found.live.decisions)
    assert there not in set(study.timeline(found, place, beside[:2], there)["platform"])


def test_beside_the_runs_of_one_platform_stand_those_of_the_other() -> None:
    assert places("stored") == places("local") == places("kubernetes")[::-1]
    assert [found.seed for found in live_runs.stored_beside("kubernetes")] == [0, 1, 2, 3, 4]


def test_the_twin_is_simulated_under_the_very_arrivals_of_the_live_run() -> None:
    run = live_runs.live_run(3, 30)
    twin = live_runs.simulated_twin(run, REAL)
    assert (twin.spec.platform, twin.workload.total_requests) == ("simulated", run.workload.total_requests)
    # The arrivals are those that the live run offers.
    np.testing.assert_array_equal(twin.requests.arrival_s, run.arrivals_s())


def test_runs_that_are_kept_whole_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def simulated_instead(run: ResolvedRun) -> tuple[Side, Overheads]:
        made.append(run.spec.seed)
        return Side.of(live_runs.simulated_twin(run, REAL)), REAL

    made: list[int] = []
    # What a live run leaves is made by the simulator here; real ones are in tests/platforms/local.
    monkeypatch.setattr(live_runs, "run_live", simulated_instead)
    told: list[tuple[int, int, str]] = []
    pairs = live_runs.keep_runs(tmp_path, (0, 1), 20, progress=lambda *seen: told.append(seen))
    assert [kept.seed for kept in pairs] == [0, 1]
    assert told == [(0, 2, "seed 0"), (1, 2, "seed 1"), (2, 2, "")]
    (tmp_path / "seed-1" / "provenance.json").unlink()
    assert len(live_runs.read_pairs(tmp_path)) == 1
    assert len(live_runs.keep_runs(tmp_path, (0, 1), 20)) == 2
    live_runs.keep_runs(tmp_path, (0,), 30)
    live_runs.keep_runs(tmp_path, (0,), 30, force=True)
    assert made == [0, 1, 1, 0, 0]


def test_the_stored_live_runs_are_what_the_simulator_says_where_all_decisions_are_the_same() -> None:
    pairs = live_runs.pairs_from("stored", first_seed=0, runs=99, seconds=None)
    compared = study.compare(pairs)
    alike = compared[compared["equal_decisions_pct"] == 100]
    assert len(alike) >= 0.75 * len(compared) >= 3
    table = study.verdicts(alike).set_index("measure")
    assert set(table["verdict"]) == {"within", ""}
    assert (table["worst run"].abs() <= table["allowed"])[["mean latency (s)", "p99 latency (s)"]].all()


def test_over_all_stored_runs_the_simulation_is_within_what_is_allowed() -> None:
    pairs = live_runs.pairs_from("stored", first_seed=0, runs=99, seconds=None)
    table = study.verdicts(study.compare(pairs)).set_index("measure")
    assert set(table["verdict"]) == {"within", ""}
    assert len(pairs) == 5
    assert live_runs.sla_s(pairs) == 6.89
    assert f"{ON_ONE_MACHINE}  ·  edition corrected  ·  emulated" in live_runs.caption(pairs, ON_ONE_MACHINE)
    assert live_runs.overheads_table(pairs)["start of a replica (s)"].between(8, 8.5).all()
