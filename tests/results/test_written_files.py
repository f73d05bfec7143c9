"""Which files were written."""

import os
from pathlib import Path

from ipa.results.written_files import note_written, written_files


def test_files_written_in_the_body_are_listed_once_and_nothing_outside_it(tmp_path: Path) -> None:
    note_written(tmp_path / "before")
    with written_files() as files:
        note_written(tmp_path / "a b")
        note_written(tmp_path / "a b")
        with written_files() as inner:
            note_written(tmp_path / "inner")
        note_written(tmp_path / "c")
    assert files == [tmp_path / "a b", tmp_path / "c"]
    assert inner == [tmp_path / "inner"]
    assert "IPA_WRITTEN_FILES" not in os.environ
