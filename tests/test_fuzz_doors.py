"""Every door for input, tried with what should not come through: one line and exit 2, no traceback or hang.

Each test says how many inputs it tried and how many were refused. The inputs are drawn from fixed seeds, so
that a failure here fails everywhere.
"""

import bz2
import gzip
import json
import lzma
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ipa.cli.app import app
from ipa.workload import load_workload

pytestmark = pytest.mark.slow


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


LONGEST_S = 20.0
"""CPU seconds that one input may take; a hang is longer on any machine."""

NASTY_VALUES = (
    *words(
        r"""
        - -- nan -nan inf -inf NaN Infinity 1e400 1e308 -1e308 1e-320 1e-300 0 -0.0 -1 0.5 2.5 1_000 0x10
        010 ² ٣ ½ 1e5 True None yes null 99999999999 9223372036854775808 ../../x /dev/null /dev/zero / . ~
        a/b [red] {} [[[[ 1,2,3 1, , ²,3 nan,1 0,1 2000000000,1 a=b = $HOME %s constant- * constant--1
        constant-1.5 constant-² constant-999999999 quantile-2 quantile-nan quantile-
        """
    ),
    *(
        "",
        " ",
        "9" * 5000,
        "-" + "9" * 400,
        "x" * 5000,
        "a\\b",
        "a\x00b",
        "\udcff",
        "\x1b[31m",
        "a\nb",
        "\u200b",
        "\U0001f4a5",
    ),
)

COMMANDS: dict[str, list[str]] = {
    "solve": ["--rate", "5"],
    "describe": [],
    "frontier": ["--rate", "5"],
    "run": ["-w", "constant-1", "--duration", "20", "-m", "fa2-low"],
    "grid": ["-e", "corrected", "-p", "video", "-w", "steady-low", "-m", "fa2-low"],
    "trace info": [],
    "bench agree": ["--cases", "1", "--jobs", "1"],
    "forecast evaluate": [],
}

OPTIONS = {
    "solve": words(
        """
        --rate --pipeline --method --solver --edition --workload --alpha --beta --sla
        --replicas --variants --max-replicas --max-cores
        """
    ),
    "describe": words("--pipeline --threshold"),
    "frontier": words("--rate --pipeline --edition --workload --sla --max-cores"),
    "run": words(
        """
        --pipeline --workload --method --edition --trace --seed --solver --forecaster
        --arrivals --service --duration --interval --drop --drop-multiple --network-delay
        --cluster --alpha --beta --sla --replicas --variants --gaps --max-replicas
        --max-cores --results
        """
    ),
    "grid": words("--edition --pipeline --workload --method --trace --seed --solver --jobs"),
    "trace info": ("", *words("--gaps")),
    "bench agree": words("--replay --cases --seed --jobs"),
    "forecast evaluate": words("--forecaster"),
}

CLUSTER = (
    *("start_up_s", "switching", "mean_life_s", "straggler_share", "straggler_factor", "profile_error"),
    *("router_delay_s", "dispatch_s", "core_limit"),
)


class Door:
    """Calls the command line in this process and judges how it ends."""

    def __init__(self) -> None:
        self.ends: Counter[int] = Counter()

    def ends_well(self, *arguments: str) -> int:
        """Return the exit code; a traceback, a hang or an error of several lines fails the test."""
        began_s = time.process_time()
        result = CliRunner().invoke(app, arguments)
        took_s = time.process_time() - began_s
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code in (0, 1, 2), (arguments, result.exit_code)
        assert took_s < LONGEST_S, (arguments, took_s)
        if result.exit_code == 2:
            *before, last = result.stderr.rstrip("\n").split("\n")
            assert last.startswith("error: "), result.stderr
            assert all(line.startswith("warning: ") for line in before), result.stderr
            assert len(last) < 2000
            assert result.stdout == ""
        self.ends[result.exit_code] += 1
        return result.exit_code


@pytest.fixture
def through_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Return what tries a door in a folder of its own and prints the counts at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IPA_TRACE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    @contextmanager
    def door(name: str) -> Iterator[Door]:
        tried = Door()
        yield tried
        total = sum(tried.ends.values())
        with capsys.disabled():
            print(f"\n{name}: {total} inputs tried, {tried.ends[2]} refused with exit 2")  # noqa: T201
        assert tried.ends[2] > total / 5

    return door


def fuzz(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the settings of a fuzz test."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_command_lines(through_the_door: Any, tmp_path: Path) -> None:
    with through_the_door("command lines") as door:

        @fuzz(250)
        @given(st.data())
        def try_one(data: st.DataObject) -> None:
            command = data.draw(st.sampled_from(list(COMMANDS)))
            option = data.draw(st.sampled_from(OPTIONS[command]))
            value = data.draw(st.sampled_from(NASTY_VALUES))
            if option == "--cluster" and data.draw(st.booleans()):
                value = f"{data.draw(st.sampled_from(CLUSTER))}={value}"
            given_too = (
                ["--results", str(tmp_path / "results")] if command in ("run", "grid", "bench agree") else []
            )
            door.ends_well(*command.split(), *COMMANDS[command], *given_too, *filter(None, [option]), value)

        try_one()


NASTY_YAML = (
    *words(
        r"""
        yes ~ '' '1' .nan .inf -1 0 1e308 1e-320 010 1:30 2024-99-99 [] {}
        [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]] !!python/none *a /dev/zero / ../../x | > %YAML ---
        ... @ ` # '
        """
    ),
    *(
        "9" * 5000,
        "!!int x",
        "!!timestamp x",
        "&a [*a]",
        '"a\\0b"',
        '"\\u200b"',
        "x" * 5000,
        "\U0001f4a5",
        "? a",
        "- a",
        ": :",
        "<<: *a",
        "{a: 1, a: 2}",
        "\t",
    ),
)

PIPELINE = """name: own
sla_s: 2.5
stages:
  - name: detect
    sla_s: 1.5
    profile: {file: own.csv, series: [a], offered_load_rps: [10]}
    variants:
      - {name: small, accuracy: 0.5, base_cores: 1, start_up_s: 5, enabled: true, model: m}
      - {name: large, accuracy: 0.9, base_cores: 2}
"""

MEASURED = """measured_accuracy:
  - {variants: [small], accuracy: 0.4}
  - {variants: [large], accuracy: 0.7}
"""

ACCURACIES = "accuracy,detect,low\n0.4,small,0.3\n0.7,large,0.6\n"

PROFILE = """stage,variant,cores,batch,latency_p99_s,latency_avg_s,throughput_rps,offered_load_rps,series
detect,small,1,1,0.10,0.08,10,10,a
detect,small,1,4,0.30,0.28,13,10,a
detect,large,2,1,0.40,,2.5,10,a
"""


def mutated(data: st.DataObject, text: str, words: tuple[str, ...], separators: str) -> bytes:
    """Return a text with a word or a line replaced, repeated or gone, or bytes changed."""
    kind = data.draw(st.sampled_from(["word", "word", "word", "line", "bytes"]))
    if kind == "word":
        places = [place for place, char in enumerate(text) if char in separators]
        start = data.draw(st.sampled_from(places[:-1])) + 1
        end = next(place for place in [*places, len(text)] if place >= start)
        return (text[:start] + data.draw(st.sampled_from(words)) + text[end:]).encode(
            "utf-8", "surrogateescape"
        )
    if kind == "line":
        lines = text.split("\n")
        place = data.draw(st.integers(0, len(lines) - 1))
        lines[place : place + 1] = data.draw(
            st.sampled_from([[], [lines[place]] * 2, [data.draw(st.sampled_from(words))], ["", lines[place]]])
        )
        return "\n".join(lines).encode("utf-8", "surrogateescape")
    content = bytearray(text.encode())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place : place + 1] = data.draw(st.binary(max_size=3))
    return bytes(content)


def test_pipeline_files(through_the_door: Any, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(PROFILE)
    with through_the_door("pipeline files") as door:

        @fuzz(250)
        @given(st.data())
        def try_one(data: st.DataObject) -> None:
            file = tmp_path / "own.yaml"
            file.write_bytes(mutated(data, PIPELINE + MEASURED, NASTY_YAML, " {[,:\n"))
            door.ends_well("describe", "-p", str(file))

        try_one()


NASTY_CELLS = (
    *words(
        r"""
        nan inf -1 0 1e308 1e-320 1e300 1e400 1_0 ² 0x1 0,5 " "" "a a;b 1.5 true
        """
    ),
    *("", " ", "9" * 5000, "\t", "x" * 200000, " 1", "small ", "\r", "1\n2", "\U0001f4a5", "\x00"),
)


def test_profile_files(through_the_door: Any, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(PIPELINE)
    with through_the_door("profile files") as door:

        @fuzz(200)
        @given(st.data())
        def try_one(data: st.DataObject) -> None:
            (tmp_path / "own.csv").write_bytes(mutated(data, PROFILE, NASTY_CELLS, ",\n"))
            command = data.draw(st.sampled_from([["describe"], ["solve", "--rate", "3"]]))
            door.ends_well(*command, "-p", str(tmp_path / "own.yaml"))

        try_one()


def test_tables_of_measured_accuracies(through_the_door: Any, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(PROFILE)
    (tmp_path / "own.yaml").write_text(PIPELINE + "measured_accuracy: {file: accuracy.csv}\n")
    with through_the_door("tables of measured accuracies") as door:

        @fuzz(150)
        @given(st.data())
        def try_one(data: st.DataObject) -> None:
            (tmp_path / "accuracy.csv").write_bytes(mutated(data, ACCURACIES, NASTY_CELLS, ",\n"))
            command = data.draw(
                st.sampled_from([["describe"], ["solve", "--rate", "3", "--metric", "measured"]])
            )
            door.ends_well(*command, "-p", str(tmp_path / "own.yaml"))

        try_one()


LOADS = {
    "rates": ("5\n7\n12\n0\n9\n", "5 7 12 0 9\n", "time,rate\n0,5\n1,7\n2,12\n", "rate\n5\n7\n"),
    "timestamps": (
        "0.5\n1.5\n1.7\n",
        "1700000000\n1700000001\n",
        "Timestamp,Model\n5,a\n9,b\n",
        "2024-05-01T00:00\n2024-05-01T00:01\n",
    ),
    "per-minute": (
        "60\n90\n",
        "minute,count\n0,60\n1,30\n",
        "HashOwner,Trigger,1,2\na,http,3,4\nb,timer,0,9\n",
    ),
}
NASTY_LINES = (
    *words(
        r"""
        -1 1.5 nan inf 1e5 1e400 1700000000 1700000000000 1,200 1;2 ² ٣ 0x1 1_0 a,b time,rate 2024-13-01
        2024-05-01T00:00:00Z "5" " 10000001 -0 +5 005 5.0 1e-320 , ,,,
        """
    ),
    *("", " ", "9" * 5000, "1 200", "# a", "\x00", "\r", "\t", "\x0c", "\xa0"),
)
COMPRESS = (bytes, gzip.compress, lzma.compress, bz2.compress, zstandard.compress)


def test_load_files(through_the_door: Any, tmp_path: Path) -> None:
    with through_the_door("load files") as door:

        @fuzz(300)
        @given(st.data())
        def try_one(data: st.DataObject) -> None:
            load_format = data.draw(st.sampled_from(list(LOADS)))
            text = data.draw(st.sampled_from([text for texts in LOADS.values() for text in texts]))
            content = data.draw(st.sampled_from(COMPRESS))(mutated(data, text, NASTY_LINES, ",\n "))
            if data.draw(st.booleans()):
                content = content[: data.draw(st.integers(0, len(content)))]
            file = tmp_path / "load"
            file.write_bytes(content)
            gaps = data.draw(st.sampled_from(["refuse", "fill"]))
            switch = [] if load_format == "rates" else [f"--{load_format}"]
            if door.ends_well("trace", "info", str(file), "--gaps", gaps, *switch) == 0:
                workload = load_workload(str(file), load_format=load_format, gaps=gaps)
                assert workload.rates_rps.min() >= 0

        try_one()


OPTION = {
    "variant": "v", "batch": 1, "replicas": 1, "cores": 1, "cost_cores": 1,
    "latency_s": 0.1, "wait_s": 0.0, "accuracy": 0.5, "score": 0.5,
}  # fmt: skip
PROBLEM = {
    "solver": "highs", "stages": ["a", "b"], "options": [[OPTION, OPTION | {"variant": "w"}], [OPTION]],
    "best_effort": [OPTION, OPTION],
    "objective": {"metric": "pas", "floor": 0.0, "alpha": 1, "beta": 1, "delta": 0},
    "rate_rps": 1, "sla_s": 1.5, "edges": [[0, 1]], "rate_factors": [1, 1], "max_cores": 8,
}  # fmt: skip
NASTY_JSON = (
    *words(
        r"""
        null true NaN Infinity -1 0 1e308 1e-320 1e400 "x" "" "1" [] {} "exact" "brute-force" "pas" 1.5
        1000000000 -0.5 [1 " 0x1 1_0 // 'a'
        """
    ),
    *("9" * 5000, "[" * 5000, '{"a":' * 5000, '"\\u0000"', '"\\ud800"', "[[0, 5]]", "[[1, 0]]", "\\"),
)


def test_files_to_replay(through_the_door: Any, tmp_path: Path) -> None:
    with through_the_door("files to replay") as door:

        @fuzz(300)
        @given(st.data())
        def try_one(data: st.DataObject) -> None:
            file = tmp_path / "problem.json"
            file.write_bytes(mutated(data, json.dumps(PROBLEM, indent=1), NASTY_JSON, " ,[]{}:\n"))
            door.ends_well("bench", "agree", "--replay", str(file))

        try_one()
