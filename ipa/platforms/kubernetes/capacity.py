"""How many cores a pipeline can have in a cluster: what its nodes hold, less what others have asked for."""

import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from ipa.cluster.kinds import Object
from ipa.cluster.names import COMPONENT_LABEL, PIPELINE_LABEL, REPLICA
from ipa.errors import InvalidValueError

_QUANTITY = re.compile(r"([0-9]*\.?[0-9]+)(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_UNITS: Mapping[str | None, Fraction] = {
    None: Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    **{unit: Fraction(1000) ** power for power, unit in enumerate(("k", "M", "G", "T"), 1)},
    **{unit: Fraction(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)},
}


def quantity(text: str) -> Fraction:
    """Return a quantity of Kubernetes as a number.

    Examples
    --------
    >>> quantity("1500m"), quantity("2"), quantity("1Gi")
    (Fraction(3, 2), Fraction(2, 1), Fraction(1073741824, 1))
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise InvalidValueError(f"{text!r} is no quantity of Kubernetes")
    return Fraction(found[1]) * _UNITS[found[2]]


def fitting_cores(
    nodes: Iterable[Object], pods: Iterable[Object], quotas: Iterable[Object], pipeline: str
) -> int:
    """Return how many cores the replicas of a pipeline can hold together.

    A replica is on one node: of each node only whole cores count.

    Parameters
    ----------
    nodes
        Of the cluster.
    pods
        Of all namespaces.
    quotas
        Of the namespace of the pipeline.
    pipeline
        What its replicas hold now is its own to use.
    """
    taken: dict[str, Fraction] = {}
    for pod in pods:
        where = pod["spec"].get("nodeName", "")
        over = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if where and not over and not _is_replica_of(pod, pipeline):
            taken[where] = taken.get(where, Fraction()) + _requested(pod)
    free = sum(
        max(0, math.floor(quantity(node["status"]["allocatable"]["cpu"]) - taken.get(_name(node), 0)))
        for node in nodes
        if _takes_pods(node)
    )
    own = sum((_requested(pod) for pod in pods if _is_replica_of(pod, pipeline)), Fraction())
    return min([free, *(math.floor(left + own) for quota in quotas for left in _left(quota))])


def _takes_pods(node: Object) -> bool:
    ready = any(
        one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions") or ()
    )
    closed = [taint for taint in node["spec"].get("taints") or () if taint["effect"] != "PreferNoSchedule"]
    return ready and not node["spec"].get("unschedulable") and not closed


def _requested(pod: Object) -> Fraction:
    asked = ((one.get("resources") or {}).get("requests") or {} for one in pod["spec"]["containers"])
    return sum((quantity(one.get("cpu", "0")) for one in asked), Fraction())


def _left(quota: Object) -> Iterable[Fraction]:
    """Return what a quota leaves of cores."""
    status: Mapping[str, Any] = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    for name in ("requests.cpu", "limits.cpu", "cpu"):
        if name in hard:
            yield max(Fraction(), quantity(hard[name]) - quantity(used.get(name, "0")))


def _is_replica_of(pod: Object, pipeline: str) -> bool:
    marks = pod["metadata"].get("labels") or {}
    return marks.get(PIPELINE_LABEL) == pipeline and marks.get(COMPONENT_LABEL) == REPLICA


def _name(thing: Object) -> str:
    return str(thing["metadata"]["name"])
