"""The profiler against real model servers on this machine."""

import asyncio
import json
import math
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import numpy as np
import psutil
import pytest

from ipa.errors import ProfilerError
from ipa.pipeline.load import load_pipeline
from ipa.profiler.host import ReplicaHost
from ipa.profiler.hosts import HOSTS
from ipa.profiler.point import MeasuredPoint
from ipa.profiler.precision import StoppingRule
from ipa.profiler.profile import ProfileReport, profile_pipeline
from ipa.profiler.table import read_points
from ipa.profiler.target import Wanted
from ipa.simulator.service import RandomStream, service_times
from tests.support.command import Ipa

pytestmark = [pytest.mark.live, pytest.mark.slow]

PROFILE = """stage,variant,cores,batch,latency_avg_s,latency_p99_s,throughput_rps
find,light,1,1,0.020,0.030,50
find,light,1,4,0.030,0.045,130
read,only,1,1,0.010,0.015,100
read,only,1,4,0.020,0.030,200
"""
PIPELINE = """name: small
sla_s: 1.0
stages:
  - name: find
    profile: {file: small.csv}
    variants:
      - {name: light, accuracy: 0.5, base_cores: 1}
  - name: read
    profile: {file: small.csv}
    variants:
      - {name: only, accuracy: 0.9, base_cores: 1}
"""
RULE = StoppingRule(precision=0.3, budget_s=5)


def quiet(_done: int, _total: int | None, _at: str) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mlserver")
    folder = tmp_path_factory.mktemp("profiling")
    (folder / "small.csv").write_text(PROFILE)
    (folder / "small.yaml").write_text(PIPELINE)
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> ProfileReport:
    """A profile of an emulated pipeline."""
    wanted, out = Wanted(folder / "small.yaml", batches=(1, 4), rule=RULE), folder / "out"
    return profile_pipeline(wanted, HOSTS["local"](wanted, out), out, quiet)


def drawn_s(report: ProfileReport, point: MeasuredPoint) -> "np.ndarray":
    """Return how long the simulator makes the batches of a point take."""
    stages = ["find", "read"]
    given = load_pipeline(report.files.folder.parent / "small.yaml").stage(point.stage)
    times = service_times(given.variants[0].profile.points, point.batch, "lognormal")
    numbers = RandomStream(0, stages.index(point.stage), "lognormal").peek(
        point.warm_up_batches + point.batches
    )
    counted = numbers[point.warm_up_batches : point.warm_up_batches + point.batches]
    return times.scale_s[point.batch] * np.exp(times.spread[point.batch] * counted)


def test_the_measured_profile_of_an_emulated_pipeline_is_the_one_that_it_emulates(
    report: ProfileReport,
) -> None:
    assert not report.failures
    assert len(report.points) == 4
    for point in report.points:
        drawn = drawn_s(report, point)
        # What lies above is the way there and back; on a machine that does other things it is longer.
        assert 0 <= point.latency_avg_s - drawn.mean() < (0.2 if point.notes else 0.005)
        assert point.latency_p50_s >= np.median(drawn)
        known = load_pipeline(report.files.folder.parent / "small.yaml")
        emulated_s = known.stage(point.stage).variants[0].profile.at(point.batch).latency_p99_s
        if not point.notes:
            assert point.p99_low_s - 0.005 <= emulated_s <= point.p99_high_s


def test_a_replica_is_a_process_of_its_own_whose_memory_and_start_are_known(report: ProfileReport) -> None:
    for point in report.points:
        assert 1 < point.memory_uss_mb < 500
        assert 0 < point.start_up_s < 60
        assert 0 < point.cpu_s_per_batch < 0.5


def test_the_written_pipeline_runs(report: ProfileReport, ipa: Ipa, tmp_path: Path) -> None:
    done = ipa(
        "run",
        "-p",
        report.files.pipeline,
        "-w",
        "constant-5",
        "--duration",
        30,
        "--results",
        tmp_path,
        "--json",
    )
    assert done.code == 0
    assert json.loads(done.out)["requests"] > 100


def test_nothing_is_left_running(report: ProfileReport) -> None:
    assert report.measured
    # The template stays with this program; it has no children once the host is closed.
    running = [child.name() for child in psutil.Process().children(recursive=True) if is_replica(child)]
    assert running == []


def is_replica(process: psutil.Process) -> bool:
    try:
        return bool(process.net_connections(kind="tcp"))
    except psutil.NoSuchProcess:
        return False


def test_after_a_kill_nothing_is_left_and_the_next_call_goes_on(folder: Path, report: ProfileReport) -> None:
    out = folder / "killed"
    asked = ["--batches", "1,4", "--budget", "1s", "--precision", "90%", "--out", str(out)]
    command = [sys.executable, "-m", "ipa", "profile", str(folder / "small.yaml"), *asked]
    profiling = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(read_points(out / "small.csv")) >= 1)
        children = psutil.Process(profiling.pid).children(recursive=True)
        assert children
        with pytest.raises(ProfilerError, match="another ipa profile measures into"):
            asyncio.run(enter(HOSTS["local"](Wanted(folder / "small.yaml"), out)))
    finally:
        profiling.send_signal(signal.SIGKILL)
        profiling.wait()
    wait_until(lambda: not any(child.is_running() and not is_zombie(child) for child in children))
    before = set(read_points(out / "small.csv"))
    done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["measured"] == 4 - len(before)
    assert set(read_points(out / "small.csv")) == {point.key for point in report.points}


def external(folder: Path, server: str) -> Wanted:
    """Return what asks for a pipeline whose only variant is served by somebody else."""
    (folder / "external.yaml").write_text(
        "name: external\nsla_s: 1.0\nstages:\n  - name: find\n    profile: {file: not-there-yet.csv}\n"
        f"    variants:\n      - {{name: theirs, accuracy: 0.5, base_cores: 1, server: {server}}}\n"
    )
    return Wanted(folder / "external.yaml", batches=(1, 2), rule=StoppingRule(precision=0.9, budget_s=1))


def test_a_server_of_somebody_elses_is_measured_and_what_it_does_wrong_is_told(tmp_path: Path) -> None:
    pytest.importorskip("mlserver")
    switch = tmp_path / "switch"
    words = [sys.executable, "-m", "tests.support.faulty_server", "--port", "{port}", "--switch", str(switch)]
    wanted = external(tmp_path, json.dumps({"command": words, "model": "m"}))
    profiled = profile_pipeline(wanted, HOSTS["local"](wanted, tmp_path / "out"), tmp_path / "out", quiet)
    assert not profiled.failures
    assert [point.batch for point in profiled.points] == [1, 2]
    assert all(point.memory_uss_mb > 1 and point.start_up_s > 0 for point in profiled.points)
    assert load_pipeline(profiled.files.pipeline).stage("find").variants[0].server.command == tuple(words)
    switch.write_text("wrong-shape")
    again = profile_pipeline(
        wanted, HOSTS["local"](wanted, tmp_path / "out"), tmp_path / "out", quiet, force=True
    )
    (why,) = again.failures.values()
    assert "answers a batch of 1 with digest [2, 1]; the first axis of every output has to count" in why
    assert [point.batch for point in again.points] == [1, 2]


def test_a_server_that_runs_already_is_measured_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("mlserver")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.support.faulty_server", "--port", str(port)]
    server = subprocess.Popen(command)
    try:
        wanted = external(tmp_path, json.dumps({"address": f"127.0.0.1:{port}", "model": "m"}))
        report = profile_pipeline(wanted, HOSTS["local"](wanted, tmp_path / "out"), tmp_path / "out", quiet)
        assert not report.failures
        assert [point.batch for point in report.points] == [1, 2]
        assert all(math.isnan(point.memory_uss_mb) for point in report.points)
        assert server.poll() is None
    finally:
        server.terminate()
        server.wait()


async def enter(host: AbstractAsyncContextManager[ReplicaHost]) -> None:
    """Enter and leave a host."""
    async with host:
        pass


def is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait until something holds; fail if it does not in time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.05)
