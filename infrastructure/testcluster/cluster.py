"""Bring a test cluster up and take it down again."""

import contextlib
import os
import shutil
import ssl
import subprocess
import urllib.request
from functools import partial
from pathlib import Path

from infrastructure.testcluster.components import all_components
from infrastructure.testcluster.credentials import make_credentials
from infrastructure.testcluster.images import import_images
from infrastructure.testcluster.layout import Layout, Node
from infrastructure.testcluster.machine import (
    call,
    make_cgroups,
    make_networks,
    note_foreign_namespaces,
    note_pod_namespaces,
    remove_cgroups,
    remove_networks,
    restore_kernel_settings,
    save_kernel_settings,
    unmount_below,
)
from infrastructure.testcluster.processes import Processes, unpack, wait_for

PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
TOOLS = ("containerd", "runc", "iptables", "conntrack", "nsenter", "openssl", "ip", "xz", "ctr")
PACKAGES = (
    "containerd runc containernetworking-plugins iptables conntrack ipset socat iproute2 buildah debootstrap"
    " openssl xz-utils gcc libc6-dev"
)


PODS_END_S = 4.0
"""How long the kubelets have to end the pods themselves; what is left then is killed."""


class MissingError(Exception):
    """What the machine lacks for a test cluster, and how it gets it."""


def programs_dir() -> Path:
    """Return the folder with the archive of Kubernetes: IPA_TESTCLUSTER_BIN, else beside the clone."""
    default = Path(__file__).parents[3] / "shared" / "testcluster"
    return Path(os.environ.get("IPA_TESTCLUSTER_BIN", default))


def check_machine() -> None:
    """Raise if this machine cannot run a test cluster."""
    if os.geteuid() != 0:
        raise MissingError("a test cluster needs root: it makes network namespaces, mounts and cgroups")
    lacking = [
        tool
        for tool in TOOLS
        if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]
    if lacking:
        raise MissingError(f"missing here: {', '.join(lacking)}; apt-get install {PACKAGES}")
    if not (programs_dir() / "kubernetes.xz").exists():
        raise MissingError(
            f"no kubernetes.xz in {programs_dir()}; set IPA_TESTCLUSTER_BIN to the folder that holds it"
        )


def bring_up(layout: Layout) -> None:
    """Start a cluster and return once all its nodes are ready; one that failed to start is taken down."""
    check_machine()
    if layout.state.exists():
        take_down(layout)
    layout.state.mkdir(parents=True, mode=0o700)
    try:
        _bring_up(layout)
    except BaseException:
        shutil.copytree(layout.state / "logs", layout.cache / "last-logs", dirs_exist_ok=True)
        take_down(layout)
        raise


def _bring_up(layout: Layout) -> None:
    _link_programs(layout)
    save_kernel_settings(layout.state / "kernel.json")
    note_foreign_namespaces(layout)
    make_networks(layout)
    make_credentials(layout)
    processes = Processes(layout)
    for node in layout.nodes:
        make_cgroups(node)
        start_component(layout, f"containerd-{node.name}")
    start_component(layout, "etcd")
    start_component(layout, "kube-apiserver")
    for node in layout.nodes:
        wait_for("containerd", layout.socket(node).exists, 20)
        import_images(layout, node)
    wait_for_api(layout)
    start_component(layout, "kube-controller-manager")
    start_component(layout, "kube-scheduler")
    for node in layout.nodes:
        start_component(layout, f"kubelet-{node.name}")
        start_component(layout, f"kube-proxy-{node.name}")
    allow_kubelet_access(layout)
    for node in layout.nodes:
        ready, why = partial(node_ready, layout, node), partial(processes.log_end, f"kubelet-{node.name}")
        wait_for(f"node {node.name}", ready, 60, why)
    wait_for("the first service account", partial(_takes_pods, layout), 30)


def start_component(layout: Layout, name: str) -> None:
    """Start one component."""
    node, command = all_components(layout)[name]
    Processes(layout).start(name, node, command())


def wait_for_api(layout: Layout) -> None:
    """Return once the API server is ready."""
    log_end = partial(Processes(layout).log_end, "kube-apiserver")
    wait_for("the API server", lambda: _api_ready(layout), 60, log_end)


def _link_programs(layout: Layout) -> None:
    program = layout.cache / "bin" / "kubernetes"
    unpack(programs_dir() / "kubernetes.xz", program)
    for name in PROGRAMS:
        link = layout.cache / "bin" / name
        if not link.is_symlink():
            link.symlink_to(program.name)


def _api_ready(layout: Layout) -> bool:
    authority = layout.state / "pki" / "ca.crt"
    if not authority.exists():
        return False
    context = ssl.create_default_context(cafile=str(authority))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with contextlib.suppress(OSError), opener.open(f"{layout.server}/readyz", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def allow_kubelet_access(layout: Layout) -> None:
    """Let the API server, which shows its own certificate, read logs and run commands on the nodes."""
    kubectl(
        layout,
        "create",
        "clusterrolebinding",
        "apiserver-kubelet-admin",
        "--clusterrole=system:kubelet-api-admin",
        "--user=kube-apiserver",
    )


def node_ready(layout: Layout, node: Node) -> bool:
    """Whether a node takes pods."""
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    with contextlib.suppress(RuntimeError):
        return kubectl(layout, "get", "node", node.name, "-o", f"jsonpath={path}") == "True"
    return False


def _takes_pods(layout: Layout) -> bool:
    """Whether pods can be made: each needs the account that the controller manager gives to its namespace."""
    return bool(kubectl(layout, "get", "serviceaccount", "default", "-o", "name", check=False))


def kubectl(layout: Layout, *arguments: str, check: bool = True) -> str:
    """Run kubectl as the administrator and return what it prints."""
    return call(layout.binary("kubectl"), f"--kubeconfig={layout.kubeconfig}", *arguments, check=check)


def take_down(layout: Layout) -> None:
    """Stop everything and remove what it left: processes, mounts, namespaces, cgroups, settings, files."""
    processes = Processes(layout)
    if _api_ready(layout) and processes.alive("kube-apiserver"):
        with contextlib.suppress(RuntimeError):
            _delete_pods(layout, processes)
    agents = [f"{agent}-{node.name}" for node in layout.nodes for agent in ("kubelet", "kube-proxy")]
    processes.stop(*agents, "kube-scheduler", "kube-controller-manager")
    note_pod_namespaces(layout)
    for node in layout.nodes:
        _end_containers(layout, node)
    processes.stop("kube-apiserver", patience_s=5)
    processes.stop("etcd")
    processes.stop(*(f"containerd-{node.name}" for node in layout.nodes))
    unmount_below(layout.state)
    for node in layout.nodes:
        unmount_below(layout.cache / node.name)
    remove_networks(layout)
    remove_cgroups(layout)
    restore_kernel_settings(layout.state / "kernel.json")
    shutil.rmtree(layout.state)


def _delete_pods(layout: Layout, processes: Processes) -> None:
    """Delete what makes pods, then the pods; nothing may start new ones meanwhile."""
    processes.stop("kube-controller-manager")
    at_once = ("--all-namespaces", "--all", "--grace-period=0", "--force", "--wait=false")
    kubectl(layout, "delete", "pods", *at_once)
    wait_for("the end of all pods", lambda: not _running_tasks(layout), PODS_END_S)


def _running_tasks(layout: Layout) -> list[str]:
    return [task for node in layout.nodes for task in _tasks(layout, node)]


def _tasks(layout: Layout, node: Node) -> list[str]:
    if not layout.socket(node).exists():
        return []
    return ctr(layout, node, "tasks", "ls", "-q", check=False).split()


def _end_containers(layout: Layout, node: Node) -> None:
    """Kill and forget the containers that are still there."""
    for task in _tasks(layout, node):
        ctr(layout, node, "tasks", "kill", "-s", "SIGKILL", task, check=False)
        ctr(layout, node, "tasks", "delete", "--force", task, check=False)
    if layout.socket(node).exists():
        for container in ctr(layout, node, "containers", "ls", "-q", check=False).split():
            ctr(layout, node, "containers", "delete", container, check=False)


def ctr(layout: Layout, node: Node, *arguments: str, check: bool = True) -> str:
    """Run containerd's client in the namespace of Kubernetes; one that hangs is given up after 20 seconds."""
    command = ["ctr", "-a", str(layout.socket(node)), "-n", "k8s.io", "--timeout", "15s", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=check, timeout=120)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        if check:
            raise RuntimeError(f"{' '.join(command)}: {getattr(error, 'stderr', error)}") from error
        return ""
    return done.stdout
