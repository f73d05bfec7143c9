"""Decisions remembered within a process: the same problem, solved by the same solver, is solved once."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace

from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.methods import METHODS
from ipa.optimizer.planner import Planner
from ipa.optimizer.queueing import QUEUE_TERMS
from ipa.optimizer.solve import SOLVERS
from ipa.pipeline.pipeline import Pipeline

MOST_REMEMBERED = 10_000
"""Decisions kept, some 20 MB at most; the one that was not asked for longest makes room."""


class _Same:
    """Equal only to a holder of the very same pipeline: to compare two would walk all their profiles."""

    __slots__ = ("pipeline",)

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.pipeline is self.pipeline

    def __hash__(self) -> int:
        return id(self.pipeline)


class DecisionMemory:
    """A bounded number of decisions by what they were made from.

    Parameters
    ----------
    most
        Decisions kept.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[object, Decision] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: object) -> Decision | None:
        """Return the decision made from the same, if it is still known."""
        with self._lock:
            decision = self._known.get(key)
            if decision is not None:
                self._known.move_to_end(key)
            return decision

    def keep(self, key: object, decision: Decision) -> None:
        """Remember a decision unless another attempt might give another one."""
        # One that was cut off by its deadline, or that names a fallback, depends on more than its problem.
        if decision.status is Status.FEASIBLE or decision.note:
            return
        with self._lock:
            self._known[key] = decision
            if len(self._known) > self._most:
                self._known.popitem(last=False)


MEMORY = DecisionMemory()
"""Of this process: runs of the same pipeline, method and weights meet the same rates again and again."""


@dataclass(frozen=True)
class RememberingPlanner(Planner):
    """Decides like ``Planner``, and only once for the same problem in a process.

    A remembered decision has the time of looking it up as its ``solve_s``, and no times of a solver.
    """

    def decide(self, rate_rps: float) -> Decision:
        """Return the decision for an arrival rate in requests per second."""
        started_s = time.perf_counter()
        key = self._key(rate_rps)
        try:
            known = MEMORY.find(key)
        except TypeError:
            # A method of one's own may answer with lists, which cannot be looked up.
            return super().decide(rate_rps)
        if known is not None:
            solve_s = time.perf_counter() - started_s
            return replace(known, solve_s=solve_s, build_s=0.0, search_s=0.0)
        decision = super().decide(rate_rps)
        MEMORY.keep(key, decision)
        return decision

    def _key(self, rate_rps: float) -> tuple[object, ...]:
        """Return everything that a decision follows from."""
        # Not the names alone: who registers another method, solver or queue under one gets its decisions.
        return (
            _Same(self.pipeline),
            self.objective,
            self.constraints,
            QUEUE_TERMS[self.constraints.queue],
            METHODS[self.method](self.pipeline, self.method_settings),
            self.solver,
            SOLVERS[self.solver],
            self.deadline_s,
            rate_rps,
        )
