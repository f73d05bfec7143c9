"""A folder with the profile that the pipeline files of the tests name."""

from pathlib import Path

import pytest

from tests.support.pipeline_files import PROFILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured" / "profile.csv").write_text(PROFILE)
    return tmp_path
