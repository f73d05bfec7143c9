"""The Kubernetes for tests comes up, runs pods on both nodes, and leaves nothing behind."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from infrastructure.testcluster import outages
from infrastructure.testcluster.cluster import MissingError, bring_up, check_machine, kubectl, take_down
from infrastructure.testcluster.layout import Layout, default_layout
from infrastructure.testcluster.machine import KERNEL, inside, save_kernel_settings
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


def _file(cluster: Layout, thing: dict[str, object]) -> str:
    file = cluster.state / "thing.json"
    file.write_text(json.dumps(thing))
    return str(file)


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


def test_services_lead_to_pods_of_both_nodes_from_this_machine(cluster: Layout) -> None:
    for node in cluster.nodes:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": node.name, "labels": {"app": "echo"}}}
        container = {"name": "echo", "image": "localhost/pause:3"}
        pod["spec"] = {"nodeName": node.name, "containers": [container]}
        kubectl(cluster, "create", "-f", _file(cluster, pod))
    kubectl(cluster, "expose", "pod", cluster.control.name, "--name=echo", "--port=80", "--selector=app=echo")
    rules = partial(_output, *inside(cluster.control, "iptables-save", "-t", "nat"))
    wait_for("rules for both pods", lambda: rules().count("default/echo") >= 2, 30)
    # What comes from outside the pods is sent back by the node that it came through.
    assert any("! -s 10.210.0.0/16" in line and "default/echo" in line for line in rules().splitlines())


def test_the_api_server_can_be_away_and_comes_back(cluster: Layout) -> None:
    outages.stop(cluster, outages.API_SERVER)
    with pytest.raises(RuntimeError):
        kubectl(cluster, "get", "nodes", "--request-timeout=2s")
    outages.start(cluster, outages.API_SERVER)
    assert kubectl(cluster, "get", "nodes", "-o", "name").count("node/") == 2
    with pytest.raises(MissingError, match="runs already"):
        outages.start(cluster, outages.API_SERVER)


def test_a_node_is_emptied_and_takes_pods_again(cluster: Layout) -> None:
    node = cluster.nodes[-1].name
    where = ("get", "pods", "-l", "app=pause", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert node in kubectl(cluster, *where)
    # A scheduler that has lost its API server a moment ago may not have heard yet which node takes no pods.
    for _ in range(5):
        outages.drain(cluster, node)
        if node not in kubectl(cluster, *where):
            break
    assert node not in kubectl(cluster, *where)
    outages.uncordon(cluster, node)
    assert "SchedulingDisabled" not in kubectl(cluster, "get", "nodes")


def test_etcd_forgets_its_history(cluster: Layout) -> None:
    earlier = int(
        kubectl(cluster, "get", "namespace", "default", "-o", "jsonpath={.metadata.resourceVersion}")
    )
    kubectl(cluster, "label", "namespace", "default", "compacted=yes")
    assert outages.compact(cluster) > earlier
    # The present is still there.
    assert "compacted" in kubectl(cluster, "get", "namespace", "default", "--show-labels")


@pytest.mark.parametrize("change", [outages.stop, outages.start, outages.drain, outages.uncordon])
def test_what_is_not_there_is_told(cluster: Layout, change: Callable[[Layout, str], None]) -> None:
    with pytest.raises(MissingError, match=r"no (component|node) 'nothing'; there are .*ipatc-node1"):
        change(cluster, "nothing")


def test_taking_it_down_leaves_nothing(cluster: Layout, before: Machine, tmp_path: Path) -> None:
    take_down(cluster)
    assert not cluster.state.exists()
    assert Machine.now(tmp_path) == before


def test_the_settings_that_are_put_back_are_those_that_kubelets_change() -> None:
    assert {"vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops", "net.ipv4.ip_forward"} <= set(
        KERNEL
    )
