"""Libraries that a replica imports find out how many threads they may use."""

import os

import pytest

from ipa.serving.threads import VARIABLES, limit_threads


def test_libraries_are_told_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*VARIABLES, "OMP_WAIT_POLICY", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(variable, "unset")
    limit_threads(3)
    assert {os.environ[variable] for variable in VARIABLES} == {"3"}
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
