"""Processes that do parts of a long job, and end at once when the job is interrupted."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from threading import Thread

import psutil

GRACE_S = 1.0
"""Seconds that interrupted workers, and what they started, have to end by themselves."""


@contextmanager
def worker_pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of processes.

    When the body fails, tasks that run are waited for and those that wait are dropped. When it is interrupted
    (Ctrl-C, or the generator that holds it is closed), workers and all that they started are ended. They end
    by themselves when this process is killed.

    Parameters
    ----------
    jobs
        Number of processes.
    """
    before = {child.pid for child in active_children()}
    pool = ProcessPoolExecutor(jobs, _Workers(), initializer=_become_a_worker)
    try:
        yield pool
    except (KeyboardInterrupt, GeneratorExit):
        pool.shutdown(wait=False, cancel_futures=True)
        _end([child for child in active_children() if child.pid not in before])
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker(SpawnProcess):
    """A process that hears no interrupt, not even while it imports what it needs."""

    def start(self) -> None:
        """Start it with interrupts blocked, which it inherits; one that comes meanwhile is not lost here."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Workers(SpawnContext):
    """Workers that start clean: a fork would inherit the threads of the caller (a notebook kernel, a bar)."""

    Process = _Worker


def _become_a_worker() -> None:
    # Ctrl-C reaches the whole process group; the parent alone decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a worker starts (kernels of notebooks, solvers) may be interrupted again.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # An exception unwinds the task, so that it removes what it has half written.
    signal.signal(signal.SIGTERM, _leave)
    Thread(target=_end_with_the_parent, name="end with the parent", daemon=True).start()


def _end_with_the_parent() -> None:
    """End this worker once its parent is gone, however that was: nobody would take what it does."""
    parent = parent_process()
    if parent is None:
        return
    parent.join()
    started = psutil.Process().children(recursive=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    for process in started:
        _send(process, signal.SIGKILL)
    os._exit(1)


def _leave(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _end(workers: list[BaseProcess]) -> None:
    """End workers and their descendants (kernels of notebooks, solvers), politely at first."""
    started = [process for worker in workers for process in _descendants(worker)]
    for process in started:
        _send(process, signal.SIGTERM)
    for worker in workers:
        worker.terminate()
    alive = _wait(workers, started)
    for process in alive:
        _send(process, signal.SIGKILL)
    for worker in workers:
        worker.kill()
    # What they held (locks) is free only once they are gone.
    _wait(workers, alive)


def _wait(workers: list[BaseProcess], started: list[psutil.Process]) -> list[psutil.Process]:
    """Wait for at most ``GRACE_S``; return what is alive then of what the workers started."""
    until = time.monotonic() + GRACE_S
    # By multiprocessing itself: a worker that somebody else has waited for counts as alive there for ever,
    # and the pool then never ends.
    for worker in workers:
        worker.join(max(0.0, until - time.monotonic()))
    _, alive = psutil.wait_procs(started, timeout=max(0.0, until - time.monotonic()))
    return list(alive)


def _descendants(worker: BaseProcess) -> list[psutil.Process]:
    try:
        return list(psutil.Process(worker.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
