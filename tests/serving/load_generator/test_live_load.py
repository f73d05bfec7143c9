"""A load on real model servers: every request is sent when it is due and accounted for, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest

from ipa.errors import EndpointError, PayloadError
from ipa.results.requests import OUTCOMES
from ipa.serving.load_generator import LoadSettings, generate_load, read_account
from ipa.serving.model_server import ReplicaSettings, ServerReady
from tests.support.command import Ipa
from tests.support.replicas import profile, replica

pytestmark = pytest.mark.live

MODEL = "detect"
SETTINGS = ReplicaSettings(
    name="detect-1", model=MODEL, variant="tiny", profile=profile(0.004), service="deterministic"
)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerReady]:
    with replica(SETTINGS) as ready:
        yield ready


def grpc(server: ServerReady) -> str:
    return f"127.0.0.1:{server.grpc_port}"


def rest(server: ServerReady) -> str:
    return f"http://127.0.0.1:{server.http_port}"


def arrivals_s(count: int, seconds: float) -> np.ndarray:
    return np.sort(np.random.default_rng(0).uniform(0, seconds, count))


@pytest.mark.parametrize("door", [grpc, rest])
def test_every_request_is_sent_when_it_is_due_and_answered(
    server: ServerReady, door: object, tmp_path: Path
) -> None:
    assert callable(door)
    due_s = arrivals_s(100, 1.0)
    settings = LoadSettings(door(server), MODEL, due_s, tmp_path / "a.parquet", run_token="mine", seed=3)  # noqa: S106
    told: list[tuple[int, int]] = []
    report = generate_load(settings, lambda *seen: told.append(seen))
    assert (report.requests, report.sent, report.ok, report.errors) == (100, 100, 100, 0)
    assert told[-1] == (100, 100)
    account = read_account(tmp_path / "a.parquet")
    assert account.id(7) == "mine-7"
    np.testing.assert_allclose((account.due_ns - account.zero_ns) / 1e9, due_s, atol=1e-9)
    assert (account.sent_ns >= account.due_ns).all()
    assert (account.end_ns - account.sent_ns >= 4_000_000).all()
    # An open loop: at times more than one request is under way.
    assert (account.sent_ns[1:] < account.end_ns[:-1]).any()


def test_a_load_that_waits_for_nobody_outruns_a_slow_server(server: ServerReady) -> None:
    # 250 requests/s is what the server can do at most.
    report = generate_load(LoadSettings(grpc(server), MODEL, arrivals_s(400, 0.8)))
    assert report.ok == report.sent == 400
    assert report.latency_max_s > 0.5
    assert report.lateness_p50_s < 0.01


def test_too_many_at_once_are_not_sent_and_accounted_for(server: ServerReady) -> None:
    report = generate_load(LoadSettings(grpc(server), MODEL, np.zeros(50), in_flight_limit=20))
    assert (report.sent, report.ok, report.reasons) == (20, 20, {"unavailable": 30})


def later(zero_ns: int, after_s: float, pid: int, number: signal.Signals) -> Timer:
    """Send a signal at a time of a load's clock."""
    timer = Timer((zero_ns - time.monotonic_ns()) / 1e9 + after_s, os.kill, (pid, number))
    timer.start()
    return timer


def soon_ns() -> int:
    """Return a zero of the clock that leaves time to prepare."""
    return time.monotonic_ns() + 2_000_000_000


def test_a_server_that_hangs_costs_a_time_out_and_is_used_again_when_it_answers() -> None:
    with replica(SETTINGS) as server:
        zero_ns = soon_ns()
        timers = [
            later(zero_ns, 0.5, server.pid, signal.SIGSTOP),
            later(zero_ns, 1.5, server.pid, signal.SIGCONT),
        ]
        due_s = np.linspace(0, 2.5, 100)
        report = generate_load(LoadSettings(grpc(server), MODEL, due_s, zero_ns=zero_ns, timeout_s=0.4))
        for timer in timers:
            timer.join()
    assert report.reasons.keys() == {"timeout"}
    assert report.ok + report.reasons["timeout"] == 100
    assert 10 <= report.reasons["timeout"] <= 70


def test_a_server_that_dies_leaves_errors_and_no_request_without_an_end(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    with replica(SETTINGS) as server:
        zero_ns = soon_ns()
        killing = later(zero_ns, 0.5, server.pid, signal.SIGKILL)
        due_s = np.linspace(0, 1, 100)
        report = generate_load(LoadSettings(grpc(server), MODEL, due_s, file, zero_ns=zero_ns))
        killing.join()
    assert report.reasons.keys() == {"unavailable"}
    assert report.ok + report.errors == report.sent == 100
    assert 10 <= report.ok <= 90
    account = read_account(file)
    assert (account.end_ns > 0).all()
    assert {OUTCOMES[code] for code in account.outcome} == {"ok", "error"}


@pytest.mark.parametrize("door", [grpc, rest])
def test_requests_of_a_server_that_died_are_sent_again(door: object, tmp_path: Path) -> None:
    assert callable(door)
    file = tmp_path / "a.parquet"
    with replica(SETTINGS) as server:
        killing = later(zero_ns := soon_ns(), 0.3, server.pid, signal.SIGKILL)
        load = LoadSettings(
            door(server), MODEL, np.linspace(0, 0.6, 60), file, zero_ns, retries=2, connections=2
        )
        report = generate_load(load)
        killing.join()
    account = read_account(file)
    failed = account.outcome == OUTCOMES.index("error")
    assert failed.any()
    assert (account.numbers["sent_again"][failed] == 2).all()
    assert report.ok + report.errors == 60
    assert report.sent_again >= report.errors


@pytest.mark.parametrize("door", [grpc, rest])
def test_a_model_that_is_not_there_is_told(server: ServerReady, door: object) -> None:
    assert callable(door)
    with pytest.raises(EndpointError, match=r"no model 'nobody' is ready at .*; check --model"):
        generate_load(LoadSettings(door(server), "nobody", np.zeros(1)))


@pytest.mark.parametrize(("address", "what"), [("127.0.0.1:9", "gRPC"), ("http://127.0.0.1:9", "REST")])
def test_an_address_where_nobody_answers_is_told(address: str, what: str) -> None:
    with pytest.raises(EndpointError, match=f"nobody answers V2 over {what} at {address}"):
        generate_load(LoadSettings(address, MODEL, np.zeros(1)))


def test_the_wrong_door_is_told(server: ServerReady) -> None:
    with pytest.raises(EndpointError, match=r"nobody answers V2 over REST at .*; is it up, and is"):
        generate_load(LoadSettings(f"http://{grpc(server)}", MODEL, np.zeros(1)))


def test_a_payload_that_does_not_fit_is_told_before_anything_is_sent(server: ServerReady) -> None:
    with pytest.raises(PayloadError, match="describes none"):
        generate_load(LoadSettings(grpc(server), MODEL, np.zeros(1), payload="numbers"))


def test_the_command_shows_what_became_of_a_load_and_keeps_it(
    server: ServerReady, ipa: Ipa, tmp_path: Path
) -> None:
    folder = tmp_path / "load"
    arguments = ("--model", MODEL, "--rate", 40, "--duration", 1, "--results", folder)
    outcome = ipa("load", grpc(server), *arguments)
    assert outcome.code == 0, outcome.err
    assert "answered" in outcome.out
    requests = pd.read_parquet(folder / "requests.parquet")
    assert requests["outcome"].tolist() == ["ok"] * 40
    assert requests["latency_s"].between(0.004, 5).all()
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["requests"], summary["ok"], summary["model"]) == (40, 40, MODEL)
    assert len(read_account(folder / "account.parquet")) == 40


def answered(server: ServerReady) -> float:
    """Return how many requests a server has answered."""
    with urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as response:
        lines = response.read().decode().splitlines()
    found = [line for line in lines if line.startswith("model_infer_request_success_total{")]
    return sum(float(line.split()[-1]) for line in found)


def wait_for_answers(server: ServerReady, count: float, deadline_s: float = 60.0) -> None:
    """Return once a server has answered that many requests."""
    end_s = time.monotonic() + deadline_s
    while answered(server) < count:
        assert time.monotonic() < end_s, "nothing is sent"
        time.sleep(0.05)


def test_an_interrupted_command_keeps_what_was_sent(server: ServerReady, tmp_path: Path) -> None:
    before = answered(server)
    command = [sys.executable, "-m", "ipa", "load", grpc(server), "-m", MODEL, "--rate", "50", "-d", "600"]
    loading = subprocess.Popen(
        [*command, "--results", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    wait_for_answers(server, before + 5)
    os.killpg(loading.pid, signal.SIGINT)
    out, err = loading.communicate(timeout=60)
    assert loading.returncode == 130, err
    assert "of 30000 requests were sent" in err
    assert "answered" in out
    assert 0 < len(pd.read_parquet(tmp_path / "requests.parquet")) < 30_000
