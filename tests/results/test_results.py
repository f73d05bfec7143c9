"""Files of a run: whole or not at all."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import ResultsError
from ipa.results.folder import (
    ALL_FILES,
    DECISIONS,
    PROVENANCE,
    REQUESTS,
    SUMMARY,
    fingerprint_of,
    read_decisions,
    read_requests,
    read_summary,
    write_lines,
)
from ipa.results.json_files import read_json, without_nan, write_json
from ipa.results.provenance import file_sha256


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_plain_values_survive_the_way_to_disk_and_back(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
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
def test_decisions_survive_the_way_to_disk_and_back(
    tmp_path_factory: pytest.TempPathFactory, records: Any
) -> None:
    folder = tmp_path_factory.mktemp("run")
    write_lines(folder / DECISIONS, records)
    assert read_decisions(folder).to_dict("records") == records


def complete_run(folder: Path) -> Path:
    folder.mkdir()
    (folder / REQUESTS).touch()
    write_lines(folder / DECISIONS, [{"step": 0}])
    write_json(folder / SUMMARY, {"steps": 1})
    hashes = {name: file_sha256(folder / name) for name in ALL_FILES}
    write_json(folder / PROVENANCE, {"fingerprint": "abc", "files_sha256": hashes})
    return folder


def test_a_complete_run_has_a_fingerprint(tmp_path: Path) -> None:
    assert fingerprint_of(complete_run(tmp_path / "run")) == "abc"


@pytest.mark.parametrize("missing", [DECISIONS, REQUESTS, SUMMARY, PROVENANCE])
def test_a_run_that_lacks_a_file_has_none(tmp_path: Path, missing: str) -> None:
    folder = complete_run(tmp_path / "run")
    (folder / missing).unlink()
    assert fingerprint_of(folder) is None


@pytest.mark.parametrize("name", [DECISIONS, REQUESTS, SUMMARY])
@pytest.mark.parametrize("change", [lambda _: b"", lambda old: old[:-1], lambda old: old + b" "])
def test_a_run_with_an_edited_file_has_none(tmp_path: Path, name: str, change: Any) -> None:
    folder = complete_run(tmp_path / "run")
    (folder / REQUESTS).write_bytes(b"PAR1")
    hashes = {each: file_sha256(folder / each) for each in ALL_FILES}
    write_json(folder / PROVENANCE, {"fingerprint": "abc", "files_sha256": hashes})
    assert fingerprint_of(folder) == "abc"
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    assert fingerprint_of(folder) is None
    others = [each for each in ALL_FILES if each != name]
    assert fingerprint_of(folder, others) == "abc"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "3",
        "null",
        "[" * 100_000,
        '{"fingerprint": "abc"}',
        '{"fingerprint": 3, "files_sha256": {}}',
        '{"fingerprint": "abc", "files_sha256": []}',
        '{"fingerprint": "abc", "files_sha256": {"summary.json": 3}}',
        '{"fingerprint": "abc", "files_sha256": null}',
    ],
    ids=lambda content: content[:40],
)
def test_a_run_with_a_damaged_provenance_has_none(tmp_path: Path, content: str) -> None:
    folder = complete_run(tmp_path / "run")
    (folder / PROVENANCE).write_text(content)
    assert fingerprint_of(folder) is None


@pytest.mark.parametrize("read", [read_decisions, read_requests, read_summary])
def test_a_missing_file_says_to_run_again(tmp_path: Path, read: Callable[..., Any]) -> None:
    with pytest.raises(ResultsError, match=r"cannot be read: .*; run the experiment again"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "read"), [(DECISIONS, read_decisions), (REQUESTS, read_requests), (SUMMARY, read_summary)]
)
def test_a_damaged_file_says_to_delete_it(tmp_path: Path, name: str, read: Callable[..., Any]) -> None:
    (tmp_path / name).write_bytes(b"\xff{half")
    with pytest.raises(ResultsError, match=rf"{name}: is damaged: .*; run the experiment again"):
        read(tmp_path)


def test_a_full_disk_is_one_clear_error() -> None:
    with pytest.raises(ResultsError, match=r"cannot be written to /dev/full: .*No space left") as caught:
        write_lines(Path("/dev/full"), [{"step": 0}] * 9999)
    assert "\n" not in str(caught.value)
