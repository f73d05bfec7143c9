"""A Prometheus on this machine that scrapes the gateway's pods, and can be away for a while."""

import json
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import yaml

from infrastructure.testcluster.cluster import MissingError
from infrastructure.testcluster.layout import OUTSIDE
from infrastructure.testcluster.processes import wait_for

FOLDER = Path(__file__).parents[1] / "prometheus"

JOB = "ipa-gateway"

METRICS_PORT = 8082

PATIENCE_S = 30.0

LOOK_EVERY_S = 0.5


class Prometheus:
    """A Prometheus with the rules that come with IPA.

    The one of Debian knows no Kubernetes, so it is told in a file where pods are.

    Parameters
    ----------
    labels
        Of all pods.
    pods
        Returns the addresses of the gateway's pods as they are now, by their names.
    """

    def __init__(self, labels: Mapping[str, str], pods: Callable[[], Mapping[str, str]]) -> None:
        self._labels, self._pods = dict(labels), pods
        self._temporary = tempfile.TemporaryDirectory(prefix="ipa-chaos-prometheus-")
        self._folder = Path(self._temporary.name)
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = Event()
        self._thread = Thread(target=self._tell_of_pods, name="pods for prometheus", daemon=True)
        with socket.socket() as free:
            free.bind((OUTSIDE, 0))
            self._port = int(free.getsockname()[1])
        self._write("prometheus.json", self._configuration())
        self._write_pods({})

    @property
    def url(self) -> str:
        """Where it answers, also to pods."""
        return f"http://{OUTSIDE}:{self._port}"

    def start(self) -> None:
        """Start it, and return once it has scraped a gateway."""
        if not self._thread.is_alive():
            self._thread.start()
        command = (
            "prometheus",
            f"--config.file={self._folder}/prometheus.json",
            f"--storage.tsdb.path={self._folder}/data",
            f"--web.listen-address={OUTSIDE}:{self._port}",
            "--log.level=warn",
        )
        try:
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except FileNotFoundError:
            raise MissingError("there is no prometheus here; apt-get install prometheus") from None
        wait_for("a gateway that Prometheus scrapes", lambda: self.gateways() > 0, PATIENCE_S, self._log_end)

    def stop(self) -> None:
        """End it; what it has stored stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.stop()
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._temporary.cleanup()

    def gateways(self) -> int:
        """Return how many pods of gateways it reached when it looked last; 0 if it does not answer."""
        query = urlencode({"query": f'count(up{{job="{JOB}"}} == 1)'})
        try:
            with build_opener(ProxyHandler({})).open(f"{self.url}/api/v1/query?{query}", timeout=2) as answer:
                found = json.load(answer)["data"]["result"]
        except (OSError, ValueError):
            return 0
        return int(found[0]["value"][1]) if found else 0

    def _configuration(self) -> dict[str, Any]:
        given = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
        discovery = {"files": [f"{self._folder}/pods.json"]}
        return {
            "global": given["global"],
            "rule_files": [f"{FOLDER}/rules/*.yaml"],
            "scrape_configs": [{"job_name": JOB, "file_sd_configs": [discovery]}],
        }

    def _tell_of_pods(self) -> None:
        known: dict[str, str] = {}
        while not self._closed.wait(LOOK_EVERY_S):
            if (now := dict(self._pods())) != known:
                self._write_pods(known := now)

    def _write_pods(self, pods: Mapping[str, str]) -> None:
        groups = [
            {"targets": [f"{address}:{METRICS_PORT}"], "labels": self._labels | {"pod": name}}
            for name, address in pods.items()
        ]
        self._write("pods.json", groups)

    def _write(self, name: str, content: object) -> None:
        draft = self._folder / f"{name}.draft"
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(self._folder / name)

    def _log_end(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-500:]
