"""Command line of the containers: ``python -m ipa.serving.pod replica|gateway --settings FILE``."""

import argparse
import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from ipa.errors import IpaError, PodSettingsError
from ipa.serving.doors import Doors
from ipa.serving.gateway.settings import ServedPipeline
from ipa.serving.pod.settings import PIPELINE, POD_DOORS, POD_NAME, POD_NAMESPACE, decode
from ipa.serving.replica import ReplicaSettings

TERMINATED = 128 + signal.SIGTERM


def main() -> int:
    """Serve until SIGTERM and return the exit code."""
    # The first process of a container hears only the signals that it handles; libraries take seconds to load.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s [%(name)s] %(levelname)s - %(message)s")
    given = _parser().parse_args()
    try:
        text = given.settings.read_bytes()
        doors = replace(
            POD_DOORS,
            host=given.host,
            http_port=given.http_port,
            grpc_port=given.grpc_port,
            metrics_port=given.metrics_port,
        )
        _replica(text, doors) if given.what == "replica" else _gateway(text, doors)
    except OSError as error:
        return _failed(f"{given.settings} cannot be read: {error.strerror}" if error.filename else str(error))
    except IpaError as error:
        return _failed(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ipa.serving.pod", description="What the pods of a pipeline run.")
    parser.add_argument("what", choices=["replica", "gateway"], help="what this pod is")
    parser.add_argument("--settings", type=Path, required=True, help="file with its settings in JSON")
    parser.add_argument("--host", default=POD_DOORS.host, help="address to listen on (%(default)s)")
    for name in ("http_port", "grpc_port", "metrics_port"):
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=getattr(POD_DOORS, name), help="(%(default)s)")
    return parser


def _replica(text: bytes, doors: Doors) -> None:
    from ipa.serving.pod.replica_pod import serve

    serve(decode(ReplicaSettings, text), named(POD_NAME), doors)


def _gateway(text: bytes, doors: Doors) -> None:
    from ipa.serving.pod.cluster_view import Whereabouts
    from ipa.serving.pod.gateway_pod import run

    where = Whereabouts(named(POD_NAME), named(POD_NAMESPACE), named(PIPELINE))
    run(decode(ServedPipeline, text), where, doors)


def named(variable: str) -> str:
    """Return a name that the pod's environment holds.

    Raises
    ------
    PodSettingsError
        If it does not.
    """
    if name := os.environ.get(variable):
        return name
    raise PodSettingsError(f"the environment variable {variable} is not set; the Deployment of a pod sets it")


def _failed(problem: str) -> int:
    sys.stderr.write(f"error: {problem}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
