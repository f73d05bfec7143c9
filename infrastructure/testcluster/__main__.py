"""Bring up and take down a real Kubernetes for tests on this machine.

    python -m infrastructure.testcluster up [--nodes 2]
    python -m infrastructure.testcluster down
    python -m infrastructure.testcluster status
    python -m infrastructure.testcluster clean      # images and programs too

``up`` prints the kubeconfig to use.
"""

import argparse
import shutil
import sys
import time

from infrastructure.testcluster.cluster import MissingError, bring_up, kubectl, take_down
from infrastructure.testcluster.images import remove_images
from infrastructure.testcluster.layout import Layout, default_layout


def main() -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="testcluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["up", "down", "status", "clean"])
    parser.add_argument("--nodes", type=int, choices=[1, 2], default=1, help="1 or 2 nodes (up)")
    given = parser.parse_args()
    layout = default_layout(given.nodes if given.command == "up" else 2)
    try:
        return _run(given.command, layout)
    except (MissingError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _run(command: str, layout: Layout) -> int:
    started_s = time.monotonic()
    if command == "up":
        bring_up(layout)
        print(f"up in {time.monotonic() - started_s:.1f} s: export KUBECONFIG={layout.kubeconfig}")
    elif command == "status":
        if not layout.kubeconfig.exists():
            print("no test cluster runs")
            return 1
        print(kubectl(layout, "get", "nodes,pods", "--all-namespaces", "-o", "wide"))
    else:
        if layout.state.exists():
            take_down(layout)
        if command == "clean":
            remove_images(layout)
            shutil.rmtree(layout.cache, ignore_errors=True)
        print(f"down in {time.monotonic() - started_s:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
