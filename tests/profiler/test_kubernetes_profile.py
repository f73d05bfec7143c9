"""The profiler against pods of a real cluster."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipa.cluster.kinds import CONFIG_MAP, NODE, POD
from ipa.cluster.names import COMPONENT_LABEL
from ipa.errors import ClusterError, ResultsError
from ipa.pipeline.load import load_pipeline
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.profiler import kubernetes_host
from ipa.profiler.hosts import HOSTS
from ipa.profiler.measured_pod import COMPONENT
from ipa.profiler.precision import StoppingRule
from ipa.profiler.profile import ProfileReport, profile_pipeline
from ipa.profiler.target import Wanted
from tests.support.cluster import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("pod_code")]

PROFILE = """stage,variant,cores,batch,latency_avg_s,latency_p99_s,throughput_rps
find,light,1,1,0.020,0.030,50
find,light,1,4,0.030,0.045,130
find,heavy,4,1,0.050,0.060,20
find,heavy,4,4,0.090,0.110,44
"""
PIPELINE = """name: small
sla_s: 1.0
stages:
  - name: find
    profile: {file: small.csv}
    variants:
      - {name: light, accuracy: 0.5, base_cores: 1}
      - {name: heavy, accuracy: 0.8, base_cores: 4}
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    (tmp_path / "small.csv").write_text(PROFILE)
    (tmp_path / "small.yaml").write_text(PIPELINE)
    return tmp_path / "small.yaml"


@pytest.fixture
def settings(cluster: Cluster, namespace: str) -> KubernetesSettings:
    return KubernetesSettings(namespace=namespace, kubeconfig=cluster.kubeconfig, image=cluster.image)


def profile(
    pipeline: Path, settings: KubernetesSettings, *, force: bool = False, **wanted: Any
) -> ProfileReport:
    asked = Wanted(
        pipeline,
        batches=(1, 4),
        rule=StoppingRule(precision=0.3, budget_s=1),
        platform="kubernetes",
        serving=settings,
        **wanted,
    )
    out = pipeline.parent / "out"
    return profile_pipeline(asked, HOSTS["kubernetes"](asked, out), out, lambda *_: None, force=force)


def left_over(cluster: Cluster, namespace: str) -> list[str]:
    """Return what there is of measured replicas, those that end included."""
    return [
        thing["metadata"]["name"]
        for kind in (POD, CONFIG_MAP)
        for thing in cluster.client.list(kind, namespace, selector=f"{COMPONENT_LABEL}={COMPONENT}").items
    ]


def test_two_variants_are_measured_on_one_node_and_nothing_is_left(
    cluster: Cluster, namespace: str, pipeline: Path, settings: KubernetesSettings
) -> None:
    report = profile(pipeline, settings)
    assert not report.failures
    assert [(p.variant, p.batch) for p in report.points] == [
        ("light", 1), ("light", 4), ("heavy", 1), ("heavy", 4),
    ]  # fmt: skip
    given = load_pipeline(pipeline).stage("find")
    for point in report.points:
        emulated_s = given.variant(point.variant).profile.at(point.batch).latency_mean_s
        assert emulated_s * 0.8 < point.latency_avg_s < emulated_s + 0.1
        assert 0 < point.start_up_s < 60
        assert 1 < point.memory_uss_mb < 500
        assert 0 < point.cpu_s_per_batch < 0.5
    facts = json.loads(report.files.facts.read_text())
    nodes = [node["metadata"]["name"] for node in cluster.client.list(NODE).items]
    assert facts["platform"] == "kubernetes"
    assert facts["machine"]["node"] in nodes
    assert facts["machine"]["load_of_others"] == "known"
    assert {"cpu", "cores", "memory_gb", "kubelet", "packages", "called"} <= set(facts["machine"])
    assert len(facts["sessions"][0]["ended"]["load_average"]) == 3
    assert left_over(cluster, namespace) == []
    assert load_pipeline(report.files.pipeline).stage("find").variant("heavy").base_cores == 4
    _another_machine_is_refused(pipeline, settings, report)


def _another_machine_is_refused(pipeline: Path, settings: KubernetesSettings, report: ProfileReport) -> None:
    facts = json.loads(report.files.facts.read_text())
    facts["machine"] |= {"cpu": "Z80", "node": ""}
    report.files.facts.write_text(json.dumps(facts))
    longer = StoppingRule(precision=0.01, budget_s=2)
    with pytest.raises(ResultsError, match="measurements of another machine"):
        profile_again(pipeline, settings, longer)


def profile_again(pipeline: Path, settings: KubernetesSettings, rule: StoppingRule) -> None:
    asked = Wanted(pipeline, batches=(1,), rule=rule, platform="kubernetes", serving=settings)
    out = pipeline.parent / "out"
    profile_pipeline(asked, HOSTS["kubernetes"](asked, out), out, lambda *_: None)


def test_out_of_reach_pods_are_called_through_the_api_server(
    pipeline: Path, settings: KubernetesSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_host: str, _port: int) -> bool:
        return False

    monkeypatch.setattr(kubernetes_host, "_answers", never)
    report = profile(pipeline, settings, variants=("light",))
    assert not report.failures
    assert json.loads(report.files.facts.read_text())["machine"]["called"] == "through the API server"


def test_interrupted_it_removes_what_it_made(cluster: Cluster, namespace: str, pipeline: Path) -> None:
    command = [sys.executable, "-m", "ipa", "profile", str(pipeline), "--platform", "kubernetes"]
    command += ["-n", namespace, "--image", cluster.image, "--kubeconfig", cluster.kubeconfig]
    command += [
        "--batches",
        "1",
        "--budget",
        "10m",
        "--precision",
        "0.1%",
        "--out",
        str(pipeline.parent / "o"),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    )
    wait_until(lambda: len(left_over(cluster, namespace)) == 2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in told
    assert left_over(cluster, namespace) == []


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_image_that_no_node_has_ends_it_with_the_reason(
    cluster: Cluster, namespace: str, pipeline: Path
) -> None:
    missing = KubernetesSettings(
        namespace=namespace, kubeconfig=cluster.kubeconfig, image="localhost/nobody:has", pull_policy="Never"
    )
    with pytest.raises(ClusterError, match="the image localhost/nobody:has cannot be had"):
        profile(pipeline, missing)
    assert left_over(cluster, namespace) == []


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait until something holds; fail if it does not in time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.05)
