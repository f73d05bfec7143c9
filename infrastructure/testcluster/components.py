"""Command lines and configuration files of the components of a test cluster."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from infrastructure.testcluster.layout import API_PORT, DOMAIN, PODS, SERVICES, Layout, Node

PAUSE_IMAGE = "localhost/pause:3"

Command = Callable[[], list[str]]
"""Writes the configuration of a component and returns its command."""


def all_components(layout: Layout) -> dict[str, tuple[Node, Command]]:
    """Return where each component runs, and its command, by its name."""
    control = layout.control
    found: dict[str, tuple[Node, Command]] = {
        "etcd": (control, partial(etcd, layout)),
        "kube-apiserver": (control, partial(api_server, layout)),
        "kube-controller-manager": (control, partial(controller_manager, layout)),
        "kube-scheduler": (control, partial(scheduler, layout)),
    }
    for node in layout.nodes:
        found[f"containerd-{node.name}"] = node, partial(containerd, layout, node)
        found[f"kubelet-{node.name}"] = node, partial(kubelet, layout, node)
        found[f"kube-proxy-{node.name}"] = node, partial(proxy, layout, node)
    return found


def etcd(layout: Layout) -> list[str]:
    """Return the command of etcd; it need not survive a power cut."""
    return [
        layout.binary("etcd"),
        f"--data-dir={layout.folder('etcd')}",
        "--unsafe-no-fsync",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--log-level=warn",
    ]


def api_server(layout: Layout) -> list[str]:
    """Return the command of the API server.

    Without the preferred address types, logs and exec look the node's name up in a DNS that is not there.
    """
    keys = layout.state / "pki"
    return [
        layout.binary("kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={layout.control.address}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--tls-cert-file={keys / 'server.crt'}",
        f"--tls-private-key-file={keys / 'server.key'}",
        f"--client-ca-file={keys / 'ca.crt'}",
        f"--service-account-key-file={keys / 'sa.pub'}",
        f"--service-account-signing-key-file={keys / 'sa.key'}",
        f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
        f"--token-auth-file={keys / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={keys / 'ca.crt'}",
        f"--kubelet-client-certificate={keys / 'server.crt'}",
        f"--kubelet-client-key={keys / 'server.key'}",
    ]


def controller_manager(layout: Layout) -> list[str]:
    """Return the command of the controller manager."""
    keys = layout.state / "pki"
    return [
        layout.binary("kube-controller-manager"),
        f"--kubeconfig={layout.state / 'controller-manager.kubeconfig'}",
        f"--service-account-private-key-file={keys / 'sa.key'}",
        f"--root-ca-file={keys / 'ca.crt'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
    ]


def scheduler(layout: Layout) -> list[str]:
    """Return the command of the scheduler."""
    kubeconfig = layout.state / "scheduler.kubeconfig"
    return [layout.binary("kube-scheduler"), f"--kubeconfig={kubeconfig}", "--leader-elect=false"]


def kubelet(layout: Layout, node: Node) -> list[str]:
    """Return the command of a kubelet; its configuration is written first."""
    folder, keys = layout.folder(node.name), layout.state / "pki"
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "failSwapOn": False,
        "maxOpenFiles": 20_000,
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{layout.socket(node)}",
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        # Nobody could pull an image again that was collected.
        "imageGCHighThresholdPercent": 100,
        "volumePluginDir": str(layout.folder(node.name, "plugins")),
        "nodeStatusUpdateFrequency": "4s",
        "resolvConf": "",
        "clusterDomain": DOMAIN,
        "healthzBindAddress": "127.0.0.1",
        "syncFrequency": "10s",
        "serializeImagePulls": False,
    }
    if node != layout.control:
        config["systemReserved"] = {"cpu": "200m", "memory": "1Gi"}
    file = folder / "kubelet.json"
    file.write_text(json.dumps(config, indent=2))
    return [
        layout.binary("kubelet"),
        f"--config={file}",
        f"--kubeconfig={layout.state / node.name}.kubeconfig",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
        f"--root-dir={layout.folder(node.name, 'kubelet')}",
        f"--cert-dir={layout.folder(node.name, 'kubelet-pki')}",
    ]


def proxy(layout: Layout, node: Node) -> list[str]:
    """Return the command of a kube-proxy; its configuration is written first."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        # What comes from outside, from this machine that is, goes back the way it came, also where a Service
        # leads to a pod on the other node.
        "clusterCIDR": PODS,
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(layout.state / "proxy.kubeconfig")},
        "conntrack": {"maxPerCore": 0, "min": 0},
        "oomScoreAdj": 0,
        "iptables": {"minSyncPeriod": "0s", "syncPeriod": "10s"},
    }
    file = layout.folder(node.name) / "proxy.json"
    file.write_text(json.dumps(config, indent=2))
    return [layout.binary("kube-proxy"), f"--config={file}"]


def containerd(layout: Layout, node: Node) -> list[str]:
    """Return the command of a node's containerd; its configuration and its network are written first."""
    folder = layout.folder(node.name)
    network = layout.folder(node.name, "cni")
    (network / "10-bridge.conflist").write_text(json.dumps(_pod_network(node), indent=2))
    file = folder / "containerd.toml"
    file.write_text(_containerd_config(layout, node, network))
    return ["containerd", "--config", str(file), "--log-level", "warn"]


def _containerd_config(layout: Layout, node: Node, network: Path) -> str:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{layout.cache / node.name}"
state = "{layout.folder(node.name, "containerd")}"
[grpc]
address = "{layout.socket(node)}"
[{cri}]
sandbox_image = "{PAUSE_IMAGE}"
restrict_oom_score_adj = true
enable_unprivileged_ports = true
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
[{cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{network}"
"""


def _pod_network(node: Node) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": f"cni{node.number}",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": f"/run/ipa-testcluster/{node.name}/addresses",
            "ranges": [[{"subnet": node.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }
