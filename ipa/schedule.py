"""When the steps of the control loop are due, on a clock that may be late or jump."""

import math
from dataclasses import dataclass

SAME_TICK = 0.01
"""Share of an interval by which a clock may be off and still show the time of a tick."""


@dataclass(slots=True)
class Schedule:
    """Ticks at equal distances; those whose time has passed are skipped, never caught up in a burst.

    Parameters
    ----------
    start_s
        Time of tick 0, which is no step.
    until_s
        The last tick is not later, but for ``SAME_TICK``; infinity: there is no last one.
    interval_s
        Distance of two ticks.

    Examples
    --------
    >>> schedule = Schedule.between(start_s=0.0, until_s=50.0, interval_s=10.0)
    >>> schedule.next(now_s=0.0), schedule.next(now_s=34.0), schedule.next(now_s=40.0)
    ((10.0, 0), (40.0, 2), (50.0, 0))
    >>> schedule.next(now_s=50.0) is None
    True
    """

    start_s: float
    interval_s: float
    ticks: float
    tick: int = 0
    skipped: int = 0

    @classmethod
    def between(cls, start_s: float, until_s: float, interval_s: float) -> "Schedule":
        """Return the schedule from a start up to and including an end.

        A start that a real clock shows a little after the time it stands for costs no tick at the end.

        >>> Schedule.between(start_s=0.002, until_s=50.0, interval_s=10.0).ticks
        5
        """
        ticks = (until_s - start_s) / interval_s + SAME_TICK
        return cls(start_s, interval_s, math.floor(ticks) if math.isfinite(ticks) else ticks)

    @property
    def due_s(self) -> float:
        """When the latest tick was due."""
        return self.start_s + self.tick * self.interval_s

    def went_back_s(self, now_s: float) -> float:
        """Return by how much a clock that showed the latest tick has gone back; 0 if it has not."""
        return self.due_s - now_s if now_s < self.due_s - SAME_TICK * self.interval_s else 0.0

    def next(self, now_s: float) -> tuple[float, int] | None:
        """Return when the next tick is due and how many were skipped for it; None after the last one.

        Parameters
        ----------
        now_s
            What the clock shows. If it has gone back, the ticks that are left keep their distance from now.
        """
        self.start_s -= self.went_back_s(now_s)
        passed = math.ceil((now_s - self.start_s) / self.interval_s - SAME_TICK) - 1
        skipped = int(min(max(passed, self.tick), self.ticks)) - self.tick
        self.skipped += skipped
        if self.tick + skipped >= self.ticks:
            self.tick += skipped
            return None
        self.tick += skipped + 1
        return self.due_s, skipped
