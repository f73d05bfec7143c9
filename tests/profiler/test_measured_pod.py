"""The pod that is measured: what it serves, on how many cores, where, and for how long."""

import json
from typing import Any

import pytest

from ipa.pipeline.load import load_pipeline
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.profiler.measured_pod import MeasuredPod, owned_by
from ipa.serving.pod.settings import decode
from ipa.serving.replica import ReplicaSettings


def made(node: str = "", cores: int = 1, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    pods = MeasuredPod("profile--video--abc", KubernetesSettings(**settings), "here", seed=7, lives_s=900)
    return pods.objects(load_pipeline("video"), 1, "resnet18", cores, node)


def test_settings_and_pod_have_one_name_and_say_what_is_measured() -> None:
    config, pod = made()
    assert config["metadata"] == pod["metadata"]
    assert pod["metadata"]["namespace"] == "here"
    marks = pod["metadata"]["labels"]
    assert marks["app.kubernetes.io/component"] == "profile"
    assert (marks["ipa.dev/stage"], marks["ipa.dev/variant"]) == ("image-classification", "resnet18")
    (text,) = config["data"].values()
    told = decode(ReplicaSettings, text)
    assert (told.model, told.variant, told.cores, told.seed) == ("image-classification", "resnet18", 1, 7)
    (volume,) = (one for one in pod["spec"]["volumes"] if "configMap" in one)
    assert volume["configMap"]["name"] == config["metadata"]["name"]


def test_what_computes_gets_whole_cores_and_no_more_and_what_waits_hardly_any() -> None:
    (container,) = made(source="random")[1]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == container["resources"]["limits"]["cpu"] == "1"
    (container,) = made()[1]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == "20m"


def test_it_serves_once_ends_at_once_and_does_not_outlive_its_profiler_for_long() -> None:
    spec = made()[1]["spec"]
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 900)
    assert spec["terminationGracePeriodSeconds"] == 2
    assert "lifecycle" not in spec["containers"][0]


@pytest.mark.parametrize("node", ["", "node-2"])
def test_it_runs_on_the_node_that_is_named_or_where_there_is_room(node: str) -> None:
    spec = made(node)[1]["spec"]
    assert ("affinity" in spec) == bool(node)
    assert (json.dumps(["node-2"]) in json.dumps(spec)) == bool(node)


def test_its_settings_go_with_it() -> None:
    _, pod = made()
    pod["metadata"] |= {"uid": "u-1"}
    (owner,) = owned_by(pod)["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["name"]) == ("Pod", "u-1", pod["metadata"]["name"])
