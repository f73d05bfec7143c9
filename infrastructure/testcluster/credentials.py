"""Keys and identities of a test cluster: made at every start, deleted at every stop."""

import base64
import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from infrastructure.testcluster.layout import DOMAIN, FIRST_SERVICE, Layout, Node
from infrastructure.testcluster.machine import call

DAYS = "2"


def make_credentials(layout: Layout) -> None:
    """Write the certificates, the service-account key, the tokens, and a kubeconfig for each identity."""
    keys = layout.folder("pki")
    keys.chmod(0o700)
    _make_authority(keys)
    _make_server_certificate(keys, layout.control.address)
    for node in layout.nodes:
        make_node_certificate(keys, layout.folder(node.name, "kubelet-pki"), node)
    call("openssl", "genrsa", "-out", str(keys / "sa.key"), "2048")
    call("openssl", "rsa", "-in", str(keys / "sa.key"), "-pubout", "-out", str(keys / "sa.pub"))
    lines = []
    for name, (user, groups) in _identities(layout).items():
        token = secrets.token_hex(16)
        lines.append(f'{token},{user},{user},"{groups}"' if groups else f"{token},{user},{user}")
        write_kubeconfig(layout.state / f"{name}.kubeconfig", layout.server, keys / "ca.crt", token)
    (keys / "tokens.csv").write_text("\n".join(lines) + "\n")
    (keys / "tokens.csv").chmod(0o600)


def _identities(layout: Layout) -> dict[str, tuple[str, str]]:
    known = {
        "admin": ("admin", "system:masters"),
        "controller-manager": ("system:kube-controller-manager", ""),
        "scheduler": ("system:kube-scheduler", ""),
        "proxy": ("system:kube-proxy", ""),
    }
    nodes = {node.name: (f"system:node:{node.name}", "system:nodes") for node in layout.nodes}
    return known | nodes


def write_kubeconfig(file: Path, server: str, authority: Path, token: str) -> None:
    """Write a kubeconfig for one identity; JSON is YAML."""
    certificate = base64.b64encode(authority.read_bytes()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "test", "cluster": {"server": server, "certificate-authority-data": certificate}}
        ],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}],
        "current-context": "test",
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(content, indent=2))


def _make_authority(keys: Path) -> None:
    call(
        *(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            DAYS,
            "-subj",
            "/CN=ipa-testcluster",
        ),
        *("-keyout", str(keys / "ca.key"), "-out", str(keys / "ca.crt")),
    )


def _make_server_certificate(keys: Path, address: str) -> None:
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{DOMAIN}"]
    addresses = ("127.0.0.1", address, FIRST_SERVICE)
    alternatives = [f"DNS:{name}" for name in names] + [f"IP:{ip}" for ip in addresses]
    _make_certificate(keys, keys / "server", "kube-apiserver", alternatives)


def make_node_certificate(keys: Path, folder: Path, node: Node) -> None:
    """Write what a kubelet serves logs, exec and port-forward with, where it looks for it.

    One that it makes itself is not trusted by the API server, which asks it.
    """
    _make_certificate(keys, folder / "kubelet", node.name, [f"DNS:{node.name}", f"IP:{node.address}"])


def _make_certificate(keys: Path, stem: Path, name: str, alternatives: Sequence[str]) -> None:
    """Write a certificate and its key, signed by the authority, as ``stem.crt`` and ``stem.key``."""
    extensions, request = stem.with_suffix(".ext"), stem.with_suffix(".csr")
    extensions.write_text(f"subjectAltName={','.join(alternatives)}\n")
    call(
        *("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
        *("-keyout", str(stem.with_suffix(".key")), "-out", str(request)),
    )
    call(
        *("openssl", "x509", "-req", "-days", DAYS, "-in", str(request), "-CAcreateserial"),
        *("-CA", str(keys / "ca.crt"), "-CAkey", str(keys / "ca.key"), "-extfile", str(extensions)),
        *("-out", str(stem.with_suffix(".crt"))),
    )
