"""Which IPA is it?"""

import platform
from importlib.metadata import version

import pytest

from ipa.results import provenance
from tests.support.command import Ipa

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_version_is_that_of_the_installed_package(ipa: Ipa) -> None:
    outcome = ipa("--version")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"ipa {version('ipa')}")
    assert outcome.out.endswith(f", Python {platform.python_version()}\n")


@pytest.mark.parametrize(
    ("commit", "shown"),
    [("", ""), (COMMIT, f", commit {COMMIT}"), (f"{COMMIT}-dirty", f", commit {COMMIT}-dirty")],
)
def test_the_commit_is_named_where_it_is_known(
    ipa: Ipa, monkeypatch: pytest.MonkeyPatch, commit: str, shown: str
) -> None:
    monkeypatch.setattr(provenance, "git_commit", lambda: commit)
    assert ipa("--version").out == f"ipa {version('ipa')}{shown}, Python {platform.python_version()}\n"


def test_it_is_in_the_help_and_needs_no_command(ipa: Ipa) -> None:
    assert "--version" in ipa("--help").out
