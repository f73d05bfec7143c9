"""What a plan costs and achieves, and an independent check of what the optimiser says."""

from dataclasses import replace
from typing import Any

import pytest

from ipa.errors import UnknownNameError
from ipa.experiments.editions import corrected
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.optimizer.decision import Status
from ipa.optimizer.planner import Planner
from ipa.paper import PAPER_METHODS
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline, pipeline_names
from ipa.pipeline.plan import Plan, StagePlan, plan_defects

VIDEO = load_pipeline("video")
DETECT, CLASSIFY = VIDEO.stages


def point(stage: int, variant: str, batch: int = 1) -> Any:
    return VIDEO.stages[stage].variant(variant).profile.at(batch)


def plan(detect: dict[str, Any] | None = None, classify: dict[str, Any] | None = None) -> Plan:
    """Return a plan that carries 10 rps, with changes to one of its stages."""
    return Plan(
        (
            replace(StagePlan(DETECT.name, "yolov5m", 1, 4, 2), **(detect or {})),
            replace(StagePlan(CLASSIFY.name, "resnet18", 1, 2, 1), **(classify or {})),
        )
    )


def test_the_cost_is_replicas_times_cores() -> None:
    assert [stage.cost_cores for stage in plan().stages] == [8, 2]
    assert plan().cost_cores == 10


def test_the_accuracy_follows_the_metric() -> None:
    assert plan().accuracy(VIDEO) == pytest.approx(0.641 * 0.6975)
    assert plan().accuracy(VIDEO, METRICS["rank-sum"]) == 0.5
    assert plan().accuracy(VIDEO, METRICS["rank-product"]) == pytest.approx(0.5 * 0.05)


def test_the_accuracy_of_a_disabled_variant_is_an_error() -> None:
    audio = load_pipeline("audio-qa")
    chosen = Plan(
        (
            StagePlan("speech-recognition", "wav2vec2-base", 1, 1, 2),
            StagePlan("question-answering", "roberta-base-squad2", 1, 1, 1),
        )
    )
    with pytest.raises(UnknownNameError, match="enabled variant of stage speech-recognition 'wav2vec2-base'"):
        chosen.accuracy(audio)


def test_the_latency_adds_batches_and_waits() -> None:
    waiting = plan(classify={"batch": 2, "batch_wait_s": 0.25})
    expected_s = point(0, "yolov5m").latency_p99_s + point(1, "resnet18", 2).latency_p99_s + 0.25
    assert waiting.latency_s(VIDEO) == pytest.approx(expected_s)


def test_the_slowest_stage_bounds_the_throughput() -> None:
    detect_rps, classify_rps = (
        4 * point(0, "yolov5m").throughput_rps,
        2 * point(1, "resnet18").throughput_rps,
    )
    assert plan().throughput_rps(VIDEO) == min(detect_rps, classify_rps)


def test_a_good_plan_has_no_defects() -> None:
    assert plan_defects(VIDEO, plan(), rate_rps=10, sla_s=VIDEO.sla_s) == []


@pytest.mark.parametrize(
    ("chosen", "defect"),
    [
        (plan(detect={"replicas": 1}), "object-detection: carries"),
        (plan(classify={"replicas": 0}), "image-classification: 0 replicas"),
        (plan(detect={"variant": "yolo"}), "unknown variant of stage object-detection 'yolo'"),
        (plan(detect={"cores": 3}), "variant yolov5m has no profile on 3 cores"),
        (plan(detect={"batch": 1000}), "batch size 1000 lies outside the measured"),
        (plan(detect={"stage": "detection"}), "the plan is for stages ['detection', 'image-classification']"),
        (Plan(plan().stages[::-1]), "the plan is for stages ['image-classification', 'object-detection']"),
        (Plan(plan().stages[:1]), "the plan is for stages ['object-detection']"),
    ],
)
def test_each_defect_is_named(chosen: Plan, defect: str) -> None:
    (found,) = plan_defects(VIDEO, chosen, rate_rps=10, sla_s=1000)[:1]
    assert defect in found


def test_a_disabled_variant_is_a_defect() -> None:
    stages = tuple(
        replace(stage, variants=tuple(replace(v, enabled=v.name != "yolov5m") for v in stage.variants))
        for stage in VIDEO.stages
    )
    defects = plan_defects(replace(VIDEO, stages=stages), plan(), rate_rps=10, sla_s=1000)
    assert defects == ["object-detection: variant yolov5m is disabled"]


def test_a_latency_beyond_the_sla_is_a_defect() -> None:
    latency_s = plan().latency_s(VIDEO)
    assert plan_defects(VIDEO, plan(), 10, latency_s) == []
    (defect,) = plan_defects(VIDEO, plan(), 10, latency_s - 0.001)
    assert "the SLA is" in defect


def test_the_time_to_fill_a_batch_counts_even_if_the_plan_hides_it() -> None:
    batched = plan(classify={"batch": 8, "batch_wait_s": 0.0})
    latency_s = batched.latency_s(VIDEO)
    (defect,) = plan_defects(VIDEO, batched, 10, latency_s + 0.69)
    assert "the SLA is" in defect
    assert plan_defects(VIDEO, batched, 10, latency_s + 0.71) == []


def test_a_batch_that_never_fills_is_a_defect() -> None:
    assert plan_defects(VIDEO, plan(classify={"batch": 8}), 0, 1000) == [
        "image-classification: a batch of 8 never fills, nothing arrives"
    ]
    assert plan_defects(VIDEO, plan(), 0, 1000) == []


def test_several_defects_are_all_listed() -> None:
    chosen = plan(detect={"replicas": 1}, classify={"replicas": 1})
    assert len(plan_defects(VIDEO, chosen, rate_rps=100, sla_s=0.1)) == 3


RATES_RPS = (0.0, 0.3, 1.0, 7.5, 20.0, 31.0, 200.0)


@pytest.mark.parametrize("method", PAPER_METHODS)
@pytest.mark.parametrize("name", pipeline_names())
def test_what_the_optimiser_calls_feasible_has_no_defects(name: str, method: str) -> None:
    planner = planner_for(RunSpec(name, "bursty", method))
    for rate_rps in RATES_RPS:
        decision = planner.decide(rate_rps)
        if decision.status is not Status.INFEASIBLE:
            defects = plan_defects(planner.pipeline, decision.plan, rate_rps, planner.pipeline.sla_s)
            assert defects == []


@pytest.mark.parametrize("name", pipeline_names())
def test_what_the_optimiser_calls_infeasible_has_defects(name: str) -> None:
    parameters = corrected(name, "bursty", "ipa")
    fastest = [
        min(stage.choices, key=lambda variant: variant.profile.at(1).latency_p99_s)
        for stage in parameters.pipeline.stages
    ]
    fastest_s = Plan(
        tuple(
            StagePlan(stage.name, variant.name, 1, 1, variant.base_cores)
            for stage, variant in zip(parameters.pipeline.stages, fastest, strict=True)
        )
    ).latency_s(parameters.pipeline)
    for sla_s, infeasible in ((fastest_s * 0.999, True), (fastest_s * 1.001, False)):
        constraints = replace(parameters.constraints, sla_s=sla_s)
        decision = Planner(parameters.pipeline, parameters.objective, constraints).decide(1.0)
        assert (decision.status is Status.INFEASIBLE) == infeasible
        assert bool(plan_defects(parameters.pipeline, decision.plan, 1.0, sla_s)) == infeasible


def test_in_a_graph_the_slowest_path_counts_and_each_stage_carries_what_reaches_it() -> None:
    traffic = load_pipeline("traffic")
    plan = Plan(
        (
            StagePlan("detection", "yolov5n", 1, 2, 1),
            StagePlan("vehicles", "resnet152", 1, 8, 2),
            StagePlan("persons", "resnet18", 1, 1, 1),
        )
    )
    times_s = [
        traffic.stage(s.stage).variant(s.variant).profile_on(s.cores).at(1).latency_p99_s for s in plan.stages
    ]
    slowest_s = times_s[0] + max(times_s[1:])
    assert plan.latency_s(traffic) == pytest.approx(slowest_s)
    assert plan_defects(traffic, plan, 10.0, slowest_s) == []
    assert "the SLA is" in plan_defects(traffic, plan, 10.0, slowest_s - 0.001)[0]
    vehicles_rps = 8 * traffic.stage("vehicles").variant("resnet152").profile.at(1).throughput_rps
    assert plan.throughput_rps(traffic) <= vehicles_rps / 1.5
    defects = plan_defects(traffic, plan, 1.01 * vehicles_rps / 1.5, 10.0)
    assert any(defect.startswith("vehicles: carries") for defect in defects)


def test_in_a_graph_a_batch_fills_at_the_rate_of_its_stage() -> None:
    traffic = load_pipeline("traffic")
    batched = StagePlan("persons", "resnet18", 8, 4, 1)
    plan = Plan(
        (StagePlan("detection", "yolov5n", 1, 2, 1), StagePlan("vehicles", "resnet18", 1, 2, 1), batched)
    )
    detector_s, classifier_s = (
        traffic.stage(stage).variant(variant).profile.at(batch).latency_p99_s
        for stage, variant, batch in (("detection", "yolov5n", 1), ("persons", "resnet18", 8))
    )
    needed_s = detector_s + classifier_s + 7 / (10.0 * 0.5)
    assert plan_defects(traffic, plan, 10.0, needed_s) == []
    assert plan_defects(traffic, plan, 10.0, needed_s - 0.001) != []
