"""A load generator in a process of its own, which nothing else makes late."""

import contextlib
import os
import signal
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext

from ipa.errors import IpaError
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
        return _listen(ours, progress)
    except EOFError:
        child.join()
        raise RuntimeError(f"the load generator ended with exit code {child.exitcode}") from None
    finally:
        ours.close()
        child.join()


def _listen(pipe: Connection, progress: Progress) -> LoadReport:
    """Return the report of a child; raise KeyboardInterrupt if it was interrupted before it began."""
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            said = pipe.recv()
        except KeyboardInterrupt as error:
            # A terminal tells the child too; it ends by itself, and tells what it has.
            interrupt = error
            continue
        except EOFError:
            raise interrupt or EOFError from None
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
