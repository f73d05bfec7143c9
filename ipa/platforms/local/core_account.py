"""What the replicas of a live pipeline hold, cores times seconds."""

from collections.abc import Callable

from ipa.simulator.cost import CoreMeter


class CoreAccount:
    """Cores of all replicas, starting and stopping ones too, integrated since the clock's zero.

    Parameters
    ----------
    now
        The pipeline's clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._meter, self._held = now, CoreMeter(), 0

    @property
    def held(self) -> int:
        """Cores that are held now."""
        return self._held

    def add(self, cores: int) -> None:
        """Count cores (negative: do not count them) from now on."""
        self._held += cores
        self._meter.change(self._now(), cores)

    def restart(self) -> None:
        """Begin anew at the clock's zero with what is held now."""
        self._meter = CoreMeter()
        self._meter.change(0.0, self._held)

    def core_seconds(self) -> float:
        """Return the integral up to now."""
        return self._meter.core_seconds(self._now())
