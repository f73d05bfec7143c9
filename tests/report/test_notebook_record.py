"""When an executed notebook is made again."""

import json
from pathlib import Path

import pytest

from ipa.report.notebook_record import (
    is_unchanged,
    notebook_fingerprint,
    record_file,
    write_record,
)
from ipa.results.provenance import tree_sha256

PARAMETERS = {"pipeline": "video"}


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Return an executed notebook with a figure and a record of fingerprint "f"."""
    notebook, figure = tmp_path / "notebooks" / "a.ipynb", tmp_path / "figures" / "a.png"
    for file in (notebook, figure):
        file.parent.mkdir()
        file.write_text(file.name)
    write_record(notebook, "f", [figure])
    return notebook


def source(folder: Path, *cells: str, outputs: object = ()) -> Path:
    file = folder / "source.ipynb"
    content = [{"cell_type": "code", "source": [cell], "outputs": list(outputs)} for cell in cells]
    file.write_text(json.dumps({"cells": content}))
    return file


def test_a_recorded_notebook_is_unchanged_also_when_its_results_move(recorded: Path, tmp_path: Path) -> None:
    assert is_unchanged(recorded, "f")
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert is_unchanged(moved / "notebooks" / "a.ipynb", "f")


@pytest.mark.parametrize("name", ["notebooks/a.ipynb", "figures/a.png"])
@pytest.mark.parametrize("content", ["", "edited", None])
def test_an_edited_or_missing_file_is_noticed(recorded: Path, name: str, content: str | None) -> None:
    file = recorded.parent.parent / name
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    assert not is_unchanged(recorded, "f")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"fingerprint": "f"}',
        '{"files_sha256": []}',
        '{"fingerprint": "f", "files_sha256": {}}',
        "\x00",
        '{"finger',
    ],
)
def test_a_damaged_record_is_no_record(recorded: Path, content: str) -> None:
    record_file(recorded).write_text(content)
    assert not is_unchanged(recorded, "f")


def test_another_fingerprint_is_a_change(recorded: Path) -> None:
    assert not is_unchanged(recorded, "g")


def test_the_fingerprint_follows_cells_parameters_and_load_but_not_outputs(tmp_path: Path) -> None:
    def of(*cells: str, outputs: object = (), seed: int = 0, **changes: object) -> str:
        file = source(tmp_path, *cells, outputs=outputs)
        return notebook_fingerprint(file, PARAMETERS | changes, ["bursty"], trace="synthetic", seed=seed)

    first = of("x = 1")
    assert of("x = 1", outputs=["text"]) == first
    assert len({first, of("x = 2"), of("x = 1", "y"), of("x = 1", seed=1), of("x = 1", jobs=2)}) == 5


def test_any_new_or_edited_file_below_a_folder_changes_its_hash(tmp_path: Path) -> None:
    seen = {tree_sha256(tmp_path, "*.py")}
    for name, text in (("a.py", ""), ("a.py", "1"), ("new/b.py", ""), ("new/deep/c.py", "")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        seen.add(tree_sha256(tmp_path, "*.py"))
    assert len(seen) == 5
    (tmp_path / "notes.txt").write_text("")
    assert tree_sha256(tmp_path, "*.py") in seen
