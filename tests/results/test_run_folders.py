"""Folders of runs: whole or not at all, one at a time, nowhere else, and nobody else's."""

import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ipa.errors import ResultsError
from ipa.results.folder import PROVENANCE, SUMMARY
from ipa.results.run_folders import check_writable, locked, replacing, sweep


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def tree(folder: Path) -> dict[str, bytes | str]:
    """Return everything below a folder: contents of files, targets of links."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of a run that need not exist; the results folder is its grandparent."""
    return tmp_path / "results" / "experiment" / "run"


def write(folder: Path, content: str = "new") -> None:
    with replacing(folder, folder.parent.parent) as draft:
        (draft / SUMMARY).write_text(content)
        (draft / PROVENANCE).write_text("{}")


def test_a_folder_appears_with_all_its_files(folder: Path) -> None:
    with replacing(folder, folder.parent.parent) as draft:
        (draft / SUMMARY).write_text("1")
        assert not folder.exists()
        (draft / PROVENANCE).write_text("2")
    assert names(folder) == {SUMMARY, PROVENANCE}
    assert names(folder.parent) == {"run"}


def test_a_folder_is_replaced_whole(folder: Path) -> None:
    write(folder, "old")
    with replacing(folder, folder.parent.parent) as draft:
        (draft / PROVENANCE).write_text("new")
    assert names(folder) == {PROVENANCE}


def write_and_fail(folder: Path, error: type[BaseException]) -> None:
    with replacing(folder, folder.parent.parent) as draft:
        (draft / SUMMARY).write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_half_way_leaves_the_old_folder(folder: Path, error: type[BaseException]) -> None:
    write(folder, "old")
    before = tree(folder.parent)
    with pytest.raises(error):
        write_and_fail(folder, error)
    assert tree(folder.parent) == before


def test_others_may_read_a_folder_as_the_umask_says(folder: Path) -> None:
    write(folder)
    (folder.parent / "usual").mkdir()
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((folder.parent / "usual").stat().st_mode)


KILLED = """
import os, sys
from pathlib import Path
from ipa.results.run_folders import replacing
folder = Path(sys.argv[1])
with replacing(folder, folder.parent.parent) as draft:
    (draft / "summary.json").touch()
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def killed(folder: Path) -> Path:
    done = subprocess.run([sys.executable, "-c", KILLED, folder], check=False)
    assert done.returncode == -9
    assert sorted(name.rsplit(".", 1)[1] for name in names(folder.parent)) == ["draft", "lock"]
    assert not folder.exists()
    return folder


def test_the_next_run_removes_what_a_killed_one_left(killed: Path) -> None:
    write(killed)
    assert names(killed.parent) == {"run"}


def test_drafts_of_killed_runs_are_swept(killed: Path) -> None:
    assert sweep(killed.parent.parent) == 1
    assert names(killed.parent) == set()


def test_a_draft_of_a_run_under_way_is_not_swept(folder: Path) -> None:
    with replacing(folder, folder.parent.parent) as draft, ThreadPoolExecutor(1) as pool:
        assert pool.submit(sweep, folder.parent.parent).result() == 0
        assert draft.exists()
    assert folder.exists()


@pytest.mark.parametrize("name", [".keep", ".run.draft", "run.draft", ".run.0123.txt", ".git"])
def test_what_is_no_draft_is_left_alone(folder: Path, name: str) -> None:
    (folder.parent / name).mkdir(parents=True)
    write(folder)
    sweep(folder.parent.parent)
    assert names(folder.parent) == {"run", name}


@pytest.mark.parametrize("name", ["notes.txt", "figures", "summary.json.bak", ".git"])
def test_a_folder_with_anything_else_in_it_is_refused(folder: Path, name: str) -> None:
    write(folder, "old")
    (folder / name).write_text("mine")
    before = tree(folder.parent)
    with pytest.raises(ResultsError, match=rf"holds {name}, which no run has written"):
        write(folder)
    assert tree(folder.parent) == before


def test_a_folder_in_place_of_a_file_of_a_run_is_refused(folder: Path) -> None:
    (folder / SUMMARY).mkdir(parents=True)
    (folder / SUMMARY / "mine").touch()
    with pytest.raises(ResultsError, match=r"holds summary\.json, which"):
        write(folder)


def test_a_file_in_the_way_is_refused(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("mine")
    with pytest.raises(ResultsError, match="is in the way: it is not a folder"):
        write(folder)
    assert folder.read_text() == "mine"


@pytest.mark.parametrize("what", ["experiment", "run", "lock"])
def test_links_that_lead_elsewhere_are_refused(folder: Path, tmp_path: Path, what: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("mine")
    link = {"experiment": folder.parent, "run": folder, "lock": folder.with_name(".run.lock")}[what]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(victim)
    with pytest.raises(ResultsError, match="outside of where runs are kept; nothing is written there"):
        write(folder)
    assert tree(victim) == {"precious": b"mine"}


def test_the_results_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    write(tmp_path / "results" / "experiment" / "run")
    assert names(tmp_path / "disk" / "experiment") == {"run"}


@pytest.mark.parametrize(
    "path", ["results", "results/experiment", "results/a/b/c", "results/../other/run", "other/e/run"]
)
def test_only_runs_of_experiments_of_the_results_are_written(tmp_path: Path, path: str) -> None:
    with pytest.raises(ResultsError), replacing(tmp_path / path, tmp_path / "results"):
        pass
    assert not (tmp_path / "other").exists()


def test_whoever_holds_a_lock_can_ask_for_it_again_and_others_wait(folder: Path) -> None:
    results = folder.parent.parent
    with locked(folder, results):
        with locked(folder, results, wait=False):
            pass
        with ThreadPoolExecutor(1) as pool, pytest.raises(ResultsError, match="another process"):
            pool.submit(_try_lock, folder, results).result()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_try_lock, folder, results).result()


def _try_lock(folder: Path, results: Path) -> None:
    with locked(folder, results, wait=False):
        pass


MANY = """
import sys
from pathlib import Path
from ipa.results.json_files import write_json
from ipa.results.run_folders import replacing
folder = Path(sys.argv[1])
for number in range(25):
    with replacing(folder, folder.parent.parent) as draft:
        write_json(draft / "summary.json", {"number": number})
        write_json(draft / "provenance.json", {"number": number})
"""


def test_concurrent_replacements_wait_for_each_other(folder: Path) -> None:
    """Three processes and four threads replace one folder 175 times in all; none fails."""
    processes = [subprocess.Popen([sys.executable, "-c", MANY, folder]) for _ in range(3)]
    under_way, most = [0], [0]

    def replace(number: int) -> None:
        with replacing(folder, folder.parent.parent) as draft:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            (draft / SUMMARY).write_text(str(number))
            threading.Event().wait(0.001)
            under_way[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, range(100)))
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert most == [1]
    assert names(folder.parent) == {"run"}


KINDS = (
    "a file",
    "below a file",
    "a loop of links",
    "a link below a file",
    "a device",
    "below a device",
    "a kernel's folder",
    "a long name",
    "a long path",
    "a null byte",
    "half a surrogate pair",
)


def no_folder(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "file" / "below")
    return {
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "results",
        "a loop of links": tmp_path / "loop",
        "a link below a file": tmp_path / "dangling",
        "a device": Path("/dev/null"),
        "below a device": Path("/dev/full/results"),
        "a kernel's folder": Path("/proc/results"),
        "a long name": tmp_path / ("x" * 300),
        "a long path": Path("/".join([str(tmp_path), *["y" * 200] * 30])),
        "a null byte": tmp_path / "a\0b",
        "half a surrogate pair": tmp_path / "a\udcffb\ud800",
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("use", [check_writable, lambda results: write(results / "experiment" / "run")])
def test_what_cannot_be_written_to_is_one_clear_error(
    tmp_path: Path, kind: str, use: Callable[[Path], None]
) -> None:
    results = no_folder(tmp_path)[kind]
    before = tree(tmp_path)
    with pytest.raises(ResultsError, match="results cannot be written to") as caught:
        use(results)
    assert "\n" not in str(caught.value)
    assert tree(tmp_path) == before
