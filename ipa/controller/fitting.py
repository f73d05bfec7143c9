"""A planner that keeps to what fits into the cluster now."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from ipa.errors import ClusterError
from ipa.optimizer.decision import Decision
from ipa.optimizer.planner import Planner

GOOD_FOR_S = 30.0
"""Time for which what fits is taken to stay so; to find out, all pods of the cluster are listed."""

_log = logging.getLogger(__name__)


class FittingCores:
    """How many cores fit, asked for again when that is old; what is not known now is as it was.

    Parameters
    ----------
    ask
        Returns how many cores the replicas can hold together; None if there is no limit, or nobody may know.
    clock
        Seconds that only go forward.
    """

    def __init__(self, ask: Callable[[], int | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._known: int | None = None
        self._asked_s: float | None = None

    def now(self) -> int | None:
        """Return how many cores fit."""
        now_s = self._clock()
        if self._asked_s is None or now_s >= self._asked_s + GOOD_FOR_S:
            self._asked_s = now_s
            try:
                self._known = self._ask()
            except ClusterError as error:
                _log.info("what fits is not known: %s", error)
        return self._known


@dataclass(frozen=True)
class FittingPlanner(Planner):
    """Decides like ``Planner``, for no more cores than fit.

    Parameters
    ----------
    fits
        Returns how many cores fit; None: no limit is known.
    """

    fits: Callable[[], int | None] = lambda: None

    @property
    def most_cores(self) -> int | None:
        """Most cores that a plan may have now."""
        limits = [most for most in (self.constraints.max_cores, self.fits()) if most is not None]
        return max(1, min(limits)) if limits else None

    def decide(self, rate_rps: float) -> Decision:
        """Return the decision for an arrival rate in requests per second."""
        given = {field.name: getattr(self, field.name) for field in fields(Planner)}
        limited = replace(self.constraints, max_cores=self.most_cores)
        return Planner(**given | {"constraints": limited}).decide(rate_rps)


def fitting_planner(planner: Planner, fits: FittingCores) -> FittingPlanner:
    """Return a planner that keeps to what fits."""
    given = {field.name: getattr(planner, field.name) for field in fields(Planner)}
    return FittingPlanner(**given, fits=fits.now)
