"""Where a live pipeline keeps its sockets, its logs and what identifies its processes."""

import os
import re
import shutil
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from platformdirs import user_log_path, user_runtime_path

from ipa.errors import LivePipelineError
from ipa.platforms.local.pid_files import PidFiles

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
"""Names of live pipelines: parts of paths, of which that of a Unix socket may have some 100 characters."""

SOCKET_PATH_BYTES = 103
"""Length of the path of a Unix socket, on every system."""

OWNER = "owner"


class LiveFolder:
    """The folder of one live pipeline, from its start to its end.

    Parameters
    ----------
    path
        The folder.
    name
        Name of the live pipeline.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.gateway_socket = path / "gateway.sock"
        self.control_socket = path / "control.sock"
        self.token_file = path / "token"
        self.account = path / "load.parquet"
        self.logs = user_log_path("ipa") / "live" / name

    def log_file(self, process: str) -> Path:
        """Return where the output of a process goes."""
        return self.logs / f"{process}.log"

    def remove(self) -> None:
        """Remove all but the logs."""
        shutil.rmtree(self.path, ignore_errors=True)

    def remove_logs(self) -> None:
        """Remove the logs."""
        shutil.rmtree(self.logs, ignore_errors=True)


def claim_folder(name: str) -> LiveFolder:
    """Return a new folder for a live pipeline of this process; what pipelines of dead ones left is ended.

    Raises
    ------
    LivePipelineError
        If the name cannot be used, or a live pipeline of this name runs.
    """
    if not NAME.fullmatch(name):
        raise LivePipelineError(
            f"a live pipeline cannot be called {name!r}: use up to 40 letters, digits, dots, dashes"
        )
    root = live_root()
    folder = LiveFolder(root / name, name)
    if len(os.fsencode(folder.gateway_socket)) > SOCKET_PATH_BYTES:
        raise LivePipelineError(
            f"{folder.gateway_socket} is too long for the path of a socket; choose a shorter --name, or let"
            " XDG_RUNTIME_DIR name a folder nearer to the root"
        )
    with _locked(root):
        end_left_over(root)
        if folder.path.exists():
            raise LivePipelineError(
                f"a live pipeline named {name} runs already; stop it (ipa up --stop {name}), or choose"
                " another name with --name"
            )
        shutil.rmtree(folder.logs, ignore_errors=True)
        folder.logs.mkdir(parents=True)
        folder.path.mkdir(mode=0o700)
        PidFiles(folder.path).add_this_process(OWNER)
    return folder


def find_folder(name: str | None = None) -> LiveFolder:
    """Return the folder of a live pipeline that runs.

    Parameters
    ----------
    name
        Its name; None: the only one that runs.

    Raises
    ------
    LivePipelineError
        If there is none of this name, or without a name none or several.
    """
    names = running_names()
    if name is None and len(names) == 1:
        name = names[0]
    if name not in names:
        what = "no live pipeline runs" if not names else f"live pipelines that run: {', '.join(names)}"
        asked = f"no live pipeline named {name} runs; " if name is not None and names else ""
        raise LivePipelineError(f"{asked}{what}; start one with ipa up PIPELINE, or name one that runs")
    return LiveFolder(live_root() / name, name)


def running_names() -> tuple[str, ...]:
    """Return the names of the live pipelines of this user that run."""
    folders = sorted(path for path in live_root().iterdir() if path.is_dir())
    return tuple(path.name for path in folders if PidFiles(path).runs(OWNER))


def end_left_over(root: Path) -> tuple[str, ...]:
    """End the processes of live pipelines whose owner is gone, and remove their folders."""
    ended: list[str] = []
    for path in root.iterdir():
        if path.is_dir() and not PidFiles(path).runs(OWNER):
            if (path / "pids").is_dir():
                ended += PidFiles(path / "pids").end_left_over()
            shutil.rmtree(path, ignore_errors=True)
    return tuple(ended)


def live_root() -> Path:
    """Return the folder of all live pipelines of this user, which nobody else may enter."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR, which a login sets, it lies in the folder for temporary files.
        warnings.simplefilter("ignore")
        root = user_runtime_path("ipa")
    for folder in (root.parent, root):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise LivePipelineError(
            f"{root} is open to others, or theirs; remove it, or let XDG_RUNTIME_DIR name a folder of yours"
        )
    return root


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    with FileLock(root / ".lock"):
        yield
