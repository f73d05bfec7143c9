"""Bring up and take down a real Kubernetes for tests on this machine, and disturb it.

    python -m infrastructure.testcluster up [--nodes 2]
    python -m infrastructure.testcluster down
    python -m infrastructure.testcluster status
    python -m infrastructure.testcluster clean              # images and programs too

    python -m infrastructure.testcluster stop kube-apiserver
    python -m infrastructure.testcluster start kube-apiserver
    python -m infrastructure.testcluster drain ipatc-node2
    python -m infrastructure.testcluster uncordon ipatc-node2
    python -m infrastructure.testcluster compact            # etcd forgets all but the present

``up`` prints the kubeconfig to use.
"""

import argparse
import shutil
import sys
import time

from infrastructure.testcluster import outages
from infrastructure.testcluster.cluster import MissingError, bring_up, kubectl, take_down
from infrastructure.testcluster.images import remove_images
from infrastructure.testcluster.layout import Layout, default_layout, running_layout

NAMED = {
    "stop": outages.stop,
    "start": outages.start,
    "drain": outages.drain,
    "uncordon": outages.uncordon,
}
"""Commands that take the name of a component or of a node."""


def main() -> int:
    """Run one command and return the exit code."""
    given = _parser().parse_args()
    try:
        return _run(given)
    except (MissingError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="testcluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="bring it up")
    up.add_argument("--nodes", type=int, choices=[1, 2], default=1, help="1 or 2 nodes")
    for name in ("down", "status", "clean", "compact"):
        commands.add_parser(name)
    for name in NAMED:
        commands.add_parser(name).add_argument("name", help="of a component or a node")
    return parser


def _run(given: argparse.Namespace) -> int:
    started_s = time.monotonic()
    if given.command == "up":
        layout = default_layout(given.nodes)
        bring_up(layout)
        print(f"up in {time.monotonic() - started_s:.1f} s: export KUBECONFIG={layout.kubeconfig}")
        return 0
    if given.command in ("down", "clean"):
        # Whatever two nodes can leave; one that was broken off may have left less.
        return _take_down(default_layout(2), images=given.command == "clean", started_s=started_s)
    layout = running_layout()
    if not layout.kubeconfig.exists():
        print("no test cluster runs", file=sys.stderr)
        return 1
    if given.command == "status":
        print(kubectl(layout, "get", "nodes,pods", "--all-namespaces", "-o", "wide"))
    elif given.command == "compact":
        print(f"etcd keeps nothing before revision {outages.compact(layout)}")
    else:
        NAMED[given.command](layout, given.name)
    return 0


def _take_down(layout: Layout, *, images: bool, started_s: float) -> int:
    if layout.state.exists():
        take_down(layout)
    if images:
        remove_images(layout)
        shutil.rmtree(layout.cache, ignore_errors=True)
    print(f"down in {time.monotonic() - started_s:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
