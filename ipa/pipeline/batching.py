"""When a free replica takes a batch from the queue of its stage, and when a waiting request gives up.

The simulator and the live gateway share this one rule.
"""

import math
from dataclasses import dataclass

from ipa.errors import InvalidValueError
from ipa.pipeline.plan import StagePlan


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """The batching and dropping rule of one stage.

    A free replica takes the oldest ``batch`` requests once that many wait, or all that wait once the oldest
    has waited ``wait_s``. A request older than ``drop_after_s`` leaves the queue; a replica that is free at
    the very instant of its deadline still takes it.

    Parameters
    ----------
    batch
        Requests in a full batch, at least 1.
    wait_s
        Longest time in seconds that the oldest request of a queue waits for the batch to fill.
    drop_after_s
        Age in seconds, since its arrival at the pipeline, beyond which a request is not served any more.

    Raises
    ------
    InvalidValueError
        If a value lies outside its domain.

    Examples
    --------
    >>> policy = BatchPolicy(batch=4, wait_s=0.1)
    >>> policy.take(waiting=3, oldest_s=5.0, now_s=5.05), policy.take(waiting=3, oldest_s=5.0, now_s=5.1)
    (0, 3)
    >>> policy.take(waiting=9, oldest_s=5.0, now_s=5.05)
    4
    """

    batch: int
    wait_s: float = 0.0
    drop_after_s: float = math.inf

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InvalidValueError(f"batch is {self.batch}; it must be at least 1")
        if not 0 <= self.wait_s < math.inf:
            raise InvalidValueError(f"wait_s is {self.wait_s}; it must be finite and not negative")
        if not self.drop_after_s > 0:
            raise InvalidValueError(f"drop_after_s is {self.drop_after_s}; it must be positive (inf: never)")

    @classmethod
    def of(cls, plan: StagePlan, drop_after_s: float = math.inf) -> "BatchPolicy":
        """Return the policy that a stage plan asks for."""
        return cls(plan.batch, plan.batch_wait_s, drop_after_s)

    def take(self, waiting: int, oldest_s: float, now_s: float) -> int:
        """Return how many requests a replica that is free now takes; 0 means not yet.

        Parameters
        ----------
        waiting
            Requests in the queue.
        oldest_s
            When the first of them entered the queue, in seconds.
        now_s
            The time now, in seconds.
        """
        if waiting >= self.batch or (waiting and now_s >= self.due_s(oldest_s)):
            return min(waiting, self.batch)
        return 0

    def due_s(self, oldest_s: float) -> float:
        """Return when a batch may leave though it is not full, given when the oldest request entered."""
        return oldest_s + self.wait_s

    def deadline_s(self, arrival_s: float) -> float:
        """Return the last instant at which a request that arrived at the pipeline then may begin service."""
        return arrival_s + self.drop_after_s

    def expired(self, arrival_s: float, now_s: float) -> bool:
        """Whether a request that arrived at the pipeline then is too old now."""
        return now_s > self.deadline_s(arrival_s)
