"""What Prometheus is told, without a server."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway.engine import Engine, Fault
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.gateway.metrics import PipelineMetrics
from tests.support.scripted_links import INPUTS, ScriptedLink
from tests.support.simulator_toys import pipeline, variant
from tests.support.virtual_gateway import VirtualClock


def test_everything_that_happened_is_told() -> None:
    pipe = pipeline([variant("a", {1: 0.1, 8: 0.4})])
    registry, clock = CollectorRegistry(), VirtualClock()
    metrics = PipelineMetrics(pipe, registry)
    engine = Engine(pipe, [StageLimits(waiting=2)], clock, observer=metrics)
    metrics.watch(engine)
    value = registry.get_sample_value
    assert "ipa_plan_pas" not in generate_latest(registry).decode()
    link = ScriptedLink("one")
    engine.assign([(StagePlan("s0", "a", 2, 1, 1, batch_wait_s=0.3), [link])])
    for name in "abc":
        engine.submit(name, INPUTS, lambda _: None)
    clock.run_until(0.0)
    assert value("ipa_requests_arrived_total") == 3
    assert value("ipa_stage_queue_length", {"stage": "s0"}) == 1
    assert value("ipa_stage_in_service", {"stage": "s0"}) == 2
    assert value("ipa_replicas", {"stage": "s0", "state": "busy"}) == 1
    clock.run_until(0.5)
    link.answer(INPUTS, Fault("model-error", "cannot read it"))
    clock.run_until(0.6)
    link.answer()
    assert value("ipa_requests_ended_total", {"outcome": "ok", "reason": ""}) == 2
    assert value("ipa_requests_ended_total", {"outcome": "error", "reason": "model-error"}) == 1
    assert value("ipa_requests_in_flight") == 0
    assert value("ipa_stage_batch_size_sum", {"stage": "s0"}) == 3
    assert value("ipa_stage_service_seconds_sum", {"stage": "s0"}) == pytest.approx(0.5 + 0.1)
    assert value("ipa_stage_queue_seconds_sum", {"stage": "s0"}) == pytest.approx(0.5)
    # The toy pipeline has an SLA of 1 s; buckets follow it.
    assert value("ipa_request_latency_seconds_bucket", {"le": "0.5"}) == 1
    assert value("ipa_request_latency_seconds_bucket", {"le": "0.6"}) == 2
    assert value("ipa_sla_seconds", {"le": "1.0"}) == 1.0
    assert value("ipa_request_latency_seconds_bucket", {"le": "1.0"}) == 2
    assert value("ipa_plan_info", {"stage": "s0", "variant": "a", "batch": "2"}) == 1
    assert value("ipa_serving_cores") == 1
    assert value("ipa_plan_pas") == 0.5
