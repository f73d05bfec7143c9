"""``ipa run``, ``ipa grid``, ``ipa claims``, ``ipa published``, ``ipa describe``, ``ipa doctor``."""

import json
from pathlib import Path

import pytest

from tests.support.command import Ipa

SHORT = ("--duration", 60, "--workload", "steady-low", "--trace", "synthetic")


def test_run_writes_the_four_files_and_a_second_call_keeps_them(ipa: Ipa, tmp_path: Path) -> None:
    first = json.loads(ipa("run", *SHORT, "--results", tmp_path, "--json").out)
    second = json.loads(ipa("run", *SHORT, "--results", tmp_path, "--json").out)
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"decisions.jsonl", "requests.parquet", "summary.json", "provenance.json"}
    assert (first["reused"], second["reused"]) == (False, True)
    assert first["cost_mean_cores"] == second["cost_mean_cores"]


def test_force_runs_again(ipa: Ipa, tmp_path: Path) -> None:
    ipa("run", *SHORT, "--results", tmp_path)
    again = json.loads(ipa("run", *SHORT, "--results", tmp_path, "--force", "--json").out)
    assert again["reused"] is False


def test_the_table_of_a_run_says_which_workload_was_used(ipa: Ipa, tmp_path: Path) -> None:
    outcome = ipa("run", *SHORT, "--results", tmp_path)
    assert "synthetic workload" in outcome.out


def test_the_table_of_a_run_counts_switches_by_stage_and_kind(ipa: Ipa, tmp_path: Path) -> None:
    shown = ipa("run", *SHORT, "--results", tmp_path).out
    assert "switches per hour by stage and kind" in shown
    assert "switches per hour   " in shown
    summary = json.loads(ipa("run", *SHORT, "--results", tmp_path, "--json").out)
    by_stage = summary["stage_switches_per_hour"]
    assert list(by_stage) == ["object-detection", "image-classification"]
    total = sum(sum(kinds.values()) for kinds in by_stage.values())
    assert total == summary["switches_per_hour"]


def test_limits_of_replicas_and_cores_reach_the_decisions(ipa: Ipa, tmp_path: Path) -> None:
    arguments = ("run", *SHORT, "--results", tmp_path, "--json", "--workload", "poisson-30")
    limited = json.loads(ipa(*arguments, "--max-cores", 5, "--max-replicas", 3).out)
    assert limited["cost_max_cores"] <= 5
    assert (limited["max_cores"], limited["max_replicas"]) == (5, 3)
    for option in ("--max-cores", "--max-replicas", "--horizon"):
        refused = ipa(*arguments, option, 0)
        assert refused.code == 2
        assert "between 1 and" in " ".join(refused.err.split())


def test_a_grid_takes_limits_and_shows_switches(ipa: Ipa, tmp_path: Path) -> None:
    chosen = ("-e", "corrected", "-p", "video", "-w", "constant-9", "-m", "ipa")
    given = (*chosen, "--max-cores", 4, "--max-replicas", 2, "--results", tmp_path, "-j", 1)
    (row,) = json.loads(ipa("grid", *given, "--json").out)
    assert (row["max_cores"], row["max_replicas"]) == (4, 2)
    assert row["cost_max_cores"] <= 4
    assert "switches per hour" in ipa("grid", *given).out


def test_a_user_workload_file_is_run(ipa: Ipa, tmp_path: Path) -> None:
    load = tmp_path / "load.txt"
    load.write_text("\n".join(["7"] * 40))
    summary = json.loads(ipa("run", "-w", load, "--results", tmp_path / "results", "--json").out)
    assert summary["requests"] == 280
    assert summary["workload_source"] == "file"


def test_grid_prints_a_row_per_run_and_resumes(ipa: Ipa, tmp_path: Path) -> None:
    arguments = ["grid", "-e", "corrected", "-p", "video", "-w", "constant-5", "-m", "ipa", "-m", "fa2-low"]
    first = ipa(*arguments, "--results", tmp_path, "--jobs", 1, "--json")
    assert [row["method"] for row in json.loads(first.out)] == ["ipa", "fa2-low"]
    assert "2 runs done, 0 kept" in first.err
    assert "0 runs done, 2 kept" in ipa(*arguments, "--results", tmp_path).err


def test_claims_without_results_are_not_run_but_data_claims_are_checked(ipa: Ipa, tmp_path: Path) -> None:
    rows = {row["claim"]: row for row in json.loads(ipa("claims", "--results", tmp_path, "--json").out)}
    assert len(rows) == 37
    assert rows["C2"]["verdict"] == "not run"
    assert "ipa claims --run" in rows["C2"]["reproduced"]
    assert rows["C26"]["verdict"] == "contradicted"


def test_published_shows_the_stored_comparison_of_160_runs(ipa: Ipa) -> None:
    rows = json.loads(ipa("published", "--json").out)
    assert len(rows) == 160
    assert all(row["cause"] for row in rows if not row["within"])


def test_describe_shows_published_and_computed_values(ipa: Ipa) -> None:
    report = json.loads(ipa("describe", "--pipeline", "video", "--json").out)
    assert report["sla_s"] == 6.89
    assert report["computed_sla_s"] < report["sla_s"]
    assert {row["variant"] for row in report["variants"]} >= {"yolov5n", "resnet152"}


def test_doctor_lists_solvers_and_a_fix_for_whatever_is_missing(ipa: Ipa, tmp_path: Path) -> None:
    outcome = ipa("doctor", "--results", tmp_path, "--json")
    rows = {row["what"]: row for row in json.loads(outcome.out)}
    assert outcome.code == 0
    assert rows["solver exact"]["state"] == "ok"
    assert "ipa trace fetch" in rows["load trace"]["fix"]
    assert all(row["fix"] for row in rows.values() if row["state"] != "ok")


def test_doctor_exits_with_1_if_the_trace_is_not_the_published_one(
    ipa: Ipa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "trace.txt"
    fake.write_text("1 2 3")
    monkeypatch.setenv("IPA_TRACE", str(fake))
    outcome = ipa("doctor", "--results", tmp_path)
    assert outcome.code == 1
    assert "broken" in outcome.out


def test_brackets_of_an_install_line_survive_in_the_table(
    ipa: Ipa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipa.doctor.find_spec", lambda _module: None)
    assert ".[gurobi]" in ipa("doctor", "--results", tmp_path).out
