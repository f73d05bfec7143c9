"""Files of a run: whole or not at all."""

import json
import math
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import ResultsError
from ipa.results import (
    DECISIONS,
    PROVENANCE,
    REQUESTS,
    SUMMARY,
    fingerprint_of,
    read_decisions,
    read_json,
    read_requests,
    read_summary,
    replacing,
    without_nan,
    write_json,
    write_lines,
)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    target = tmp_path / "experiment" / "run"
    with replacing(target) as draft:
        (draft / "a").write_text("1")
        assert not target.exists()
        (draft / "b").write_text("2")
    assert names(target) == {"a", "b"}
    assert names(target.parent) == {"run"}


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with replacing(tmp_path / "run") as draft:
            (draft / content).write_text(content)
    assert names(tmp_path / "run") == {"new"}


def write_and_fail(folder: Path, error: type[BaseException]) -> None:
    with replacing(folder) as draft:
        (draft / "new").write_text("")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_half_way_leaves_the_old_folder(tmp_path: Path, error: type[BaseException]) -> None:
    with replacing(tmp_path / "run") as draft:
        (draft / "old").write_text("")
    with pytest.raises(error):
        write_and_fail(tmp_path / "run", error)
    assert names(tmp_path) == {"run"}
    assert names(tmp_path / "run") == {"old"}


def test_others_may_read_a_folder_as_the_umask_says(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    with replacing(tmp_path / "run"):
        pass
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "usual").stat().st_mode
    )


def test_a_process_killed_half_way_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from ipa.results import replacing, write_json\n"
        "with replacing(Path(sys.argv[1])) as draft:\n"
        "    for name in ('decisions.jsonl', 'requests.parquet', 'summary.json'): (draft / name).touch()\n"
        "    write_json(draft / 'provenance.json', {'fingerprint': 'x'})\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "run"], check=False)
    assert done.returncode == -9
    assert not (tmp_path / "run").exists()
    assert fingerprint_of(tmp_path / "run") is None
    assert all(name.startswith(".") for name in names(tmp_path))
    with replacing(tmp_path / "run") as draft:
        (draft / "new").touch()
    assert names(tmp_path / "run") == {"new"}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_plain_values_survive_the_way_to_disk_and_back(tmp_path_factory, value) -> None:
    file = tmp_path_factory.mktemp("json") / "file.json"
    write_json(file, value)
    assert read_json(file) == value


def test_what_is_no_finite_number_becomes_null_however_deep(tmp_path: Path) -> None:
    write_json(tmp_path / "file.json", {"a": [1.0, math.nan, (np.float64("nan"), -math.inf)], "b": math.inf})
    assert json.loads((tmp_path / "file.json").read_text()) == {"a": [1.0, None, [None, None]], "b": None}


def test_values_without_gaps_are_left_alone() -> None:
    assert without_nan({"a": [1, "NaN", True, None]}) == {"a": [1, "NaN", True, None]}


def test_keys_keep_their_order_and_text_its_characters(tmp_path: Path) -> None:
    write_json(tmp_path / "file.json", {"z": "λ", "a": 1})
    text = (tmp_path / "file.json").read_text(encoding="utf-8")
    assert text == '{\n  "z": "λ",\n  "a": 1\n}\n'


def test_a_value_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "file.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "file.json", {1, 2})
    assert read_json(tmp_path / "file.json") == 1
    assert names(tmp_path) == {"file.json"}


@given(st.lists(st.fixed_dictionaries({"step": st.integers(0, 9), "reason": st.text()}), max_size=4))
def test_decisions_survive_the_way_to_disk_and_back(tmp_path_factory, records) -> None:
    folder = tmp_path_factory.mktemp("run")
    write_lines(folder / DECISIONS, records)
    assert read_decisions(folder).to_dict("records") == records


def complete_run(folder: Path) -> Path:
    folder.mkdir()
    (folder / REQUESTS).touch()
    write_lines(folder / DECISIONS, [{"step": 0}])
    write_json(folder / SUMMARY, {"steps": 1})
    write_json(folder / PROVENANCE, {"fingerprint": "abc"})
    return folder


def test_a_complete_run_has_a_fingerprint(tmp_path: Path) -> None:
    assert fingerprint_of(complete_run(tmp_path / "run")) == "abc"


@pytest.mark.parametrize("missing", [DECISIONS, REQUESTS, SUMMARY, PROVENANCE])
def test_a_run_that_lacks_a_file_has_none(tmp_path: Path, missing: str) -> None:
    folder = complete_run(tmp_path / "run")
    (folder / missing).unlink()
    assert fingerprint_of(folder) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "3"])
def test_a_run_with_a_damaged_provenance_has_none(tmp_path: Path, content: str) -> None:
    folder = complete_run(tmp_path / "run")
    (folder / PROVENANCE).write_text(content)
    assert fingerprint_of(folder) is None


@pytest.mark.parametrize("read", [read_decisions, read_requests, read_summary])
def test_a_missing_file_says_to_run_again(tmp_path: Path, read) -> None:
    with pytest.raises(ResultsError, match=r"cannot be read: .*; run the experiment again"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "read"), [(DECISIONS, read_decisions), (REQUESTS, read_requests), (SUMMARY, read_summary)]
)
def test_a_damaged_file_says_to_delete_it(tmp_path: Path, name: str, read) -> None:
    (tmp_path / name).write_bytes(b"\xff{half")
    with pytest.raises(ResultsError, match=rf"{name}: is damaged: .*; delete the folder and run again"):
        read(tmp_path)
