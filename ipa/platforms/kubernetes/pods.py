"""What pods tell of themselves: where they are, whether they serve, and why they do not."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ipa.cluster.kinds import Object, name_of
from ipa.cluster.names import COMPONENT_LABEL, CORES_LABEL, REPLICA

PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
CRASH = ("CrashLoopBackOff", "Error", "OOMKilled", "ContainerCannotRun", "RunContainerError")

LONGEST_REASON = 300
"""Characters of a reason that a pod or the scheduler gives."""


def component(pod: Object) -> str:
    """Return which component of IPA a pod is."""
    return str(pod["metadata"]["labels"].get(COMPONENT_LABEL, ""))


def is_ending(pod: Object) -> bool:
    """Whether a pod was told to end."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_ready(pod: Object) -> bool:
    """Whether a pod serves."""
    return _condition(pod, "Ready").get("status") == "True"


def address(pod: Object) -> str:
    """Return the address of a pod; empty while it has none."""
    return str((pod.get("status") or {}).get("podIP") or "")


def held_cores(pods: Iterable[Object]) -> int:
    """Return the cores of all replicas that are on a node, those that start or end included."""
    return sum(
        int(pod["metadata"]["labels"].get(CORES_LABEL, 0))
        for pod in pods
        if component(pod) == REPLICA
        and pod["spec"].get("nodeName")
        and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    )


def trouble(pod: Object) -> str:
    """Return why a pod does not serve, beyond that it takes its time; empty if there is no such reason."""
    if is_ending(pod) or is_ready(pod):
        return ""
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return f"no node has room: {_cut(scheduled.get('message'))}"
    return next(filter(None, map(_container_trouble, _containers(pod))), "")


def _container_trouble(status: Mapping[str, Any]) -> str:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in PULL:
        return f"the image {status.get('image')} cannot be had: {_cut(waiting.get('message') or reason)}"
    if reason.startswith("Create"):
        return f"the container cannot be made: {_cut(waiting.get('message') or reason)}"
    ended = state.get("terminated") or last.get("terminated") or {}
    restarts = status.get("restartCount", 0)
    if ended and (reason in CRASH or restarts or state.get("terminated")):
        said = _cut(ended.get("message") or "", from_end=True)
        code = f"{ended.get('reason', 'Error')}, exit code {ended.get('exitCode')}"
        return f"it ends again and again ({restarts} restarts; {code}){f': {said}' if said else ''}"
    return ""


def _containers(pod: Object) -> Iterator[Mapping[str, Any]]:
    yield from (pod.get("status") or {}).get("containerStatuses") or ()


def _condition(pod: Object, kind: str) -> Mapping[str, Any]:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


def _cut(text: object, *, from_end: bool = False) -> str:
    plain = " ".join(str(text).split())
    return plain[-LONGEST_REASON:] if from_end else plain[:LONGEST_REASON]


def troubles(pods: Iterable[Object], deployment: Object | None) -> str:
    """Return why replicas of a Deployment do not serve; empty if nothing is known.

    Parameters
    ----------
    pods
        Of the Deployment.
    deployment
        What it tells of itself: that pods are refused, for example by a quota.
    """
    found: dict[str, int] = {}
    for pod in pods:
        if why := trouble(pod):
            found[why] = found.get(why, 0) + 1
    if refused := _refused(deployment):
        found.setdefault(refused, 1)
    return "; ".join(f"{count} × {why}" if count > 1 else why for why, count in found.items())


def _refused(deployment: Object | None) -> str:
    conditions = ((deployment or {}).get("status") or {}).get("conditions") or ()
    for one in conditions:
        if one["type"] == "ReplicaFailure" and one["status"] == "True":
            return f"pods are refused: {_cut(one.get('message'))}"
    return ""


def pod_names(pods: Iterable[Object]) -> tuple[str, ...]:
    """Return the names of pods."""
    return tuple(name_of(pod) for pod in pods)
