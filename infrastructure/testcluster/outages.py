"""What a cluster lives through: components that are away, nodes that are emptied, history that is cut."""

import sys

from infrastructure.testcluster.cluster import MissingError, kubectl, start_component, wait_for_api
from infrastructure.testcluster.components import all_components
from infrastructure.testcluster.layout import Layout
from infrastructure.testcluster.machine import call, inside
from infrastructure.testcluster.processes import Processes

API_SERVER = "kube-apiserver"

DRAIN_S = 120


def stop(layout: Layout, name: str, patience_s: float = 5.0) -> None:
    """Stop one component; it is away until it is started again."""
    _check_component(layout, name)
    Processes(layout).stop(name, patience_s=patience_s)


def start(layout: Layout, name: str) -> None:
    """Start one component that was stopped; of the API server, return once it answers."""
    _check_component(layout, name)
    if Processes(layout).alive(name):
        raise MissingError(f"{name} runs already")
    start_component(layout, name)
    if name == API_SERVER:
        wait_for_api(layout)


def drain(layout: Layout, node: str) -> None:
    """Let a node take no more pods, and move those that it has, as far as disruption budgets let them go."""
    _check_node(layout, node)
    how = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={DRAIN_S}s")
    kubectl(layout, "drain", node, *how)


def uncordon(layout: Layout, node: str) -> None:
    """Let a node take pods again."""
    _check_node(layout, node)
    kubectl(layout, "uncordon", node)


def compact(layout: Layout) -> int:
    """Let etcd forget all but the present, and return the revision that this is.

    Who watches from an earlier revision on is told that it is gone.
    """
    script = (sys.executable, "-m", "infrastructure.testcluster.etcd_compaction")
    return int(call(*inside(layout.control, *script)))


def _check_component(layout: Layout, name: str) -> None:
    if name not in (known := all_components(layout)):
        raise MissingError(f"no component {name!r}; there are {', '.join(known)}")


def _check_node(layout: Layout, name: str) -> None:
    if name not in (known := [node.name for node in layout.nodes]):
        raise MissingError(f"no node {name!r}; there are {', '.join(known)}")
