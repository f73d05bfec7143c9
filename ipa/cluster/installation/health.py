"""Why something that was installed does not work yet."""

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import CUSTOM_RESOURCE, DEPLOYMENT, POD, Object, name_of


def definition_problem(client: ClusterClient, thing: Object) -> str:
    """Return why the API server does not serve a custom resource; empty if it does."""
    found = client.get(CUSTOM_RESOURCE, name_of(thing))
    conditions = ((found or {}).get("status") or {}).get("conditions") or ()
    if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
        return ""
    told = [one["message"] for one in conditions if one["status"] == "False" and one.get("message")]
    return "; ".join(told) or "the API server does not serve it yet"


def deployment_problem(client: ClusterClient, thing: Object) -> str:
    """Return why not all replicas of a Deployment are there; empty if they are."""
    namespace = thing["metadata"]["namespace"]
    found = client.get(DEPLOYMENT, name_of(thing), namespace)
    if found is None:
        return "it was deleted"
    status, wanted = found.get("status") or {}, found["spec"]["replicas"]
    seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    if seen and status.get("updatedReplicas", 0) >= wanted and status.get("availableReplicas", 0) >= wanted:
        return ""
    chosen = found["spec"]["selector"]["matchLabels"]
    pods = client.list(POD, namespace, selector=",".join(f"{key}={value}" for key, value in chosen.items()))
    problems = [problem for pod in pods.items if (problem := pod_problem(client, pod))]
    return problems[0] if problems else _refused(status) or "its pods start"


def _refused(status: Object) -> str:
    """Return why no pods are made, for example because of a quota."""
    conditions = status.get("conditions") or ()
    return "; ".join(one["message"] for one in conditions if one["type"] == "ReplicaFailure")


def pod_problem(client: ClusterClient, pod: Object) -> str:
    """Return what keeps a pod from being ready; empty if nothing but time."""
    status = pod.get("status") or {}
    name = f"pod {name_of(pod)}"
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{name}: {condition.get('message', 'no node takes it')}"
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
            said = _last_words(client, pod, container) or waiting.get("message", "")
            return f"{name}: {waiting['reason']}: {said}"
    return ""


def _last_words(client: ClusterClient, pod: Object, container: Object) -> str:
    """Return what a container said before it ended; empty if it has not run."""
    ended = (container.get("lastState") or {}).get("terminated")
    if not ended:
        return ""
    said = ended.get("message") or client.log_tail(name_of(pod), pod["metadata"]["namespace"], previous=True)
    lines = said.strip().splitlines()
    return lines[-1] if lines else f"it ended with exit code {ended['exitCode']}"
