"""Names, addresses and folders of a test cluster."""

from dataclasses import dataclass, replace
from pathlib import Path

DOMAIN = "cluster.local"
BRIDGE = "ipatc"
OUTSIDE = "10.200.0.1"
"""The machine itself, as the nodes see it."""

NODE_NETWORK = "10.200.0.0/24"
SERVICES = "10.96.0.0/16"
PODS = "10.210.0.0/16"
"""What the ranges of all nodes are parts of."""

FIRST_SERVICE = "10.96.0.1"
API_PORT = 6443


@dataclass(frozen=True, slots=True)
class Node:
    """One node: a network namespace with a kubelet and a containerd of its own.

    Parameters
    ----------
    number
        From 1. The first node also holds the control plane.
    """

    number: int

    @property
    def name(self) -> str:
        """Name of the node, and of its network namespace."""
        return f"ipatc-node{self.number}"

    @property
    def address(self) -> str:
        """Address on the bridge."""
        return f"10.200.0.{self.number + 1}"

    @property
    def pods(self) -> str:
        """Range of the addresses of its pods."""
        return f"10.210.{self.number}.0/24"

    @property
    def link(self) -> str:
        """Name of the outside end of its network link."""
        return f"ipatc{self.number}"

    @property
    def cgroup(self) -> str:
        """Where its pods are accounted; the first node takes the root."""
        return "/" if self.number == 1 else f"/ipatc-node{self.number}"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of a cluster.

    Parameters
    ----------
    state
        Deleted when the cluster stops: keys, sockets, logs, data.
    cache
        Kept: images, and the unpacked program.
    nodes
        The nodes.
    """

    state: Path
    cache: Path
    nodes: tuple[Node, ...]

    @property
    def control(self) -> Node:
        """The node with the control plane."""
        return self.nodes[0]

    @property
    def server(self) -> str:
        """Address of the API server."""
        return f"https://{self.control.address}:{API_PORT}"

    @property
    def kubeconfig(self) -> Path:
        """For the administrator."""
        return self.state / "admin.kubeconfig"

    def binary(self, name: str) -> str:
        """Return the path of a component."""
        return str(self.cache / "bin" / name)

    def folder(self, *parts: str) -> Path:
        """Return a folder in the state, made if it is missing."""
        path = self.state.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def socket(self, node: Node) -> Path:
        """Return the socket of a node's containerd."""
        return self.state / node.name / "containerd.sock"


def default_layout(nodes: int = 1) -> Layout:
    """Return the layout of the cluster of this machine; there is one at a time."""
    return Layout(
        state=Path("/run/ipa-testcluster"),
        cache=Path("/var/cache/ipa-testcluster"),
        nodes=tuple(Node(number) for number in range(1, nodes + 1)),
    )


def running_layout() -> Layout:
    """Return the layout of the cluster that runs: with the nodes that it was brought up with."""
    layout = default_layout(2)
    return replace(layout, nodes=tuple(node for node in layout.nodes if (layout.state / node.name).exists()))
