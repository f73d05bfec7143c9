"""The load of a run, sent by a process of its own."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path

from ipa.errors import IpaError
from ipa.platforms.local.load_process import send_load
from ipa.serving.load_generator import LoadAccount, LoadReport, LoadSettings, read_account

NS = 1_000_000_000

BEGIN_IN_S = 0.5

READY_S, END_S = 120.0, 30.0


class Load:
    """A load generator that waits to be told when to begin.

    Parameters
    ----------
    process
        That sends.
    pipe
        Leads to it.
    file
        Where it writes its account.
    """

    def __init__(self, process: SpawnProcess, pipe: Connection, file: Path) -> None:
        self._process, self._pipe, self._file = process, pipe, file

    def begin(self) -> int:
        """Begin soon, and return when the clock of the load shows 0, on ``time.monotonic_ns``."""
        if not self._pipe.poll(READY_S):
            raise RuntimeError(f"the load generator was not ready within {READY_S:g} s")
        self._expect("ready")
        zero_ns = time.monotonic_ns() + round(BEGIN_IN_S * NS)
        self._pipe.send(zero_ns)
        return zero_ns

    def check(self) -> None:
        """Raise if it has broken off."""
        if self._pipe.poll():
            self._expect(None)

    def account(self) -> LoadAccount:
        """Return what became of every request once all have ended."""
        self._expect(LoadReport)
        return read_account(self._file)

    def _expect(self, what: "str | type[LoadReport] | None") -> None:
        try:
            said = self._pipe.recv()
        except EOFError:
            raise RuntimeError("the load generator ended before the load did") from None
        if isinstance(said, IpaError):
            raise said
        if said != what and not (isinstance(what, type) and isinstance(said, what)):
            raise RuntimeError(f"the load generator said {said!r}")


@contextmanager
def open_load(settings: LoadSettings) -> Iterator[Load]:
    """Start a load generator, and end it at the end, finished or not.

    Parameters
    ----------
    settings
        What it sends; where the account goes is chosen here.
    """
    context = SpawnContext()
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="ipa-chaos-load-") as folder, ours:
        file = Path(folder) / "account.parquet"
        process = context.Process(
            target=send_load, args=(replace(settings, output=file), theirs), name="ipa load", daemon=True
        )
        process.start()
        theirs.close()
        try:
            yield Load(process, ours, file)
        finally:
            process.terminate()
            process.join(END_S)
