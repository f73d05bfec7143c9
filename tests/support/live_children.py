"""Work for processes that tests start: importable, and ended in any of the ways there are."""

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from ipa.platforms.local.processes import ProcessHost


def announce(ready: Connection) -> None:
    """Say who it is, then sleep until somebody ends it."""
    ready.send(os.getpid())
    time.sleep(600)


def ignore_terminate(ready: Connection) -> None:
    """Go on when asked to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    announce(ready)


def fill_log(ready: Connection, bytes_allowed: int) -> None:
    """Write more than its files may hold, then say that it is still there."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_allowed, bytes_allowed))
    for _ in range(1000):
        sys.stdout.write("x" * 100)
        sys.stderr.write("y" * 100)
    sys.stdout.flush()
    ready.send("still here")
    time.sleep(600)


def allowed_cpus(ready: Connection) -> None:
    """Tell the processors it may run on."""
    ready.send(os.sched_getaffinity(0))


def fail(text: str) -> None:
    """End with an error."""
    raise RuntimeError(text)


def main(folder: str, ending: str) -> None:
    """Start two processes, print all pids, then end in one of several ways; run as a program by tests.

    ``group`` first sends its whole group of processes what a terminal would, which it ignores itself, and
    starts a third process.
    """
    from multiprocessing import Pipe

    host = ProcessHost(Path(folder), preloaded=())
    for name in ("one", "two", "three") if ending == "group" else ("one", "two"):
        if name == "three":
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda *_: None)
                os.killpg(0, number)
        reader, writer = Pipe(duplex=False)
        host.start(name, announce, (writer,), Path(folder) / f"{name}.log")
        sys.stdout.write(f"{reader.recv()}\n")
    sys.stdout.write("all\n")
    sys.stdout.flush()
    if ending == "raise":
        raise RuntimeError("the program fails")
    if ending == "return":
        return
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
