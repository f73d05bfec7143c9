"""Rows of a profile that contradict themselves are warned of, with file, line and values."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipa.pipeline.load import WARNINGS_SHOWN, load_pipeline, pipeline_names, pipeline_warnings
from tests.support.command import Ipa

HEADER = "stage,variant,cores,batch,latency_p99_s,latency_avg_s,throughput_rps"
PIPELINE = """name: own
sla_s: 1.0
stages:
  - name: detect
    profile: {file: own.csv}
    variants:
      - {name: only, accuracy: 0.8, base_cores: 1}
"""


@pytest.fixture
def own(tmp_path: Path) -> Any:
    def written(*rows: str, pipeline: str = PIPELINE) -> Path:
        (tmp_path / "own.csv").write_text(
            "\n".join([HEADER, *(f"detect,only,1,{row}" for row in rows)]) + "\n"
        )
        file = tmp_path / "own.yaml"
        file.write_text(pipeline)
        return file

    return written


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (
            "1,0.45,0.40,10",
            "serves at most 2.5 requests/s, not 10; was it measured with several requests in flight?",
        ),
        ("1,0.10,80,12", "the mean latency of 80 s is above the p99 of 0.1 s; are these milliseconds?"),
        ("1,0.10,0.12,8", "the mean latency of 0.12 s is above the p99 of 0.1 s; was it measured"),
        ("1,100,80,12", "serves at most 0.0125 requests/s, not 12; are these milliseconds?"),
        ("1,100,0.08,12", "the p99 latency of 100 s is 1250 times the mean of 0.08 s; are both in seconds?"),
        (
            "1,0.45,,10",
            "requests/s in batches of 1 leave 0.1 s for each, the p99 latency is 0.45 s; was",
        ),
        ("1,450,,2.5", "leave 0.4 s for each, the p99 latency is 450 s; are these milliseconds?"),
    ],
)
def test_a_contradiction_is_told_with_file_line_and_values(
    own: Callable[..., Path], caplog: pytest.LogCaptureFixture, row: Any, problem: str
) -> None:
    file = own(row)
    load_pipeline(file)
    (line,) = pipeline_warnings(file)
    assert line.startswith(f"{file.with_name('own.csv')}: line 2 (only, 1 cores): ")
    assert problem in line
    assert caplog.messages == [line]


@pytest.mark.parametrize(
    "row", ["1,0.45,0.40,2.5", "1,0.45,0.40,2.6", "1,0.5,0.1,1", "1,0.4,,2.5", "1,0.4,,0.1"]
)
def test_what_can_be_is_not_doubted(own: Callable[..., Path], row: Any) -> None:
    assert pipeline_warnings(own(row)) == []


@pytest.mark.parametrize("name", pipeline_names())
def test_the_published_profiles_do_not_contradict_themselves(name: str) -> None:
    assert pipeline_warnings(name) == []


def test_an_sla_in_milliseconds_is_doubted(own: Callable[..., Path]) -> None:
    (line,) = pipeline_warnings(own("1,0.4,0.3,2.5", pipeline=PIPELINE.replace("1.0", "2500")))
    assert "own.yaml: sla_s: 2500 s is 1250 times what the paper's rule gives (2 s); are these milli" in line


def test_of_many_contradictions_the_first_are_logged_and_all_are_listed(
    own: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    file = own(*(f"{batch},0.45,0.4,1000" for batch in range(1, 11)))
    load_pipeline(file)
    assert len(pipeline_warnings(file)) == 10
    assert len(caplog.messages) == WARNINGS_SHOWN + 1
    assert caplog.messages[-1] == "5 more such rows; ipa describe --json lists all"


@pytest.mark.parametrize(
    "command", [["describe"], ["solve", "--rate", "1"], ["run", "-w", "constant-1", "--duration", "20"]]
)
def test_every_command_that_takes_a_pipeline_warns(
    ipa: Ipa, own: Callable[..., Path], tmp_path: Path, command: str
) -> None:
    results = ["--results", tmp_path] if command[0] == "run" else []
    outcome = ipa(*command, "-p", own("1,0.45,0.40,10"), "--json", *results)
    assert outcome.code == 0
    assert "warning: " in outcome.err
    assert "own.csv: line 2" in outcome.err
    assert "serves at most 2.5 requests/s, not 10" in outcome.err.replace("\n", " ")
    assert isinstance(json.loads(outcome.out), dict)


def test_describe_lists_the_warnings_for_programs(ipa: Ipa, own: Callable[..., Path]) -> None:
    found = json.loads(ipa("describe", "-p", own("1,0.45,0.40,10"), "--json").out)
    assert len(found["warnings"]) == 1
