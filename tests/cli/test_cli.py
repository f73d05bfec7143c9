"""What every command has in common: help with examples, errors without a traceback, exit codes."""

import json
from pathlib import Path
from typing import Any, Never

import pytest

from tests.support.command import Ipa

COMMANDS = ["reproduce", "run", "grid", "solve", "describe", "claims", "published"]


def test_no_command_shows_the_help(ipa: Ipa) -> None:
    outcome = ipa()
    assert "Usage" in outcome.out + outcome.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples_that_name_the_command(ipa: Ipa, command: str) -> None:
    outcome = ipa(command, "--help")
    assert outcome.code == 0
    assert "Examples:" in outcome.out
    assert f"ipa {command}" in outcome.out


@pytest.mark.parametrize("group", ["trace", "bench"])
def test_a_group_without_a_command_lists_its_commands(ipa: Ipa, group: str) -> None:
    outcome = ipa(group, "--help")
    assert outcome.code == 0
    assert "Commands" in outcome.out


def test_an_unknown_command_exits_with_2(ipa: Ipa) -> None:
    assert ipa("slove").code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["solve", "--rate", "5", "--pipeline", "vdeo"], "unknown pipeline 'vdeo'; allowed: video"),
        (["solve", "--rate", "-1"], "the arrival rate must lie between 0 and 1e+09 requests/s, not -1"),
        (["solve", "--rate", "nan"], "requests/s, not nan"),
        (["solve", "--rate", "5", "--solver", "cplex"], "unknown solver 'cplex'; allowed:"),
        (["solve", "--rate", "5", "--method", "rim", "--replicas", "3,x"], "whole numbers of at least 1"),
        (["solve", "--rate", "5", "--method", "rim", "--replicas", "3"], "has 2 stages"),
        (["solve", "--rate", "5", "--method", "fa2-low", "--variants", "yolov5n,resnet19"], "resnet18"),
        (["solve", "--rate", "5", "--sla", "0"], "sla_s must lie between 1e-06 and 1e+07 s, not 0.0"),
        (["run", "--edition", "published"], "unknown edition 'published'"),
        (["run", "--workload", "spiky"], "spiky"),
        (["run", "--trace", "real"], "ipa trace fetch"),
        (["run", "--edition", "as-published", "--workload", "constant-5"], "Use the edition corrected"),
        (["run", "--forecaster", "crystal-ball"], "unknown forecaster 'crystal-ball'"),
        (["reproduce", "--only", "figure-99"], "unknown target 'figure-99'"),
        (["trace", "info", "no/file"], "ipa trace fetch"),
        (["solve", "--rate", "5", "--method", "rim", "--replicas", "²,3"], "whole numbers of at least 1"),
        (
            ["run", "-w", "constant-999999999", "--duration", "2"],
            "1,999,999,998 requests, a run",
        ),
        (["run", "--interval", "1e-300"], "interval_s must lie between 0.1 and 86400 s, not 1e-300"),
        (
            ["run", "--interval", "0.1", "-w", "constant-1", "--duration", "9999999"],
            "seconds / interval",
        ),
        (
            ["run", "--duration", "99999999999"],
            "duration_s must be a whole number between 1",
        ),
        (
            ["run", "-m", "rim", "--replicas", "2000000000,1"],
            "between 1 and 100,000 replicas",
        ),
        (["run", "-w", "bursty", "--timestamps"], "only a file has the format timestamps"),
        (["grid", "-w", "x.txt", "--timestamps", "--per-minute"], "either --timestamps or --per-minute"),
    ],
)
def test_bad_input_is_explained_in_one_line_and_exits_with_2(
    ipa: Ipa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = ipa(*arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_without_a_trace_its_info_is_an_answer(
    ipa: Ipa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IPA_TRACE", raising=False)
    monkeypatch.setattr("ipa.workload.source.cache_dir", lambda: tmp_path)
    outcome = ipa("trace", "info")
    assert outcome.code == 0
    assert "the synthetic workloads are used" in outcome.out
    assert json.loads(ipa("trace", "info", "--json").out) == {"path": None}


def test_run_grid_and_info_read_a_load_file_alike(ipa: Ipa, tmp_path: Path) -> None:
    file = tmp_path / "requests.csv"
    file.write_text("Timestamp,Model\n5,a\n45,a\n64.2,b\n")
    info = json.loads(ipa("trace", "info", file, "--timestamps", "--json").out)
    assert (info["n_s"], info["total_requests"]) == (60, 3)
    arguments = ["-w", file, "--timestamps", "--results", tmp_path, "--json"]
    run = json.loads(ipa("run", "-m", "fa2-low", *arguments).out)
    grid = json.loads(ipa("grid", "-e", "corrected", "-p", "video", "-m", "fa2-low", *arguments).out)
    assert (run["duration_s"], run["requests"]) == (60, 3)
    assert (grid[0]["duration_s"], grid[0]["requests"]) == (60, 3)


def test_a_trace_with_letters_names_the_place(ipa: Ipa, tmp_path: Path) -> None:
    file = tmp_path / "trace.txt"
    file.write_text("4 5 six 7")
    outcome = ipa("trace", "info", file)
    assert outcome.code == 2
    assert "six" in outcome.err


def test_a_broken_pipeline_file_names_file_and_key(ipa: Ipa, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nsla_s: -1\nstages: []\n")
    outcome = ipa("describe", "--pipeline", file)
    assert outcome.code == 2
    assert str(file) in outcome.err
    assert "sla_s" in outcome.err


def test_ctrl_c_exits_with_130_and_says_that_work_is_kept(ipa: Ipa, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: Any, **_kwargs: Any) -> Never:
        raise KeyboardInterrupt

    monkeypatch.setattr("ipa.cli.grid.run_grid", interrupted)
    outcome = ipa("grid", "-p", "video", "-w", "bursty", "-m", "ipa")
    assert outcome.code == 130
    assert "goes on from there" in outcome.err
