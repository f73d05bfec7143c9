"""Measure what one controller takes for many pipelines that serve, in the test cluster.

    python -m infrastructure.testcluster up --nodes 2
    python -m infrastructure.scale --pipelines 1,10,25,50

Each pipeline is a gateway and an emulated replica: some 260 MB on the nodes.
"""

import argparse
import json
import signal
import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

from infrastructure.scale.run import ScaleSettings, measure_scale
from infrastructure.testcluster.cluster import MissingError
from infrastructure.testcluster.layout import running_layout
from ipa.errors import IpaError
from ipa.results.json_files import write_json
from ipa.results.provenance import environment, machine

INTERRUPTED = 128 + signal.SIGINT


def main() -> int:
    """Measure and return the exit code."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rows = []
    try:
        settings = ScaleSettings(given.pipelines, given.seconds, given.namespace)
        for step in measure_scale(settings, running_layout(), _tell):
            rows.append(asdict(step))
            print(json.dumps(rows[-1]), flush=True)
    except (IpaError, MissingError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: what was made is removed", file=sys.stderr)
        return INTERRUPTED
    if given.output is not None:
        write_json(given.output, {"rows": rows, "environment": environment(), "machine": machine()})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = ScaleSettings()
    parser.add_argument("--pipelines", type=steps, default=default.steps, help="ascending (1,10,25,50)")
    parser.add_argument("--seconds", type=float, default=default.measured_s, help="watched for so long (60)")
    parser.add_argument("--namespace", default=default.namespace, help="made, and deleted (ipa-scale)")
    parser.add_argument("--output", type=Path, help="file for the figures")
    return parser


def steps(text: str) -> tuple[int, ...]:
    """Return numbers of pipelines from text such as ``1,10,50``."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or found[0] < 1 or any(one >= other for one, other in pairwise(found)):
        raise argparse.ArgumentTypeError(f"{text!r}; give ascending whole numbers, such as 1,10,50")
    return found


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
