"""A real API server takes the objects of pipelines as they are, and refuses those that make no sense."""

from copy import deepcopy
from typing import Any

import pytest

from ipa.cluster.kinds import CUSTOM_RESOURCE, PIPELINE, Object
from ipa.cluster.resource import read_object, to_object
from ipa.cluster.resource_crd import crd
from ipa.cluster.resource_spec import Drop, Limits, PipelineOptions, Weights
from ipa.errors import ClusterError
from ipa.pipeline.load import load_pipeline, pipeline_names
from tests.support.cluster import Cluster

pytestmark = pytest.mark.cluster


def test_the_definition_is_taken_and_comes_back_as_it_is(cluster: Cluster) -> None:
    known = cluster.client.get(CUSTOM_RESOURCE, "inferencepipelines.ipa.dev")
    assert known is not None
    (version,) = known["spec"]["versions"]
    (ours,) = crd()["spec"]["versions"]
    assert version["schema"] == ours["schema"]


@pytest.mark.parametrize("name", pipeline_names())
def test_a_pipeline_comes_back_as_it_was(cluster: Cluster, namespace: str, name: str) -> None:
    pipeline = load_pipeline(name)
    options = PipelineOptions(
        weights=Weights(alpha=0.1, delta=1e-6), limits=Limits(cores=4), drop=Drop(after_s=13.78), paused=True
    )
    cluster.client.create(to_object(pipeline, options, namespace=namespace))
    thing = cluster.client.get(PIPELINE, name, namespace)
    assert thing is not None
    assert read_object(thing) == (pipeline, options)


def video(namespace: str) -> Object:
    return to_object(load_pipeline("video"), PipelineOptions(paused=True), namespace=namespace)


def at(thing: Any, path: str) -> Any:
    for step in path.split("."):
        thing = thing[int(step) if step.isdecimal() else step]
    return thing


FIRST = "spec.pipeline.stages.0"
SERVER = {"model": "m"}


@pytest.mark.parametrize(
    ("where", "change", "said"),
    [
        ("spec", {"intervalSeconds": 0.01}, "should be greater than or equal to 0.1"),
        ("spec", {"intervalSeconds": 0}, "should be greater than 0"),
        ("spec", {"source": "magic"}, 'supported values: "emulated", "packaged", "random", "pretrained"'),
        ("spec", {"method": "rim"}, "method rim needs fixed.replicas"),
        ("spec", {"fixed": {"replicas": [1]}}, "have one entry for each stage"),
        ("spec", {"drop": {"stageAfterSeconds": [1]}}, "drop.stageAfterSeconds has one entry for each stage"),
        ("spec", {"limits": {"variants": {"detection": ["x"]}}}, "limits.variants names stages"),
        ("spec", {"metric": "measured"}, "metric measured needs pipeline.measured_accuracy"),
        (f"{FIRST}", {"sla_s": None}, "give an sla_s to every stage or to none"),
        (f"{FIRST}", {"name": "image-classification"}, "Duplicate value"),
        (f"{FIRST}", {"after": [{"stage": "object-detection"}]}, "after names the stage itself"),
        (f"{FIRST}", {"join": "all"}, "join has nothing to join"),
        (f"{FIRST}", {"profile": {"config_map": "p", "file": "p.csv"}}, "measurements stand either in"),
        (f"{FIRST}.variants.0", {"profile": None}, "measurements stand either in"),
        (f"{FIRST}.variants.0", {"base_cores": 7}, "profile needs a row for batch 1"),
        (f"{FIRST}.variants.0", {"accuracy": 0}, "should be greater than 0"),
        (f"{FIRST}.variants.0", {"accuracy": 1.5}, "should be less than or equal to 1"),
        (f"{FIRST}.variants.0", {"server": SERVER}, "server takes either an address, or an image"),
        (
            f"{FIRST}.variants.0",
            {"server": SERVER | {"address": "a:1", "image": "i"}},
            "server takes either an address, or an image",
        ),
        (
            f"{FIRST}.variants.0",
            {"server": SERVER | {"address": "a:1", "user": 7}},
            "are for a container; one with an address runs already",
        ),
        (
            f"{FIRST}.variants.0",
            {"server": SERVER | {"image": "i", "user": 0}},
            "should be greater than or equal to 1",
        ),
        (f"{FIRST}.variants.0.profile.1", {"batch": 1}, "Duplicate value"),
        (f"{FIRST}.variants.0.profile.0", {"latency_p99_s": "fast"}, "must be of type number"),
    ],
)
def test_what_makes_no_sense_is_refused_and_said(
    cluster: Cluster, where: str, change: dict[str, object], said: str
) -> None:
    # Refused, it needs no namespace of its own.
    thing = video("default")
    place = at(thing, where)
    place |= change
    for key in [key for key, value in change.items() if value is None]:
        del place[key]
    with pytest.raises(ClusterError) as caught:
        cluster.client.create(thing)
    assert said in str(caught.value)
    assert caught.value.status == 422


def test_all_variants_of_a_stage_cannot_be_switched_off(cluster: Cluster) -> None:
    thing = video("default")
    for variant in at(thing, FIRST)["variants"]:
        variant["enabled"] = False
    with pytest.raises(ClusterError, match="at least one variant must be enabled"):
        cluster.client.apply(thing, dry_run=True)


def test_factors_above_one_into_a_join_are_refused(cluster: Cluster) -> None:
    thing = to_object(load_pipeline("traffic"), namespace="default")
    last = deepcopy(thing["spec"]["pipeline"]["stages"][2])
    last |= {"name": "both", "after": [{"stage": "vehicles", "factor": 2.0}, {"stage": "persons"}]}
    thing["spec"]["pipeline"]["stages"].append(last)
    with pytest.raises(ClusterError, match="a stage that joins serves a request once"):
        cluster.client.apply(thing, dry_run=True)
    last["join"] = "sum"
    cluster.client.apply(thing, dry_run=True)
