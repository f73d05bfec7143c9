"""Break what a pipeline in the test cluster stands on, under load, and account for every request.

    python -m infrastructure.testcluster up --nodes 2
    python -m infrastructure.chaos --duration 15m --rate 50 --seed 0 --output results/stored/chaos.json

Exit code 1 if a bar is missed. --without leaves out kinds of events, where others use the cluster too.
"""

import argparse
import json
import math
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infrastructure.chaos.kinds import FULL_S, KINDS
from infrastructure.chaos.outcome import ChaosOutcome
from infrastructure.chaos.run import ChaosSettings, run_chaos
from infrastructure.chaos.schedule import SHORTEST_RUN_S
from infrastructure.chaos.text import as_text
from infrastructure.testcluster.cluster import MissingError
from ipa.cli.parse import seconds
from ipa.errors import IpaError
from ipa.limits import MARGIN
from ipa.results.json_files import without_nan, write_json
from ipa.results.provenance import environment, machine

MOST_RATE_RPS = 1000.0

INTERRUPTED = 128 + signal.SIGINT


def main() -> int:
    """Run it and return the exit code."""
    parser = _parser()
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = _settings(given)
        outcome = run_chaos(settings, lambda line: print(line, file=sys.stderr, flush=True))
        _show(settings, outcome, given)
    except (IpaError, MissingError, RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: what was served is removed, what was taken away is back", file=sys.stderr)
        return INTERRUPTED
    return 0 if all(outcome.bars().values()) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = ChaosSettings()
    parser.add_argument("--duration", type=seconds, default=FULL_S, help="such as 90s or 15m (15m)")
    parser.add_argument("--rate", type=float, default=default.rate_rps, help="requests per second (50)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of the schedule and what it hits (0)")
    parser.add_argument("--shards", type=int, default=default.shards, help="pods of the gateway (2)")
    parser.add_argument(
        "--margin", type=float, default=default.margin, help="spec.forecastMargin of the pipeline (0.4)"
    )
    parser.add_argument("--namespace", default=default.namespace, help="made, and deleted (ipa-chaos)")
    parser.add_argument(
        "--without", action="append", default=[], choices=list(KINDS), help="leave out a kind"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--output", type=Path, help="file for the JSON too")
    return parser


def _settings(given: argparse.Namespace) -> ChaosSettings:
    if given.duration < SHORTEST_RUN_S:
        raise ValueError(f"--duration is {given.duration:g} s; a run lasts at least {SHORTEST_RUN_S:g} s")
    if not (math.isfinite(given.rate) and 1.0 <= given.rate <= MOST_RATE_RPS):
        raise ValueError(f"--rate is {given.rate:g}; it must be from 1 to {MOST_RATE_RPS:g} requests/s")
    if given.seed < 0:
        raise ValueError(f"--seed is {given.seed}; it must be at least 0")
    if not 1 <= given.shards <= 8:
        raise ValueError(f"--shards is {given.shards}; it must be from 1 to 8")
    MARGIN.check("--margin", given.margin)
    return ChaosSettings(
        given.duration,
        given.rate,
        given.seed,
        given.shards,
        given.margin,
        given.namespace,
        tuple(given.without),
    )


def _show(settings: ChaosSettings, outcome: ChaosOutcome, given: argparse.Namespace) -> None:
    content: dict[str, Any] = {
        "settings": asdict(settings),
        **outcome.as_dict(),
        "environment": environment(),
        "machine": machine(),
    }
    if given.output is not None:
        write_json(given.output, content)
    print(json.dumps(without_nan(content), indent=2) if given.json else as_text(outcome))


if __name__ == "__main__":
    sys.exit(main())
