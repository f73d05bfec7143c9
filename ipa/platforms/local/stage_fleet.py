"""Which replicas of a stage there shall be, and which of them serve: by the rules of the simulator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway.messages import ReplicaAddress, StageAssignment


class Place(Protocol):
    """A place for a replica: somebody keeps one in it until it is released."""

    @property
    def address(self) -> ReplicaAddress | None:
        """Where its replica answers; None while it starts or is replaced."""
        ...

    def release(self) -> None:
        """Let its replica go, once it has answered what it is busy with."""
        ...


@dataclass(slots=True)
class Group:
    """The replicas of one variant on its cores.

    Parameters
    ----------
    plan
        What they serve, or are to serve.
    places
        In the order in which they were asked for.
    """

    plan: StagePlan
    places: list[Place] = field(default_factory=list)

    def runs(self, plan: StagePlan) -> bool:
        """Whether these replicas can serve a plan."""
        return (self.plan.variant, self.plan.cores) == (plan.variant, plan.cores)

    @property
    def ready(self) -> int:
        """How many serve, or could."""
        return sum(place.address is not None for place in self.places)

    @property
    def complete(self) -> bool:
        """Whether all that were asked for are ready."""
        return self.ready == len(self.places)


class StageFleet:
    """The replicas of a stage on the way from one plan to the next, make before break.

    Batch size and wait of the variant that serves change at once, and its new replicas serve as each is
    ready. Another variant, or other cores, take over when all of their replicas are ready; until then those
    of before serve.

    Parameters
    ----------
    plan
        What shall serve first.
    add
        Makes a place for a replica of a plan and sees to it that one starts.
    """

    def __init__(self, plan: StagePlan, add: Callable[[StagePlan], Place]) -> None:
        self._add = add
        self.target = plan
        self.running = Group(plan)
        self.pending: Group | None = None
        self._resize(self.running, {})

    def reconfigure(self, plan: StagePlan, busy_since_s: Mapping[str, float]) -> tuple[int, int]:
        """Move towards a plan and return how many replicas start and stop at once.

        Parameters
        ----------
        plan
            What shall serve.
        busy_since_s
            Since when replicas have been busy, by name, those that are. Of too many, those that are starting
            go first, the newest of them at the head, then idle ones, then those that will be free first.
        """
        self.target, cancelled = plan, 0
        if self.pending and not self.pending.runs(plan):
            cancelled = _release(self.pending.places)
            self.pending = None
        if self.running.runs(plan):
            wanted = self.running
        else:
            wanted = self.pending = self.pending or Group(plan)
        wanted.plan = plan
        change = self._resize(wanted, busy_since_s)
        return max(change, 0), cancelled + max(-change, 0)

    def settle(self) -> bool:
        """Switch to the variant whose replicas are all ready by now; return whether it did."""
        if self.pending is None or not self.pending.complete:
            return False
        _release(self.running.places)
        self.running, self.pending = self.pending, None
        return True

    def assignment(self) -> StageAssignment:
        """Return what serves now."""
        ready = (place.address for place in self.running.places)
        return StageAssignment(self.running.plan, tuple(address for address in ready if address is not None))

    def cores_with(self, plan: StagePlan) -> int:
        """Return the cores held while the stage moves to a plan, those about to stop left aside."""
        before = 0 if self.running.runs(plan) else len(self.running.places) * self.running.plan.cores
        return before + plan.cost_cores

    def release(self) -> None:
        """Let all replicas go."""
        for group in (self.running, self.pending):
            if group is not None:
                _release(group.places)

    @property
    def still_to_come(self) -> str:
        """What is missing before all of the target serves, in words; empty if nothing."""
        if self.pending is not None:
            return f"{self.target.stage}: {self.target.variant} starts, {self.running.plan.variant} serves"
        if not self.running.complete:
            return f"{self.target.stage}: {self.running.ready} of {self.target.replicas} replicas serve"
        return ""

    def _resize(self, group: Group, busy_since_s: Mapping[str, float]) -> int:
        """Add or release replicas and return how many more there are (negative: fewer)."""
        change = group.plan.replicas - len(group.places)
        for _ in range(change):
            group.places.append(self._add(group.plan))
        for place in _first_to_go(group.places, busy_since_s)[: max(0, -change)]:
            group.places.remove(place)
            place.release()
        return change


def _first_to_go(places: list[Place], busy_since_s: Mapping[str, float]) -> list[Place]:
    """Return replicas in the order in which they are let go."""

    def order(numbered: tuple[int, Place]) -> tuple[int, float]:
        number, place = numbered
        if place.address is None:
            return 0, -number
        since_s = busy_since_s.get(place.address.name)
        return (1, number) if since_s is None else (2, since_s)

    return [place for _, place in sorted(enumerate(places), key=order)]


def _release(places: list[Place]) -> int:
    for place in places:
        place.release()
    return len(places)
