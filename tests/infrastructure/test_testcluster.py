"""The Kubernetes for tests comes up, runs pods on both nodes, and leaves nothing behind."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from infrastructure.testcluster.cluster import MissingError, bring_up, check_machine, kubectl, take_down
from infrastructure.testcluster.layout import Layout, default_layout
from infrastructure.testcluster.machine import KERNEL, save_kernel_settings
from infrastructure.testcluster.processes import wait_for

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Machine:
    """What a cluster could leave behind."""

    namespaces: frozenset[str]
    links: frozenset[str]
    routes: str
    mounts: frozenset[str]
    cgroups: frozenset[str]
    kernel: str
    rules: str
    processes: frozenset[str]

    @classmethod
    def now(cls, folder: Path) -> "Machine":
        file = folder / "kernel.json"
        file.unlink(missing_ok=True)
        save_kernel_settings(file)
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        return cls(
            namespaces=frozenset(_output("ip", "netns", "list").split()),
            links=frozenset(line.split()[1] for line in _output("ip", "-o", "link").splitlines()),
            routes=_output("ip", "route"),
            mounts=frozenset(line.split()[1] for line in mounts),
            cgroups=frozenset(
                str(path)
                for path in Path("/sys/fs/cgroup").rglob("*")
                if path.name.startswith(("kubepods", "ipatc"))
            ),
            kernel=file.read_text(),
            rules=_output("iptables-save"),
            processes=frozenset(
                process.name()
                for process in psutil.process_iter()
                if process.name().startswith(("kube", "etcd", "containerd")) and process.status() != "zombie"
            ),
        )


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine.now(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="module")
def cluster(before: Machine) -> Iterator[Layout]:  # noqa: ARG001 (it looks first)
    try:
        check_machine()
    except MissingError as error:
        pytest.skip(str(error))
    layout = default_layout(nodes=2)
    if layout.state.exists():
        pytest.skip("a test cluster runs already: python -m infrastructure.testcluster down")
    bring_up(layout)
    yield layout
    if layout.state.exists():
        take_down(layout)


def _ready_replicas(cluster: Layout, deployment: str) -> str:
    return kubectl(cluster, "get", "deployment", deployment, "-o", "jsonpath={.status.readyReplicas}")


def test_pods_run_on_both_nodes(cluster: Layout) -> None:
    kubectl(cluster, "create", "deployment", "pause", "--image=localhost/pause:3", "--replicas=4")
    wait_for("four pods", lambda: _ready_replicas(cluster, "pause") == "4", 60)
    nodes = kubectl(cluster, "get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}").split()
    assert set(nodes) == {node.name for node in cluster.nodes}


def test_the_api_server_trusts_the_nodes_which_logs_and_commands_come_from(cluster: Layout) -> None:
    (pod, *_) = kubectl(cluster, "get", "pods", "-o", "name").split()
    assert kubectl(cluster, "logs", pod) == ""


def test_only_the_administrator_may_do_everything(cluster: Layout) -> None:
    assert "yes" in kubectl(cluster, "auth", "can-i", "*", "*")
    account = "--as=system:serviceaccount:default:default"
    assert "no" in kubectl(cluster, "auth", "can-i", "delete", "pods", account, check=False)


def test_taking_it_down_leaves_nothing(cluster: Layout, before: Machine, tmp_path: Path) -> None:
    take_down(cluster)
    assert not cluster.state.exists()
    assert Machine.now(tmp_path) == before


def test_the_settings_that_are_put_back_are_those_that_kubelets_change() -> None:
    assert {"vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops", "net.ipv4.ip_forward"} <= set(
        KERNEL
    )
