"""What the container of a replica runs: a V2 server under the name of its pod."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipa.serving.pod.settings import encode
from ipa.serving.replica import ReplicaSettings
from ipa.serving.v2 import V2Client
from tests.support.replicas import profile

pytestmark = pytest.mark.live

SETTINGS = ReplicaSettings("whatever", "detect", "small", max_batch=8, profile=profile(0.005))
ANY_PORTS = ("--host", "127.0.0.1", "--http-port", "0", "--grpc-port", "0", "--metrics-port", "0")


@contextmanager
def started(folder: Path, settings: ReplicaSettings) -> Iterator["subprocess.Popen[str]"]:
    """Run the command until the end of a block."""
    file = folder / "settings.json"
    file.write_text(encode(settings))
    command = [sys.executable, "-m", "ipa.serving.pod", "replica", "--settings", str(file), *ANY_PORTS]
    environment = os.environ | {"POD_NAME": "video--detect--small--1c-5d-x7"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def ports(process: "subprocess.Popen[str]") -> tuple[int, int, int]:
    """Return the ports that a replica tells of: gRPC, REST, metrics."""
    for line in process.stderr:
        if found := re.search(r"gRPC port (\d+), REST port (\d+), metrics port (\d+)", line):
            grpc_port, http_port, metrics_port = map(int, found.groups())
            return grpc_port, http_port, metrics_port
    raise AssertionError("it did not say that it serves")


def test_it_serves_under_the_name_of_its_pod_until_sigterm(tmp_path: Path) -> None:
    with started(tmp_path, SETTINGS) as process:
        grpc_port, http_port, metrics_port = ports(process)

        async def told() -> str:
            async with V2Client(f"127.0.0.1:{grpc_port}") as client:
                return str((await client.model_metadata("detect")).parameters["replica"].string_param)

        assert asyncio.run(told()) == "video--detect--small--1c-5d-x7"
        for path in ("v2/models/detect/ready", "v2/health/live"):
            with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/{path}", timeout=10) as answer:
                assert answer.status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/v2/models/detect", timeout=10) as answer:
            assert json.load(answer)["parameters"]["variant"] == "small"
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10) as answer:
            assert b"model_infer_request" in answer.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_one_that_cannot_be_loaded_ends_with_the_reason(tmp_path: Path) -> None:
    wrong = ReplicaSettings("", "detect", "small", task="object-detection", source="packaged")
    with started(tmp_path, wrong) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.splitlines()[-1].startswith("error: ")
    assert "unknown source of weights for task object-detection 'packaged'" in errors
