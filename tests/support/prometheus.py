"""A Prometheus of its own for a test, and metrics for it to scrape."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest

TIMEOUT_S = 30.0


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Return once a condition holds."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} did not come about in {TIMEOUT_S:g} s"
        time.sleep(0.05)


def program(name: str) -> str:
    """Return the path of a program of Prometheus; the test is skipped where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install prometheus)")
    return found


@dataclass(frozen=True)
class Target:
    """Something to scrape.

    Parameters
    ----------
    job
        Name of the job.
    address
        Host and port.
    labels
        What a cluster would add: namespace, pipeline, pod.
    """

    job: str
    address: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def config(self, interval: str) -> dict[str, object]:
        """Return its entry of the scrape configuration."""
        return {
            "job_name": self.job,
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "honor_labels": self.job == "ipa-controller",
            "static_configs": [{"targets": [self.address], "labels": dict(self.labels)}],
        }


@contextmanager
def running_prometheus(
    folder: Path, targets: Sequence[Target], *, rules: Path | None = None, interval: str = "200ms"
) -> Iterator[str]:
    """Run a Prometheus until the end of the block; yield its address once it is ready."""
    config = {
        "global": {"evaluation_interval": interval},
        "rule_files": [str(rules)] if rules else [],
        "scrape_configs": [target.config(interval) for target in targets],
    }
    file = folder / "prometheus.json"
    # JSON is YAML.
    file.write_text(json.dumps(config), encoding="utf-8")
    with started_prometheus(folder, file, free_port()) as url:
        yield url


@contextmanager
def started_prometheus(folder: Path, config: Path, port: int) -> Iterator[str]:
    """Run a Prometheus with a configuration until the end of the block; yield its address."""
    address = f"127.0.0.1:{port}"
    command = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for("Prometheus", lambda: process.poll() is not None or _is_ready(address))
        assert process.poll() is None, (folder / "prometheus.log").read_text()
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _is_ready(address: str) -> bool:
    try:
        with urlopen(f"http://{address}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
