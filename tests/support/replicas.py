"""Model servers that run in processes of their own while a test uses them."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from ipa.pipeline.profiles import ProfilePoint
from ipa.serving.model_server import ReplicaSettings, ServerFailed, ServerReady, serve_replica
from ipa.serving.runtimes.catalogue import TASKS
from tests.support import toy_task

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0

# One template for all tests of a process; who comes first decides what it imports.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["ipa.serving.stock_server", "ipa.serving.runtimes.choice"])


def profile(
    latency_mean_s: float, batches: tuple[int, ...] = (1, 8), tail: float = 1.5
) -> tuple[ProfilePoint, ...]:
    """Return a profile whose batches take as long as single requests, with a p99 of ``tail`` times that."""
    return tuple(
        ProfilePoint(batch, latency_mean_s * tail, latency_mean_s, batch / latency_mean_s)
        for batch in batches
    )


def _run(serve: Callable[..., None], settings: object, ready: Connection) -> None:
    # A template that the platform started, in a test before this one, holds signals back.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    serve(settings, ready)


def _serve(settings: ReplicaSettings, ready: Connection) -> None:
    if settings.task == "toy":
        TASKS.register("toy", toy_task.TOY)
    serve_replica(settings, ready)


@contextmanager
def starting(
    what: str, serve: Callable[..., None], settings: object
) -> Iterator[tuple[ServerReady | ServerFailed, int]]:
    """Run a server until the end of a ``with`` block; yield how it began, and its pid."""
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_run, args=(serve, settings, sender), daemon=True)
    process.start()
    sender.close()
    try:
        assert receiver.poll(START_TIMEOUT_S), f"the {what} did not say whether it serves"
        answer = receiver.recv()
        assert isinstance(answer, ServerReady | ServerFailed)
        yield answer, process.pid or 0
    finally:
        process.terminate()
        process.join(STOP_TIMEOUT_S)
        ended = process.exitcode is not None
        process.kill()
        process.join()
    assert ended, f"the {what} did not end within its time after SIGTERM"


@contextmanager
def replica(settings: ReplicaSettings) -> Iterator[ServerReady]:
    """Run a replica until the end of a ``with`` block; one that cannot be brought up fails the test."""
    with starting_replica(settings) as answer:
        assert isinstance(answer, ServerReady), answer
        yield answer


@contextmanager
def starting_replica(settings: ReplicaSettings) -> Iterator[ServerReady | ServerFailed]:
    """Run a replica until the end of a ``with`` block, and say how it began."""
    with starting("replica", _serve, settings) as (answer, _):
        yield answer
