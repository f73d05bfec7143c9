"""Where a result comes from."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ipa.paths import data_dir
from ipa.results import provenance


def test_code_data_versions_and_machine_are_recorded() -> None:
    found = provenance.environment()
    assert set(found) == {
        "commit",
        "code_sha256",
        "data_sha256",
        "python",
        "packages",
        "system",
        "cpu",
    }
    assert found["packages"]["numpy"].count(".") == 2
    assert all(len(found[key]) == 64 for key in ("code_sha256", "data_sha256"))


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert provenance.package_version("no-such-distribution") == ""


def test_a_file_hash_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert provenance.file_sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def copied_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(data_dir() / "editions", tmp_path / "data" / "editions")
    monkeypatch.setenv("IPA_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def data_hash() -> str:
    return provenance.data_sha256()


def test_changed_renamed_and_added_data_change_the_hash(copied_data: Path) -> None:
    file = copied_data / "editions" / "corrected.yaml"
    hashes = [data_hash(), data_hash()]
    assert hashes[0] == hashes[1]
    file.write_text(file.read_text() + "\n")
    hashes.append(data_hash())
    file.rename(file.with_name("other.yaml"))
    hashes.append(data_hash())
    (copied_data / "new.csv").touch()
    hashes.append(data_hash())
    assert len(set(hashes)) == 4


def test_outside_a_clone_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGE", Path("/package/ipa"))
    assert provenance.git_commit.__wrapped__() == ""


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.git_commit.__wrapped__() == ""


def test_the_commit_of_a_clone_of_something_else_is_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment often lies inside the clone of a project that uses the package."""
    (tmp_path / ".gitignore").write_text("ipa/\n")
    (tmp_path / "ipa").mkdir()
    (tmp_path / "ipa" / "__init__.py").touch()
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "theirs"]):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "ipa")
    assert provenance.git_commit.__wrapped__() == ""
    subprocess.run(["git", "-C", tmp_path, "add", "-f", "ipa"], check=True)
    assert re.fullmatch("[0-9a-f]{40}-dirty", provenance.git_commit.__wrapped__())
