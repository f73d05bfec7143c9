"""Runs the command line in this process, as a user's shell would."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ipa.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left on the screen, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def ipa(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Call ``ipa`` with arguments; without the real trace, so that results do not depend on the machine."""
    monkeypatch.delenv("IPA_TRACE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/nonexistent")

    def call(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as exit_info:
            main([str(argument) for argument in arguments])
        code = exit_info.value.code
        captured = capsys.readouterr()
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call
