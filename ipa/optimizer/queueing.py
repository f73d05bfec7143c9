"""How long a request waits for its batch to fill: the one formula in which the editions differ."""

import math
from collections.abc import Callable

from ipa.registry import Registry

QueueTerm = Callable[[int, float], float]
"""(batch size, arrival rate in requests per second) -> waiting time in seconds."""

QUEUE_TERMS: Registry[QueueTerm] = Registry("queue term")


@QUEUE_TERMS.named("fill")
def fill_wait_s(batch: int, rate_rps: float) -> float:
    """Return the time from the first to the last request of a batch, (b - 1) / λ.

    Parameters
    ----------
    batch
        Requests in a batch.
    rate_rps
        Arrival rate.

    Returns
    -------
    float
        Seconds; infinite if a batch of more than one never fills because nothing arrives.

    Notes
    -----
    Source: paper, Eq. 7, worst case for the first request of a batch.
    """
    if batch == 1:
        return 0.0
    return (batch - 1) / rate_rps if rate_rps > 0 else math.inf


@QUEUE_TERMS.named("loosening")
def loosening_wait_s(batch: int, rate_rps: float) -> float:
    """Return the waiting time with the wrong sign, as the program behind the published curves had it.

    It loosens the SLA instead of tightening it. No published decision depends on it: without any SLA all of
    them come out the same (data/paper/README.md, trap 2). A batch that never fills stays infeasible.
    """
    wait_s = fill_wait_s(batch, rate_rps)
    return wait_s if math.isinf(wait_s) else -wait_s
