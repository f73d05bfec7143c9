"""The objects of a pipeline are as small, as locked and as patient as they should be."""

from dataclasses import replace
from typing import Any

import pytest

from ipa.cluster.kinds import Object, name_of
from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import StagePlan
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes.objects import Owner, PipelineObjects
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.serving.gateway.settings import ServedPipeline
from ipa.serving.pod.settings import decode
from ipa.serving.replica import ReplicaSettings
from tests.support.live_pipelines import toy_pipeline, toy_plan

OWNER = Owner("toy", "here", "uid-1")
STAGE = toy_plan(batch=8).stages[0]


def objects(pipeline: Pipeline | None = None, **settings: Any) -> PipelineObjects:
    return PipelineObjects(
        OWNER,
        pipeline or toy_pipeline(),
        KubernetesSettings(**settings),
        Conditions(seed=3, drop_after_s=2.0),
    )


def pods() -> dict[str, Object]:
    made = objects(source="random")
    return {
        "replica": made.replicas(STAGE)[2]["spec"]["template"]["spec"],
        "gateway": made.gateway[2]["spec"]["template"]["spec"],
    }


@pytest.mark.parametrize("component", ["replica", "gateway"])
def test_pods_can_do_nothing_that_they_need_not(component: str) -> None:
    pod = pods()[component]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert [port["name"] for port in container["ports"]] == ["http", "grpc", "metrics"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()


def test_only_gateways_have_an_account() -> None:
    assert pods()["replica"]["automountServiceAccountToken"] is False
    assert pods()["gateway"]["serviceAccountName"] == "ipa-gateway"


def test_a_replica_gets_its_cores_whole_and_computes_on_as_many_threads() -> None:
    variant = toy_pipeline().stages[0].variants[0]
    wider = replace(variant, base_cores=3, profiles=(replace(variant.profiles[0], cores=3),))
    stage = replace(toy_pipeline().stages[0], variants=(wider,))
    made = objects(replace(toy_pipeline(), stages=(stage,)), source="random", replica_memory_mb=900)
    [container] = made.replicas(StagePlan("first", "small", 1, 2, 3))[2]["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["resources"] == {
        "requests": {"cpu": "3", "memory": "900Mi"},
        "limits": {"cpu": "3", "memory": "900Mi"},
    }
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert environment["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(("given_s", "hangs_s"), [(None, 5.0), (0.7, 0.7)])
def test_a_replica_is_told_when_its_batches_hang_and_ended_soon_then(
    given_s: float | None, hangs_s: float
) -> None:
    config, _, deployment = objects(toy_pipeline(), hang_after_s=given_s).replicas(STAGE)
    told = decode(ReplicaSettings, config["data"]["settings.json"])
    assert told.hang_after_s == hangs_s
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    at_once_s = container["livenessProbe"]["terminationGracePeriodSeconds"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] < at_once_s < 10
    assert pod["terminationGracePeriodSeconds"] >= at_once_s + hangs_s


def foreign(server: ExternalServer, **settings: Any) -> tuple[Object, Object]:
    """Return what the pods of a variant with a server of its own are, and their only container."""
    *others, deployment = objects(toy_pipeline(server), **settings).replicas(STAGE)
    assert [other["kind"] for other in others] == ["Service"], "it reads no settings of IPA"
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    return pod, container


def test_a_server_of_somebody_elses_runs_by_its_command_in_its_image() -> None:
    words = ("tritonserver", "--model-repository=/models", "--grpc-port={port}", "--http-port={http_port}")
    pod, container = foreign(ExternalServer("det ect", words, image="triton:1"), models_claim="weights")
    assert (container["image"], container["command"][2:]) == (
        "triton:1",
        ["--grpc-port=8081", "--http-port=8080"],
    )
    assert "args" not in container
    assert [port["name"] for port in container["ports"]] == ["http", "grpc"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp", "/models"]  # noqa: S108
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "models"]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] == "/v2/models/det%20ect/ready"
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 3}}}
    assert pod["automountServiceAccountToken"] is False


def test_a_server_of_somebody_elses_computes_though_the_others_are_emulated() -> None:
    _, container = foreign(ExternalServer("m", ("serve", "{port}"), memory_mb=700))
    assert container["image"] == "ipa:latest"
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "700Mi"}
    assert {"name": "OMP_NUM_THREADS", "value": "1"} in container["env"]
    assert foreign(ExternalServer("m", image="i"))[1]["resources"]["limits"]["memory"] == "4096Mi"


def test_a_server_that_has_no_rest_is_asked_whether_it_takes_connections() -> None:
    _, container = foreign(ExternalServer("m", ("serve", "{port}")))
    assert [port["name"] for port in container["ports"]] == ["grpc"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["tcpSocket"] == {"port": 8081}
    assert "httpGet" in foreign(ExternalServer("m", image="i"))[1]["readinessProbe"]


def test_a_command_means_in_a_pod_what_it_means_on_one_machine() -> None:
    """Kubernetes puts variables for $(NAME), and takes one of two dollars away."""
    _, container = foreign(ExternalServer("m", ("sh", "-c", "exec serve --id=$(hostname) $$ {port}")))
    assert container["command"] == ["sh", "-c", "exec serve --id=$$(hostname) $$$$ 8081"]


def test_a_server_of_somebody_elses_is_as_locked_as_it_can_live_with() -> None:
    pod, container = foreign(ExternalServer("m", image="i"))
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsUser"] == 65532
    pod, container = foreign(ExternalServer("m", image="i", user=1000, writable_root=True))
    assert not container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (1000, True)


def test_a_server_that_runs_already_takes_no_objects() -> None:
    made = objects(toy_pipeline(ExternalServer("m", address="gpu:8001")))
    assert made.replicas(STAGE) == ()
    assert made.runs_already(STAGE)


def test_gateways_know_by_which_name_a_server_has_its_model() -> None:
    served = decode(
        ServedPipeline,
        objects(toy_pipeline(ExternalServer("theirs", image="i"))).gateway[0]["data"]["settings.json"],
    )
    assert served.pipeline.stages[0].variant("small").server == ExternalServer("theirs", image="i")


def test_an_emulated_one_asks_for_next_to_nothing() -> None:
    [container] = objects().replicas(STAGE)[2]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == "20m"
    assert "cpu" not in container["resources"]["limits"]


def test_a_replica_may_finish_its_longest_batch_before_it_is_killed() -> None:
    grace_s = [
        objects(hang_after_s=limit_s).replicas(STAGE)[2]["spec"]["template"]["spec"][
            "terminationGracePeriodSeconds"
        ]
        for limit_s in (None, 40.0)
    ]
    assert grace_s == [3 + 5 + 5, 3 + 5 + 40]


def test_settings_are_read_as_they_were_meant() -> None:
    config, _, deployment = objects(emulate_start_up=True).replicas(STAGE)
    told = decode(ReplicaSettings, config["data"]["settings.json"])
    assert (told.model, told.variant, told.cores, told.max_batch, told.seed) == ("first", "small", 1, 8, 3)
    served = decode(ServedPipeline, objects().gateway[0]["data"]["settings.json"])
    assert (served.model, served.drop_after_s) == ("toy", (2.0, 2.0))
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["configMap"]["name"] == name_of(config)
    assert config["immutable"]


def test_other_settings_are_another_object_and_the_same_ones_are_not() -> None:
    names = {
        name_of(objects(service=service).replicas(STAGE)[0]) for service in ("lognormal", "deterministic")
    }
    assert len(names) == 2
    assert name_of(objects().replicas(STAGE)[0]) in names
    # What only the gateway reads restarts no replica.
    assert name_of(objects(queue_limit=7).replicas(STAGE)[0]) == name_of(objects().replicas(STAGE)[0])
    assert name_of(objects(queue_limit=7).gateway[0]) != name_of(objects().gateway[0])


def test_batch_and_wait_change_nothing_but_what_gateways_are_told() -> None:
    made = objects()
    assert made.replicas(STAGE) == made.replicas(replace(STAGE, batch=1, batch_wait_s=0.0))
    assert made.replicas(replace(STAGE, replicas=7))[2]["spec"]["replicas"] == 7
    assert made.replicas(STAGE)[2]["spec"]["replicas"] == STAGE.replicas


def test_everything_belongs_to_the_pipeline() -> None:
    made = objects()
    for thing in (*made.gateway, *made.replicas(STAGE)):
        [owner] = thing["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("InferencePipeline", "uid-1", True)
        assert thing["metadata"]["namespace"] == "here"
        assert thing["metadata"]["labels"]["ipa.dev/pipeline"] == "toy"
        assert thing["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "ipa"


def test_weights_come_from_a_claim_that_is_only_read() -> None:
    pod = objects(models_claim="weights").replicas(STAGE)[2]["spec"]["template"]["spec"]
    assert pod["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}
    assert pod["containers"][0]["volumeMounts"][-1]["readOnly"]
    assert {"name": "XDG_CACHE_HOME", "value": "/models"} in pod["containers"][0]["env"]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"namespace": "No"}, InvalidValueError),
        ({"image": ""}, InvalidValueError),
        ({"gateway_shards": 0}, InvalidValueError),
        ({"start_timeout_s": 0.0}, InvalidValueError),
        ({"replica_memory_mb": 8}, InvalidValueError),
        ({"pull_policy": "Sometimes"}, UnknownNameError),
        ({"source": "thin air"}, UnknownNameError),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        KubernetesSettings(**settings)
