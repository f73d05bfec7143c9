"""Writes what is made from other files: the manifests that come with the package, and files for monitoring.

    python -m infrastructure.render           # make manifests

The manifests are what ``kubectl kustomize`` makes of the overlays; a test compares. kubectl renders without a
cluster.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from infrastructure.grafana.dashboard import dashboard

HERE = Path(__file__).parent
OVERLAYS = HERE / "kubernetes" / "overlays"
MANIFESTS = HERE.parent / "ipa" / "cluster" / "installation" / "rendered"
RULES = HERE / "prometheus" / "rules" / "ipa.yaml"


def overlay_names() -> list[str]:
    """Return the names of the overlays."""
    return sorted(folder.name for folder in OVERLAYS.iterdir() if folder.is_dir())


def render_overlay(name: str) -> str:
    """Return what kubectl makes of an overlay."""
    head = f"# Made by `make manifests` from infrastructure/kubernetes/overlays/{name}; change those.\n"
    done = subprocess.run(
        ["kubectl", "kustomize", str(OVERLAYS / name)], check=True, capture_output=True, text=True
    )
    # YAML 1.1, which Python reads, knows a number with an exponent by its point only.
    return head + re.sub(r"(: -?\d+)(e[+-]?\d+)$", r"\1.0\2", done.stdout, flags=re.MULTILINE)


def render_rules() -> str:
    """Return the rules as the object that the Prometheus operator reads."""
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "ipa", "labels": {"app.kubernetes.io/name": "ipa"}},
        "spec": yaml.safe_load(RULES.read_text(encoding="utf-8")),
    }
    return "# Made by `make manifests` from rules/ipa.yaml; change that.\n" + yaml.safe_dump(
        rule, sort_keys=False, width=110
    )


def render_dashboard() -> str:
    """Return the dashboard as JSON."""
    return json.dumps(dashboard(), indent=2) + "\n"


def rendered() -> Iterator[tuple[Path, str]]:
    """Yield every file that is made here, with its content."""
    yield HERE / "prometheus" / "operator" / "rules.yaml", render_rules()
    # An overlay has the dashboard in it.
    yield HERE / "grafana" / "dashboards" / "ipa.json", render_dashboard()
    for name in overlay_names():
        yield MANIFESTS / f"{name}.yaml", render_overlay(name)


if __name__ == "__main__":
    for file, content in rendered():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        print(file.relative_to(HERE.parent))
