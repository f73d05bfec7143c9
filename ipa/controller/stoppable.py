"""A platform whose clock an adapter waits on only as long as it is not called off."""

import logging
import time
from collections.abc import Callable
from threading import Event

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Observation, Platform

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""Time between two looks while an adapter waits for its next step."""


class StoppablePlatform:
    """A platform whose clock ends whoever waits for it once an event is set.

    Parameters
    ----------
    platform
        Where the pipeline runs.
    called_off
        Set by whoever wants the adapter to end.
    look
        Called about every second while the adapter waits.

    Attributes
    ----------
    seen
        What was observed last; None before anything was.
    """

    def __init__(self, platform: Platform, called_off: Event, look: Callable[[], None]) -> None:
        self._platform, self._called_off, self._look = platform, called_off, look
        self.seen: Observation | None = None

    def now(self) -> float:
        """Return the time on the platform's clock."""
        return self._platform.now()

    def sleep_until(self, time_s: float) -> None:
        """Return once the clock shows ``time_s``; SystemExit if it is called off before that."""
        while True:
            if self._called_off.is_set():
                raise SystemExit
            left_s = time_s - self.now()
            if left_s <= 0:
                return
            began_s = time.monotonic()
            try:
                self._look()
            except Exception as error:
                # The adapter would take it for an end of the wait; its own step tells of the same trouble.
                _log.info("no look at the pipeline: %s", error)
            self._called_off.wait(min(left_s, max(0.0, LOOK_EVERY_S - (time.monotonic() - began_s))))

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:
        """Start a pipeline."""
        self._platform.deploy(pipeline, plan)

    def observe(self) -> Observation:
        """Return what is known now."""
        self.seen = self._platform.observe()
        return self.seen

    def apply(self, plan: Plan) -> ApplyReport:
        """Reconfigure the pipeline."""
        return self._platform.apply(plan)

    def teardown(self) -> None:
        """Stop the pipeline."""
        self._platform.teardown()
