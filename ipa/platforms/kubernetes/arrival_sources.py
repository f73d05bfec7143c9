"""Who tells how many requests arrived at a pipeline of a cluster."""

import numpy as np
from numpy.typing import NDArray

from ipa.cluster.names import label_value
from ipa.platforms.kubernetes.objects import Owner
from ipa.platforms.kubernetes.shards import GatewayShards
from ipa.platforms.monitoring import ArrivalSource, FirstThatKnows, PipelineMonitoring, Prometheus


class GatewayCounts:
    """What the gateways counted themselves.

    Parameters
    ----------
    shards
        All of them.
    """

    name = "the gateways"

    def __init__(self, shards: GatewayShards) -> None:
        self._shards = shards

    def counts(self, zero_s: float, first_s: int, end_s: int) -> NDArray[np.float64]:  # noqa: ARG002
        """Return the requests of each second of their clock, which is the one that is asked by."""
        return self._shards.rates_rps(first_s, end_s)


def arrival_source(prometheus: str, owner: Owner, shards: GatewayShards) -> FirstThatKnows:
    """Return who is asked: Prometheus if there is one, then the gateways.

    Parameters
    ----------
    prometheus
        Its address; empty: there is none.
    owner
        Whose arrivals are meant.
    shards
        The gateways.
    """
    sources: list[ArrivalSource] = [GatewayCounts(shards)]
    if prometheus:
        asked = Prometheus(prometheus)
        sources.insert(0, PipelineMonitoring(asked, label_value(owner.name), owner.namespace))
    return FirstThatKnows(sources)
