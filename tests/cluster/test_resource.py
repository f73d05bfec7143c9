"""InferencePipeline objects say the same as the pipelines they are made from."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.cluster.resource import Described, read_object, read_status, to_object, with_allowed
from ipa.cluster.resource_spec import (
    Drop,
    Emulation,
    Gateway,
    Limits,
    Models,
    PipelineOptions,
    Weights,
)
from ipa.cluster.resource_status import PipelineStatus, plan_entries, planned, serving_of
from ipa.errors import ConfigError, InvalidValueError, IpaError, UnknownNameError
from ipa.optimizer.random_problems import random_pipeline
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.load import load_pipeline, pipeline_names
from ipa.pipeline.measured_accuracy import Combination, MeasuredAccuracy
from ipa.pipeline.pipeline import Edge, Pipeline, Stage
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.stage_inputs import StageInput
from tests.support import toys
from tests.support.stock_server import example_object


def through_json(thing: dict[str, Any]) -> dict[str, Any]:
    """Return what an API server gives back: keys of mappings sorted, whole numbers without a point."""

    def whole(value: object) -> object:
        if isinstance(value, dict):
            return {key: whole(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            return [whole(one) for one in value]
        return int(value) if isinstance(value, float) and value == int(value) else value

    back: dict[str, Any] = json.loads(json.dumps(whole(thing)))
    return back


def again(pipeline: Pipeline, options: PipelineOptions | None = None) -> Described:
    return read_object(through_json(to_object(pipeline, options)))


@pytest.mark.parametrize("name", pipeline_names())
def test_a_pipeline_that_comes_with_ipa_is_the_same_again(name: str) -> None:
    pipeline = load_pipeline(name)
    assert again(pipeline) == (pipeline, PipelineOptions())


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 6))
def test_any_pipeline_is_the_same_again(seed: int, stages: int, variants: int) -> None:
    drawn = replace(random_pipeline(seed, stages, variants), title="A title", name="some pipeline")
    # A drawn accuracy may be 0, which no file and no object may say.
    stages_ = tuple(
        replace(one, variants=tuple(replace(v, accuracy=v.accuracy or 0.5) for v in one.variants))
        for one in drawn.stages
    )
    pipeline = replace(drawn, stages=stages_)
    assert again(pipeline).pipeline == pipeline


def test_what_only_some_pipelines_have_is_kept() -> None:
    first, *others = toys.pipeline(stages=4).stages
    small = replace(
        first.variants[0],
        model="there:it",
        start_up_s=0.0,
        settings=(("size_px", 320), ("wide", True)),
        server=ExternalServer(
            "det", ("serve", "{port}"), image="triton:24.01", user=1000, writable_root=True, memory_mb=900
        ),
    )
    stages = (
        replace(first, task="object-detection", variants=(small, *first.variants[1:]), sla_s=1.0),
        replace(others[0], inputs=(StageInput("image", "", "frame"),), sla_s=2.0),
        replace(
            others[1],
            sla_s=2.0,
            variants=(replace(others[1].variants[0], enabled=False), *others[1].variants[1:]),
        ),
        replace(others[2], join="sum", sla_s=1e-5),
    )
    names = [stage.name for stage in stages]
    edges = tuple(
        Edge(names[source], names[target], factor)
        for source, target, factor in ((0, 1, 1.0), (0, 2, 0.5), (1, 3, 3.25), (2, 3, 1.0))
    )
    pipeline = Pipeline("Über uns", stages, 3.0, "Title", "What it does.", edges)
    found = again(pipeline).pipeline
    assert found == pipeline
    assert to_object(pipeline)["metadata"]["name"].startswith("ber-uns--")


def test_the_example_of_a_server_of_ones_own_is_one_and_stays_so() -> None:
    pipeline = read_object(example_object()).pipeline
    emulated, theirs = pipeline.stage("second").variants
    assert emulated.server is None
    assert theirs.server is not None
    assert (theirs.server.has_http, theirs.server.has_metrics) == (True, True)
    assert again(pipeline).pipeline == pipeline


def test_measured_accuracies_are_kept() -> None:
    pipeline = toys.pipeline(stages=1)
    combinations = tuple(Combination((variant.name,), 0.5) for variant in pipeline.stages[0].variants)
    pipeline = replace(pipeline, title="t", measured_accuracy=MeasuredAccuracy(combinations))
    assert again(pipeline).pipeline == pipeline


def test_options_are_kept_and_defaults_are_left_out() -> None:
    options = PipelineOptions(
        source="random",
        image="ipa:latest",
        weights=Weights(alpha=2, delta=1e-6),
        interval_s=5,
        limits=Limits(cores=40, variants={"object-detection": ("yolov5n",)}, batch_sizes=(1, 8)),
        gateway=Gateway(shards=2),
        drop=Drop(after_s=13.78),
        emulation=Emulation(start_up=True),
        models=Models(claim="weights"),
        paused=True,
    )
    thing = to_object(load_pipeline("video"), options, namespace="there")
    assert thing["metadata"] == {"name": "video", "namespace": "there"}
    spec = {key: value for key, value in thing["spec"].items() if key != "pipeline"}
    assert spec == {
        "source": "random",
        "image": "ipa:latest",
        "weights": {"alpha": 2.0, "delta": 1e-6},
        "intervalSeconds": 5.0,
        "limits": {"cores": 40, "variants": {"object-detection": ["yolov5n"]}, "batchSizes": [1, 8]},
        "gateway": {"shards": 2},
        "drop": {"afterSeconds": 13.78},
        "emulation": {"startUp": True},
        "models": {"claim": "weights"},
        "paused": True,
    }
    assert read_object(through_json(thing)).options == options


def changed(**spec: object) -> dict[str, Any]:
    thing = to_object(load_pipeline("video"), namespace="here")
    return {**thing, "spec": thing["spec"] | spec}


@pytest.mark.parametrize(
    ("spec", "key", "problem"),
    [
        ({"intervalSecond": 5}, "spec.intervalSecond", "unknown key; allowed: source, image, method"),
        ({"intervalSeconds": 0}, "spec.intervalSeconds", "must lie between 0.1 and 86400 s, got 0"),
        ({"weights": {"gamma": 1}}, "spec.weights.gamma", "unknown key; allowed: alpha, beta, delta"),
        ({"paused": "yes"}, "spec.paused", "must be true or false"),
        ({"source": "magic"}, "spec.source", "'emulated', 'packaged'"),
        ({"pipeline": {"sla_s": 1}}, "spec.pipeline.stages", "is missing; keys here: name, sla_s, stages"),
        ({"pipeline": {"sla_s": 1, "stages": []}}, "spec.pipeline.stages", "at least 1 item"),
    ],
)
def test_what_an_object_must_not_hold_is_named(spec: dict[str, object], key: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_object(changed(**spec))
    assert caught.value.key == key
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"InferencePipeline here/video: {key}: ")


def stage(**changes: object) -> dict[str, Any]:
    row = {"cores": 1, "batch": 1, "latency_p99_s": 0.1, "throughput_rps": 10}
    variant = {"name": "small", "accuracy": 0.5, "base_cores": 1, "profile": [row]}
    return {"name": "detect", "variants": [variant]} | changes


def own(*stages: dict[str, Any]) -> dict[str, Any]:
    spec = {"pipeline": {"sla_s": 1, "stages": list(stages)}}
    return {"metadata": {"name": "own"}, "spec": spec}


def test_a_pipeline_has_the_name_of_its_object_and_means_follow_from_the_throughput() -> None:
    pipeline = read_object(own(stage())).pipeline
    assert (pipeline.name, pipeline.title) == ("own", "own")
    assert pipeline.stages[0].variants[0].profile.at(1).latency_mean_s == 0.1


@pytest.mark.parametrize(
    ("stages", "key", "problem"),
    [
        ([stage(join="all")], "spec.pipeline.stages[0].join", "nothing to join"),
        ([stage(), stage()], "spec.pipeline.stages", "names must be distinct"),
        (
            [stage(variants=[stage()["variants"][0] | {"base_cores": 2}])],
            "spec.pipeline.stages[0].variants[0].base_cores",
            "it is profiled on 1 cores",
        ),
        ([stage(profile={"config_map": "p", "file": "p.csv"})], "spec.pipeline.stages", "out of reach"),
        (
            [stage(variants=[stage()["variants"][0] | {"server": {"model": "m"}}])],
            "spec.pipeline.stages[0].variants[0].server",
            "takes either an address, or a command or an image or both",
        ),
    ],
)
def test_what_contradicts_itself_is_named(stages: list[dict[str, Any]], key: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_object(own(*stages))
    assert caught.value.key == key
    assert problem in caught.value.problem


TABLE = "stage,variant,cores,batch,latency_p99_s,throughput_rps\nfind,small,1,1,0.25,4\n"


def tabled() -> dict[str, Any]:
    variant = {"name": "small", "accuracy": 0.5, "base_cores": 1}
    return own(stage(variants=[variant], profile={"config_map": "p", "file": "p.csv", "stage": "find"}))


def test_measurements_may_be_in_a_config_map() -> None:
    asked = []

    def read(name: str, key: str) -> str:
        asked.append((name, key))
        return TABLE

    pipeline = read_object(tabled(), read).pipeline
    assert asked == [("p", "p.csv")]
    assert pipeline.stages[0].variants[0].profile.at(1).throughput_rps == 4


def test_a_config_map_that_holds_something_else_is_named() -> None:
    with pytest.raises(ConfigError, match=r"ConfigMap p p\.csv: header: lacks the columns stage"):
        read_object(tabled(), lambda _name, _key: "a,b\n1,2\n")

    def missing(name: str, key: str) -> str:
        raise InvalidValueError(f"there is no ConfigMap {name} with the key {key}")

    with pytest.raises(ConfigError, match=r"InferencePipeline own: spec\.pipeline: there is no ConfigMap p"):
        read_object(tabled(), missing)


def test_limits_leave_the_variants_that_they_name() -> None:
    video = load_pipeline("video")
    found = with_allowed(video, PipelineOptions(limits=Limits(variants={"object-detection": ("yolov5n",)})))
    assert [one.name for one in found.stages[0].choices] == ["yolov5n"]
    assert found.stages[1] == video.stages[1]
    assert with_allowed(video, PipelineOptions()) == video


@pytest.mark.parametrize(
    ("variants", "error", "problem"),
    [
        ({"detection": ("yolov5n",)}, UnknownNameError, "unknown stage of pipeline video 'detection'"),
        ({"object-detection": ("yolo",)}, UnknownNameError, "unknown variant of stage object-detection"),
    ],
)
def test_limits_name_what_there_is(variants: Any, error: type[IpaError], problem: str) -> None:
    with pytest.raises(error, match=problem):
        with_allowed(load_pipeline("video"), PipelineOptions(limits=Limits(variants=variants)))


def test_limits_must_leave_a_variant() -> None:
    video = load_pipeline("video")
    first = video.stages[0]
    off = replace(first.variants[0], enabled=False)
    pipeline = replace(video, stages=(Stage(first.name, (off, *first.variants[1:])), video.stages[1]))
    with pytest.raises(ConfigError, match="that are not enabled: yolov5n"):
        with_allowed(pipeline, PipelineOptions(limits=Limits(variants={first.name: (off.name,)})))


PLAN = Plan(
    (
        StagePlan("object-detection", "yolov5s", 4, 3, 1, 0.15),
        StagePlan("image-classification", "resnet50", 1, 2, 1),
    )
)


def test_a_plan_is_read_back_from_a_status_whatever_the_order() -> None:
    video = load_pipeline("video")
    entries = through_json({"plan": plan_entries(PLAN)})["plan"]
    status = read_status({"status": {"plan": entries[::-1], "later": "unknown keys are left alone"}})
    assert planned(status, video) == PLAN


@pytest.mark.parametrize(
    "changes",
    [{"variant": "yolov9"}, {"cores": 3}, {"batch": 4096}, {"replicas": 0}, {"stage": "detection"}],
)
def test_a_plan_that_is_not_of_the_pipeline_is_none(changes: dict[str, object]) -> None:
    first, second = plan_entries(PLAN)
    status = read_status({"status": {"plan": [first | changes, second]}})
    assert planned(status, load_pipeline("video")) is None
    assert planned(PipelineStatus(), load_pipeline("video")) is None


def test_what_serves_names_the_services() -> None:
    first, second = serving_of("video", PLAN)
    assert first == {
        "stage": "object-detection",
        "variant": "yolov5s",
        "cores": 1,
        "batch": 4,
        "batchWaitSeconds": 0.15,
        "service": "video--object-detection--yolov5s--1c",
    }
    assert second["service"] == "video--image-classification--resnet50--1c"


def test_a_status_of_another_shape_is_an_empty_one() -> None:
    assert read_status({"status": {"plan": 3}}) == PipelineStatus()
    assert read_status({}) == PipelineStatus()
    found = read_status(
        {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Serving"}]}}
    )
    assert found.condition("Ready") is not None
    assert found.condition("Degraded") is None
