"""Who tells what arrived at a pipeline of a cluster."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ipa.errors import InvalidValueError
from ipa.platforms.kubernetes.arrival_sources import arrival_source
from ipa.platforms.kubernetes.objects import Owner
from ipa.platforms.kubernetes.settings import KubernetesSettings

OWNER = Owner("video", "team", "uid-1")
NOBODY = "http://127.0.0.1:9"


class Counted:
    """What gateways have counted: the number of each second."""

    def rates_rps(self, first_s: int, end_s: int) -> NDArray[np.float64]:
        return np.arange(first_s, end_s, dtype=float)


def test_without_a_prometheus_the_gateways_are_asked() -> None:
    source = arrival_source("", OWNER, Counted())
    assert source.counts(1e9, 2, 5).tolist() == [2, 3, 4]
    assert source.note == ""


def test_a_prometheus_that_is_down_is_told_and_the_gateways_are_asked() -> None:
    source = arrival_source(NOBODY, OWNER, Counted())
    assert source.counts(1e9, 2, 6).tolist() == [2, 3, 4, 5]
    assert source.note.startswith(f"Prometheus at {NOBODY}: it cannot be asked")
    assert source.note.endswith("; the gateways told the arrivals of 2 seconds")


def test_an_address_that_is_none_is_refused_before_anything_starts() -> None:
    assert KubernetesSettings(prometheus=NOBODY).prometheus == NOBODY
    with pytest.raises(InvalidValueError, match="'prometheus:9090' is no address of Prometheus"):
        KubernetesSettings(prometheus="prometheus:9090")
