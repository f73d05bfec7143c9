"""Latencies as whole ticks: the one arithmetic in which a plan keeps the SLA, or does not.

Every option's latency is rounded once, to a whole number of ticks. Sums of whole numbers are exact and do not
depend on the order of the stages, so that pruning, searching, checking and trying every combination agree on
every plan, also on one that misses the SLA by a hair.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ipa.optimizer.tolerance import SLA_SHARE

DIGITS = 10
"""The SLA has at least so many decimal digits in ticks, and those of the number of stages on top."""

OUT_OF_REACH = 2**48
"""Ticks of every option that is slower than this; no plan with one keeps the SLA."""

_SHORTEST_S = 1e-200


@dataclass(frozen=True, slots=True)
class Ticks:
    """Length and limit of the ticks of one problem.

    Parameters
    ----------
    per_s
        Ticks of a second, a power of ten.
    limit
        Most ticks that a plan may take. A plan within the SLA always fits; one above it by more than
        ``SLA_SHARE`` of the SLA never does.
    reach
        Most ticks of a single option of a plan that fits. More than the limit only where the queue term of
        another stage may be negative.
    """

    per_s: float
    limit: int
    reach: int

    def of(self, latency_s: float) -> int:
        """Return a latency in ticks, at most ``OUT_OF_REACH``.

        Examples
        --------
        >>> ticks = ticks_of(sla_s=0.3, fastest_s=(0.1, 0.2))
        >>> ticks.of(0.1) + ticks.of(0.2) <= ticks.limit
        True
        >>> ticks.of(0.1) + ticks.of(0.2 + 1e-9) <= ticks.limit
        False
        """
        ticks = latency_s * self.per_s
        return OUT_OF_REACH if ticks >= OUT_OF_REACH else round(ticks)


def ticks_of(sla_s: float, fastest_s: Iterable[float]) -> Ticks:
    """Return the ticks for an SLA and the fastest option of every stage.

    Parameters
    ----------
    sla_s
        End-to-end limit in seconds.
    fastest_s
        Latency and queue term of the fastest option of every stage, in seconds.

    Notes
    -----
    With n stages, rounding moves a sum by at most n / 2 ticks. The limit is ``SLA_SHARE`` above the SLA, at
    least ten ticks a stage, less these n / 2: what meets the SLA fits, and what fits exceeds it by less than
    ``SLA_SHARE``. Negative queue terms take time off, which counts like a longer SLA.
    """
    fastest = list(fastest_s)
    gained_s = -math.fsum(min(0.0, latency_s) for latency_s in fastest)
    scale_s = max(abs(sla_s) + gained_s, _SHORTEST_S)
    digits = DIGITS + math.ceil(math.log10(max(1, len(fastest))))
    per_s = 10.0 ** (digits - math.floor(math.log10(scale_s)))
    limit = math.floor((sla_s + SLA_SHARE * scale_s) * per_s - len(fastest) / 2)
    return Ticks(per_s, limit, limit + math.ceil(gained_s * per_s) + len(fastest))
