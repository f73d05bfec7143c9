"""Folders of live pipelines: one owner each, found by name, cleared when the owner is gone."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ipa.errors import LivePipelineError
from ipa.platforms.local import folder as folders
from ipa.platforms.local.folder import OWNER, claim_folder, find_folder, live_root, running_names
from ipa.platforms.local.pid_files import PidFiles


@pytest.fixture(autouse=True)
def own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let live pipelines be kept in a folder of the test."""
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "run" / "ipa"


def test_a_claimed_folder_is_found_by_its_name_until_it_is_removed(own_root: Path) -> None:
    folder = claim_folder("video")
    assert folder.path == own_root / "video"
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert running_names() == ("video",)
    assert find_folder().path == find_folder("video").path == folder.path
    folder.remove()
    assert running_names() == ()


def test_a_name_is_taken_once() -> None:
    claim_folder("video")
    with pytest.raises(LivePipelineError, match=r"a live pipeline named video runs already; stop it"):
        claim_folder("video")


@pytest.mark.parametrize("name", ["", "../escape", "a b", ".hidden", "x" * 41])
def test_a_name_is_part_of_a_path(name: str) -> None:
    with pytest.raises(LivePipelineError, match=r"cannot be called"):
        claim_folder(name)


def test_a_path_that_is_too_long_for_a_socket_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 80)
    deep.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with pytest.raises(LivePipelineError, match=r"is too long for the path of a socket; choose a shorter"):
        claim_folder("video")


def test_what_runs_is_told_where_a_name_is_missing_or_unknown() -> None:
    with pytest.raises(LivePipelineError, match=r"^no live pipeline runs; start one with ipa up PIPELINE"):
        find_folder()
    claim_folder("a")
    claim_folder("b")
    with pytest.raises(LivePipelineError, match=r"^live pipelines that run: a, b;"):
        find_folder()
    with pytest.raises(
        LivePipelineError, match=r"^no live pipeline named c runs; live pipelines that run: a, b"
    ):
        find_folder("c")


def test_what_a_dead_owner_left_is_ended_and_removed(own_root: Path) -> None:
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        live_root()
        old = own_root / "old"
        PidFiles(old).add(OWNER, left.pid, psutil.Process(left.pid).create_time() - 60)
        PidFiles(old / "pids").add("replica", left.pid, psutil.Process(left.pid).create_time())
        assert running_names() == ()
        claim_folder("new")
        assert left.wait(timeout=30) == -9
        assert not old.exists()
    finally:
        left.kill()
        left.wait()


def test_a_folder_that_others_may_enter_is_not_used(own_root: Path) -> None:
    own_root.mkdir()
    own_root.chmod(0o755)
    with pytest.raises(LivePipelineError, match=r"is open to others, or theirs"):
        folders.live_root()


def test_a_folder_behind_a_link_is_not_used(own_root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    own_root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LivePipelineError, match=r"is open to others, or theirs"):
        folders.live_root()
