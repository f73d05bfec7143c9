"""What the pods of a gateway count tells how long requests took."""

import math

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ipa.controller.latency import ENDED, LATENCY, Counts, LatencyWatch, read_counts, total
from ipa.pipeline.load import load_pipeline
from ipa.serving.gateway.metrics import PipelineMetrics


def counts(*pairs: tuple[float, float], failed: float = 0.0) -> Counts:
    return Counts(dict(pairs), failed)


TEN = counts((0.1, 4.0), (0.2, 8.0), (0.4, 9.0), (math.inf, 10.0))


def test_a_quantile_is_interpolated_between_bounds() -> None:
    assert TEN.quantile_s(0.4) == pytest.approx(0.1)
    assert TEN.quantile_s(0.6) == pytest.approx(0.15)
    assert TEN.quantile_s(0.85) == pytest.approx(0.3)
    assert TEN.quantile_s(0.99) == 0.4
    assert Counts().quantile_s() is None
    assert counts((0.1, 0.0), (math.inf, 0.0)).quantile_s() is None


def test_who_was_not_answered_missed_the_sla_too() -> None:
    assert TEN.missed(0.2) == pytest.approx(0.2)
    assert counts((0.2, 8.0), (math.inf, 8.0), failed=8).missed(0.2) == pytest.approx(0.5)
    assert counts((0.2, 8.0), (math.inf, 8.0)).missed(0.1) == 1
    assert Counts().missed(0.2) is None


def test_what_several_pods_count_adds_up() -> None:
    both = total([TEN, counts((0.1, 1.0), (math.inf, 2.0), failed=3.0)])
    assert both.answered[0.1] == 5
    assert both.ended == 15


def text(ok: int, dropped: int) -> str:
    lines = (
        f'{LATENCY}_bucket{{le="0.5"}} {ok}',
        f'{LATENCY}_bucket{{le="+Inf"}} {ok}',
        f'{ENDED}_total{{outcome="ok",reason=""}} {ok}',
        f'{ENDED}_total{{outcome="dropped",reason="sla"}} {dropped}',
    )
    return "\n".join((*lines, ""))


def test_only_what_came_since_the_last_look_counts() -> None:
    watch = LatencyWatch()
    assert watch.look({"a": text(100, 10)}).ended == 0
    assert watch.look({"a": text(105, 11)}).ended == 6
    # Another pod came, the first one cannot be asked, then has started anew.
    assert watch.look({"b": text(3, 0)}).ended == 3
    assert watch.look({"a": text(107, 11), "b": text(4, 0)}).ended == 3
    assert watch.look({"a": text(2, 1), "b": text(4, 0)}).ended == 3
    assert watch.look({}).ended == 0


def test_the_names_are_those_of_the_gateway() -> None:
    registry = CollectorRegistry()
    metrics = PipelineMetrics(load_pipeline("video"), registry)
    metrics._latency.observe(0.3)
    metrics._ended.labels("ok", "").inc()
    metrics._ended.labels("dropped", "age").inc(2)
    found = read_counts(generate_latest(registry).decode())
    assert found.failed == 2
    assert found.ended == 3
    assert found.missed(6.89) == pytest.approx(2 / 3)
    assert found.quantile_s() == pytest.approx(0.3445, rel=0.2)
