"""What a pipeline can have is what nodes hold, less what others have asked for, within quotas."""

from fractions import Fraction
from typing import Any

import pytest

from ipa.cluster.names import REPLICA, labels
from ipa.errors import InvalidValueError
from ipa.platforms.kubernetes.capacity import fitting_cores, quantity


def node(name: str, cpu: str, **spec: Any) -> dict[str, Any]:
    status = {"allocatable": {"cpu": cpu}, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name}, "spec": spec, "status": status}


def pod(where: str, cpu: str, pipeline: str = "", phase: str = "Running") -> dict[str, Any]:
    spec = {"nodeName": where, "containers": [{"resources": {"requests": {"cpu": cpu}}}, {}]}
    marks = labels(pipeline, REPLICA) if pipeline else {}
    return {"metadata": {"labels": marks}, "spec": spec, "status": {"phase": phase}}


def quota(hard: str, used: str, name: str = "requests.cpu") -> dict[str, Any]:
    return {"status": {"hard": {name: hard}, "used": {name: used}}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", Fraction(1, 2)),
        ("250m", Fraction(1, 4)),
        ("3k", 3000),
        ("2Mi", 2 * 1024**2),
        ("100n", Fraction(1, 10**7)),
    ],
)
def test_quantities(text: str, value: Fraction) -> None:
    assert quantity(text) == value


def test_what_is_no_quantity_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="'two' is no quantity"):
        quantity("two")


@pytest.mark.parametrize(
    ("nodes", "pods", "quotas", "cores"),
    [
        ([node("a", "4"), node("b", "3900m")], [], [], 7),
        ([node("a", "4")], [pod("a", "1500m")], [], 2),
        ([node("a", "4")], [pod("a", "1500m", "video")], [], 4),
        ([node("a", "4")], [pod("a", "3", phase="Succeeded")], [], 4),
        ([node("a", "4")], [pod("", "3")], [], 4),
        ([node("a", "1"), node("b", "4")], [pod("a", "3")], [], 4),
        ([node("a", "4", unschedulable=True), node("b", "2")], [], [], 2),
        ([node("a", "4", taints=[{"effect": "NoSchedule"}]), node("b", "2")], [], [], 2),
        ([node("a", "4", taints=[{"effect": "PreferNoSchedule"}])], [], [], 4),
        ([node("a", "8")], [pod("a", "2", "video")], [quota("5", "2")], 5),
        ([node("a", "8")], [], [quota("5", "0"), quota("3", "1", "limits.cpu")], 2),
        ([node("a", "8")], [], [quota("1", "2")], 0),
        ([], [], [], 0),
    ],
)
def test_what_fits(nodes: list[Any], pods: list[Any], quotas: list[Any], cores: int) -> None:
    assert fitting_cores(nodes, pods, quotas, "video") == cores
