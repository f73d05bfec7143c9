"""A load generator in a process of its own, which nothing else makes late."""

import contextlib
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext

from ipa.errors import EndpointError, IpaError
from ipa.serving.load_generator.generate import Progress, generate_load
from ipa.serving.load_generator.report import LoadReport
from ipa.serving.load_generator.settings import LoadSettings


def generate_in_child(settings: LoadSettings, progress: Progress) -> LoadReport:
    """Send a load from a process of its own and return what came of it.

    An interrupt (Ctrl-C) ends the sending; the report is then about what was sent.

    Parameters
    ----------
    settings
        What to send, and where the account is written.
    progress
        Called four times a second in this process.

    Raises
    ------
    IpaError
        As from ``generate_load``.
    """
    context = SpawnContext()
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_generate, args=(settings, theirs), name="ipa load", daemon=True)
    child.start()
    theirs.close()
    try:
        with _interrupts_noted() as interrupts:
            return _listen(ours, progress)
    except EOFError:
        child.join()
        if interrupts:
            raise KeyboardInterrupt from None
        raise EndpointError(
            f"the load generator ended with exit code {child.exitcode}; more of it may be said above"
        ) from None
    finally:
        ours.close()
        child.join()


@contextlib.contextmanager
def _interrupts_noted() -> Iterator[list[int]]:
    """Let a Ctrl-C interrupt nothing here: a terminal tells the child too, which tells what it has."""
    interrupts: list[int] = []
    try:
        before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    except ValueError:
        # Only the main thread gets signals.
        yield interrupts
        return
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def _listen(pipe: Connection, progress: Progress) -> LoadReport:
    while True:
        said = pipe.recv()
        if isinstance(said, LoadReport):
            return said
        if isinstance(said, IpaError):
            raise said
        progress(*said)


def _generate(settings: LoadSettings, pipe: Connection) -> None:
    def tell(ended: int, total: int) -> None:
        try:
            pipe.send((ended, total))
        except OSError:
            # Whoever asked for this load is gone.
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        result: LoadReport | IpaError = generate_load(settings, tell)
    except IpaError as error:
        result = error
    except KeyboardInterrupt:
        return
    with contextlib.suppress(OSError):
        pipe.send(result)
