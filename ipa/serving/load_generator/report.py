"""What a load came to, in a few numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

LATE_S = 0.005
"""A generator whose p99 lateness is beyond this does not send the load that was asked for."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A load in a few numbers; times in seconds, NaN where there was nothing to measure.

    Parameters
    ----------
    requests
        Requests that were due.
    sent
        Requests that were sent; fewer only if the generator was stopped or too many waited for answers.
    ok, dropped, errors
        How they ended.
    reasons
        How many of the dropped and failed ones ended for which reason.
    right, judged
        Answers that were right, of those whose payload knows the truth.
    latency_mean_s, latency_p50_s, latency_p99_s, latency_max_s
        Of the answered requests, from when they were due.
    lateness_p50_s, lateness_p99_s, lateness_max_s
        By how much requests were sent later than due: what the generator itself adds.
    seconds
        From the first request that was due to the last answer.
    sent_again
        Requests that were sent more than once, because they failed and might be.
    """

    requests: int
    sent: int
    ok: int
    dropped: int
    errors: int
    reasons: Mapping[str, int]
    right: int
    judged: int
    latency_mean_s: float
    latency_p50_s: float
    latency_p99_s: float
    latency_max_s: float
    lateness_p50_s: float
    lateness_p99_s: float
    lateness_max_s: float
    seconds: float
    sent_again: int = 0

    @property
    def warning(self) -> str:
        """What to know before believing the latencies; empty if nothing."""
        if self.lateness_p99_s <= LATE_S or self.sent == 0:
            return ""
        return (
            f"the generator was late itself: 1 % of the requests were sent more than"
            f" {1000 * self.lateness_p99_s:.3g} ms after they were due;"
            " latencies count from when they were due and hold that; use a lower rate, or another machine"
            " for the load"
        )
