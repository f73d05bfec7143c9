"""What a test cluster changes on the machine, and how that is undone: networks, cgroups, kernel settings."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infrastructure.testcluster.layout import BRIDGE, NODE_NETWORK, OUTSIDE, SERVICES, Layout, Node

KERNEL = (
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
    "net.ipv4.ip_forward",
    "net.bridge.bridge-nf-call-iptables",
    "net.ipv4.conf.all.forwarding",
    "net.ipv4.conf.default.forwarding",
)
"""Settings that kubelet and bridges change for the whole machine."""

CGROUPS = Path("/sys/fs/cgroup")


def call(*command: str, check: bool = True) -> str:
    """Run a command and return what it prints; its complaint is the error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def inside(node: Node, *command: str) -> list[str]:
    """Return a command that runs in the network of a node; `ip netns exec` would hide the cgroups."""
    return ["nsenter", f"--net=/run/netns/{node.name}", *command]


def save_kernel_settings(file: Path) -> None:
    """Write down the settings of the kernel unless they are written down already."""
    if not file.exists():
        known = {name: setting.read_text().strip() for name in KERNEL if (setting := _setting(name)).exists()}
        file.write_text(json.dumps(known))


def restore_kernel_settings(file: Path) -> None:
    """Set the kernel as it was."""
    if file.exists():
        for name, value in json.loads(file.read_text()).items():
            _setting(name).write_text(value)


def _setting(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


def make_networks(layout: Layout) -> None:
    """Connect the nodes and the machine by a bridge, and lay the routes to pods and services."""
    call("ip", "link", "add", BRIDGE, "type", "bridge")
    call("ip", "addr", "add", f"{OUTSIDE}/24", "dev", BRIDGE)
    call("ip", "link", "set", BRIDGE, "up")
    for node in layout.nodes:
        _connect(node)
    for node in layout.nodes:
        call("ip", "route", "add", node.pods, "via", node.address)
        for other in layout.nodes:
            if other != node:
                call(*inside(node, "ip", "route", "add", other.pods, "via", other.address))
    call("ip", "route", "add", SERVICES, "via", layout.control.address)


def _connect(node: Node) -> None:
    call("ip", "netns", "add", node.name)
    call("ip", "link", "add", node.link, "type", "veth", "peer", "name", "eth0", "netns", node.name)
    call("ip", "link", "set", node.link, "master", BRIDGE, "up")
    steps: Sequence[tuple[str, ...]] = (
        ("ip", "addr", "add", f"{node.address}/{NODE_NETWORK.split('/')[1]}", "dev", "eth0"),
        ("ip", "link", "set", "eth0", "up"),
        ("ip", "link", "set", "lo", "up"),
        ("ip", "route", "add", "default", "via", OUTSIDE),
        ("sysctl", "-q", "-w", "net.ipv4.ip_forward=1"),
    )
    for step in steps:
        call(*inside(node, *step))


def remove_networks(layout: Layout) -> None:
    """Remove namespaces, links, bridge; routes go with them."""
    for node in layout.nodes:
        call("ip", "netns", "del", node.name, check=False)
        call("ip", "link", "del", node.link, check=False)
    call("ip", "link", "del", BRIDGE, check=False)
    ours = _listed(layout.state / "cni-namespaces")
    for name in _pod_namespaces():
        if name in ours:
            call("ip", "netns", "del", name, check=False)
    if (layout.state / "no-namespaces-before").exists():
        # Where no namespace was, adding the first one made this a mount.
        call("umount", "/run/netns", check=False)


def note_pod_namespaces(layout: Layout) -> None:
    """Write down the network namespaces that the container runtime made, while it still knows them."""
    before = set(_listed(layout.state / "cni-namespaces-before"))
    now = [name for name in _pod_namespaces() if name not in before]
    (layout.state / "cni-namespaces").write_text("\n".join(now))


def note_foreign_namespaces(layout: Layout) -> None:
    """Write down the network namespaces of containers that are not of this cluster, and if there is none."""
    if not Path("/run/netns").is_mount():
        (layout.state / "no-namespaces-before").touch()
    (layout.state / "cni-namespaces-before").write_text("\n".join(_pod_namespaces()))


def _pod_namespaces() -> list[str]:
    names = (line.split()[0] for line in call("ip", "netns", "list").splitlines() if line)
    return [name for name in names if name.startswith("cni-")]


def _listed(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def make_cgroups(node: Node) -> None:
    """Make the root cgroup of a node in every hierarchy, with the CPUs and memory nodes of the machine."""
    if node.cgroup == "/":
        return
    for hierarchy in _hierarchies():
        folder = hierarchy / node.cgroup.strip("/")
        folder.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / name).exists():
                (folder / name).write_text((hierarchy / name).read_text())


def remove_cgroups(layout: Layout) -> None:
    """Remove the cgroups of all pods, the innermost first."""
    for hierarchy in _hierarchies():
        for node in layout.nodes:
            root = hierarchy / node.cgroup.strip("/")
            for folder in sorted(root.glob("kubepods/**/"), key=lambda path: -len(path.parts)):
                _remove(folder)
            if node.cgroup != "/":
                _remove(root)


def _hierarchies() -> list[Path]:
    """Return the cgroup hierarchies; links such as cpu,cpuacct lead to the same folder."""
    return sorted({path.resolve() for path in CGROUPS.iterdir() if path.is_dir()})


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def unmount_below(folder: Path) -> None:
    """Unmount whatever is mounted in a folder, the innermost first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1].replace("\\040", " ") for line in lines]
    for point in sorted((p for p in points if Path(p).is_relative_to(folder)), key=len, reverse=True):
        call("umount", "--lazy", point, check=False)
