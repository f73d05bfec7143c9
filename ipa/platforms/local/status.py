"""How a live pipeline is doing, at one look."""

import math
from dataclasses import dataclass

import numpy as np

from ipa.errors import GatewayError
from ipa.platforms.base import Observation
from ipa.platforms.local.deployment import Deployment
from ipa.serving.gateway import GatewayState

WINDOW_S = 10
"""Past seconds that rates and latencies are of."""


@dataclass(frozen=True, slots=True)
class Status:
    """A live pipeline at one instant.

    Parameters
    ----------
    seen
        What the platform observes.
    rate_rps
        Mean arrival rate of the past ``WINDOW_S`` seconds; NaN if none of them was measured.
    latency_p50_s, latency_p99_s
        Of the requests answered in these seconds; NaN if none was.
    cores
        Cores that the replicas hold now.
    gateway
        What the gateway is doing; None while it is down.
    """

    seen: Observation
    rate_rps: float
    latency_p50_s: float
    latency_p99_s: float
    cores: int
    gateway: GatewayState | None


def status_of(deployment: Deployment) -> Status:
    """Return how a live pipeline is doing now."""
    seen = deployment.observe()
    rates_rps = np.asarray(seen.rates_rps[-WINDOW_S:], dtype=np.float64)
    measured = rates_rps[~np.isnan(rates_rps)]
    latency_s = deployment.latencies_s(WINDOW_S)
    try:
        state = deployment.state()
    except GatewayError:
        state = None
    return Status(
        seen,
        float(measured.mean()) if len(measured) else math.nan,
        float(np.quantile(latency_s, 0.5)) if len(latency_s) else math.nan,
        float(np.quantile(latency_s, 0.99)) if len(latency_s) else math.nan,
        deployment.cores,
        state,
    )
