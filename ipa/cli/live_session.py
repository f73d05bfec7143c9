"""A live pipeline from its start until somebody ends it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from types import FrameType

from ipa.cli.adapt_loop import RunningPlatform, live_adapter, recorded, step_line
from ipa.cli.live_view import as_line, as_table
from ipa.cli.messages import messages, tell, write_nowhere
from ipa.cli.output import LOG_EVERY_S
from ipa.errors import IpaError
from ipa.experiments.spec import RunSpec
from ipa.pipeline.load import pipeline_file, pipeline_names
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.published import publish
from ipa.platforms.local.status import status_of
from ipa.platforms.local.wire import About

LOOK_EVERY_S = 1.0

DRAIN_S = 30.0
"""Time that requests in flight get when a pipeline is stopped; a second Ctrl-C ends it at once."""


class LiveSession:
    """One pipeline that ``ipa up`` serves.

    Parameters
    ----------
    spec
        Pipeline, method and settings of the platform.
    platform
        Where it runs; not deployed yet.
    adapts
        Whether it adapts itself.
    """

    def __init__(self, spec: RunSpec, platform: LocalPlatform, *, adapts: bool) -> None:
        self._spec, self._platform, self._adapts = spec, platform, adapts
        self._pipeline = spec.parameters().pipeline
        self._stop, self._serving = Event(), False

    @property
    def about(self) -> About:
        """What the pipeline tells of itself."""
        deployment, endpoint = self._platform.deployment, self._platform.deployment.endpoint
        return About(
            name=deployment.folder.name,
            pipeline=_anywhere(self._spec.pipeline),
            source=str(self._spec.settings.as_dict()["source"]),
            grpc_port=endpoint.grpc_port,
            http_port=endpoint.http_port,
            zero_ns=deployment.zero_ns,
            core_limit=self._spec.settings.core_limit,
            adapts=self._adapts,
        )

    def serve(self, plan: Plan, started: Callable[[About, Pipeline], None]) -> None:
        """Start with a plan and serve until a signal, or another process, ends it; then drain and stop.

        Parameters
        ----------
        plan
            What serves first.
        started
            Called once it serves.
        """
        with self._ended_by_signals():
            try:
                self._start(plan)
                server = publish(self._platform, lambda: self.about, self._stop.set)
                try:
                    started(self.about, self._pipeline)
                    self._show_until_stopped()
                except KeyboardInterrupt:
                    raise KeyboardInterrupt("requests that were in flight got no answer") from None
                finally:
                    server.close()
            finally:
                self._platform.teardown()

    def _start(self, plan: Plan) -> None:
        try:
            with messages.status(f"starting {self._pipeline.name}"):
                self._platform.deploy(self._pipeline, plan)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("it had not served yet, and nothing of it is left") from None
        self._serving = True

    def _show_until_stopped(self) -> None:
        adapting = Thread(target=self._adapt, name="adapter", daemon=True) if self._adapts else None
        if adapting is not None:
            adapting.start()
        if messages.is_terminal:
            self._draw()
        else:
            self._write_lines()
        self._drain()

    def _draw(self) -> None:
        from rich.live import Live

        with Live(console=messages, auto_refresh=False) as live:
            while not self._stop.wait(LOOK_EVERY_S):
                live.update(as_table(self._pipeline, status_of(self._platform.deployment)), refresh=True)

    def _write_lines(self) -> None:
        while not self._stop.wait(LOG_EVERY_S):
            line = as_line(self._pipeline, status_of(self._platform.deployment))
            tell(line)

    def _drain(self) -> None:
        with messages.status("waiting for the requests in flight"):
            try:
                ended = self._platform.deployment.drain(DRAIN_S)
            except IpaError as error:
                tell(f"not drained: {error}")
                return
        if not ended:
            messages.print(f"requests were still in flight after {DRAIN_S:g} s", highlight=False)

    def _adapt(self) -> None:
        platform = RunningPlatform(self._platform, lambda left_s: not self._stop.wait(left_s))
        file = self._platform.deployment.folder.logs / "decisions.jsonl"
        with recorded(file, lambda step: tell(step_line(step))) as record:
            live_adapter(self._spec, platform, record).run(until_s=float("inf"))

    @contextmanager
    def _ended_by_signals(self) -> Iterator[None]:
        """Let the first Ctrl-C, SIGTERM or closed terminal end the serving in order, a second one at once."""
        if current_thread() is not main_thread():
            yield
            return

        def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the signature of a handler)
            if number == signal.SIGHUP:
                # The kernel sends it twice: to the leader of the session and to the group in front.
                signal.signal(number, signal.SIG_IGN)
                write_nowhere(terminals)
            if not self._serving or self._stop.is_set():
                raise KeyboardInterrupt
            self._stop.set()

        terminals = [stream for stream in (0, 1, 2) if os.isatty(stream)]
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            # Under nohup it goes on.
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, end) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _anywhere(pipeline: str) -> str:
    """Return what names a pipeline in whichever folder it is asked for."""
    return pipeline if pipeline in pipeline_names() else str(pipeline_file(pipeline))
