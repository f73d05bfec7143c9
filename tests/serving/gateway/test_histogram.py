"""Histograms tell Prometheus what those of its own library would."""

import prometheus_client
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from ipa.serving.gateway.histogram import Histogram

BOUNDS = (0.25, 0.5, 1.0, 2.5)
VALUES = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.3, 0.5, 2.5, 9.0])))


def told(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(VALUES)
def test_it_tells_what_the_library_tells(values: list[tuple[int, float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = Histogram("waits", "Waiting.", BOUNDS, ("a", "b"))
    ours.register(mine)
    library = prometheus_client.Histogram("waits", "Waiting.", ["stage"], buckets=BOUNDS, registry=theirs)
    by_stage = [library.labels("a"), library.labels("b")]
    for stage, value in values:
        mine.of[stage].observe(value)
        by_stage[stage].observe(value)
    assert told(ours) == told(theirs)


def test_one_of_the_whole_pipeline_has_no_stage() -> None:
    registry = CollectorRegistry()
    whole = Histogram("latency", "All of it.", BOUNDS)
    registry.register(whole)
    whole.of[0].observe(0.7)
    assert registry.get_sample_value("latency_bucket", {"le": "0.5"}) == 0
    assert registry.get_sample_value("latency_bucket", {"le": "1.0"}) == 1
    assert registry.get_sample_value("latency_sum") == 0.7
