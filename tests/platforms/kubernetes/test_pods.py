"""What stands in the way of a pod is said as the cluster tells it."""

from typing import Any

import pytest

from ipa.cluster.names import GATEWAY, REPLICA, labels
from ipa.platforms.kubernetes.pods import address, held_cores, is_ready, trouble, troubles


def pod(*statuses: dict[str, Any], component: str = REPLICA, cores: int = 2, **status: Any) -> dict[str, Any]:
    marks = labels("video", component, cores=cores)
    about = {"name": "it", "labels": marks}
    return {
        "metadata": about,
        "spec": {"nodeName": "node"},
        "status": {"phase": "Running", "containerStatuses": list(statuses), **status},
    }


def waiting(why: str, said: str = "", restarts: int = 0, /, **last: Any) -> dict[str, Any]:
    return {
        "image": "ipa:1",
        "state": {"waiting": {"reason": why, "message": said}},
        "lastState": {"terminated": last} if last else {},
        "restartCount": restarts,
    }


def condition(kind: str, truth: str, **more: str) -> dict[str, str]:
    return {"type": kind, "status": truth, **more}


UNSCHEDULABLE = condition(
    "PodScheduled", "False", reason="Unschedulable", message="0/2 nodes are available: 2 Insufficient cpu."
)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (pod(conditions=[UNSCHEDULABLE]), "no node has room: 0/2 nodes are available: 2 Insufficient cpu."),
        (
            pod(waiting("ImagePullBackOff", 'Back-off pulling image "ipa:1"')),
            'the image ipa:1 cannot be had: Back-off pulling image "ipa:1"',
        ),
        (pod(waiting("ErrImageNeverPull")), "the image ipa:1 cannot be had: ErrImageNeverPull"),
        (
            pod(waiting("CreateContainerConfigError", 'configmap "x" not found')),
            'the container cannot be made: configmap "x" not found',
        ),
        (
            pod(
                waiting("CrashLoopBackOff", "", 3, reason="Error", exitCode=2, message="error: no weights\n")
            ),
            "it ends again and again (3 restarts; Error, exit code 2): error: no weights",
        ),
        (
            pod(
                {
                    "state": {"running": {}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                    "restartCount": 1,
                }
            ),
            "it ends again and again (1 restarts; OOMKilled, exit code 137)",
        ),
        (pod(waiting("ContainerCreating")), ""),
        (pod({"state": {"running": {}}, "restartCount": 0}), ""),
        (pod(waiting("CrashLoopBackOff", "", 3, exitCode=1), conditions=[condition("Ready", "True")]), ""),
        ({"metadata": {"labels": {}}, "spec": {}}, ""),
    ],
)
def test_why_a_pod_does_not_serve(found: dict[str, Any], why: str) -> None:
    assert trouble(found) == why


def test_one_that_was_told_to_end_is_in_no_trouble() -> None:
    found = pod(waiting("ImagePullBackOff"))
    found["metadata"]["deletionTimestamp"] = "now"
    assert trouble(found) == ""


def test_the_same_trouble_of_several_is_said_once() -> None:
    lacking = [pod(conditions=[UNSCHEDULABLE]) for _ in range(3)]
    assert troubles([*lacking, pod()], None).startswith("3 × no node has room")


def test_pods_that_are_refused_show_in_their_deployment() -> None:
    message = 'pods "x" is forbidden: exceeded quota: small'
    failure = condition("ReplicaFailure", "True", message=message)
    assert troubles([], {"status": {"conditions": [failure]}}) == f"pods are refused: {message}"
    assert troubles([], {"status": {"conditions": [condition("Available", "True")]}}) == ""


def test_cores_are_held_from_the_node_on_until_the_pod_has_ended() -> None:
    unplaced, ended, gateway = pod(), pod(phase="Succeeded"), pod(component=GATEWAY)
    unplaced["spec"] = {}
    ending = pod()
    ending["metadata"]["deletionTimestamp"] = "now"
    assert held_cores([pod(), ending, unplaced, ended, gateway]) == 4


def test_a_pod_without_a_status_is_nowhere_and_not_ready() -> None:
    assert not is_ready({"metadata": {}})
    assert address({"metadata": {}}) == ""
