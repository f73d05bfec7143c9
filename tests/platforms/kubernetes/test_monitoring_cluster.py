"""A real Prometheus finds the pods of a pipeline, scrapes them and tells what arrives, until it is gone."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from infrastructure.render import HERE
from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import POD, Object
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes.platform import KubernetesPlatform
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.platforms.monitoring import PipelineMonitoring, Prometheus
from tests.support.cluster import Cluster
from tests.support.live_pipelines import toy_pipeline, toy_plan
from tests.support.prometheus import free_port, started_prometheus, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("pod_code")]

RATE_RPS, LOAD_S = 20, 600.0
NAME = "watched"


def discovered(pods: list[Object], selector: dict[str, str]) -> list[dict[str, Any]]:
    """Return what Prometheus's discovery of Kubernetes says of pods, for one whose build has none."""
    found = []
    for pod in pods:
        metadata, status = pod["metadata"], pod["status"]
        if not selector.items() <= metadata["labels"].items() or not status.get("podIP"):
            continue
        labels = {
            "__meta_kubernetes_namespace": metadata["namespace"],
            "__meta_kubernetes_pod_name": metadata["name"],
            "__meta_kubernetes_pod_phase": status["phase"],
            "__meta_kubernetes_pod_node_name": pod["spec"]["nodeName"],
        }
        for name, value in metadata["labels"].items():
            plain = "".join(char if char.isalnum() else "_" for char in name)
            labels[f"__meta_kubernetes_pod_label_{plain}"] = value
        for container in pod["spec"]["containers"]:
            for port in container["ports"]:
                named = labels | {"__meta_kubernetes_pod_container_port_name": port["name"]}
                found.append({"targets": [f"{status['podIP']}:{port['containerPort']}"], "labels": named})
    return found


def configuration(folder: Path, client: ClusterClient, namespace: str) -> Path:
    """Write the scrape configuration as it is, but with pods out of files."""
    config = yaml.safe_load((HERE / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    config["rule_files"] = [str(HERE / "prometheus" / "rules" / "ipa.yaml")]
    pods = list(client.list(POD, namespace).items)
    for job in config["scrape_configs"]:
        (discovery,) = job.pop("kubernetes_sd_configs")
        label = discovery["selectors"][0]["label"]
        targets = folder / f"{job['job_name']}.json"
        selector = dict(pair.split("=") for pair in label.split(","))
        targets.write_text(json.dumps(discovered(pods, selector)), encoding="utf-8")
        job["file_sd_configs"] = [{"files": [str(targets)]}]
    file = folder / "prometheus.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


@dataclass
class Watched:
    """A pipeline under load, and a Prometheus that can be stopped."""

    platform: KubernetesPlatform
    prometheus: Prometheus
    namespace: str
    running: ExitStack


@pytest.fixture
def watched(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Watched]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = KubernetesSettings(
        namespace=namespace, image=cluster.image, prometheus=url, start_timeout_s=240.0
    )
    platform = KubernetesPlatform(settings, Conditions(), name=NAME, client=cluster.client)
    platform.offer(np.arange(0.0, LOAD_S, 1 / RATE_RPS))
    try:
        platform.deploy(toy_pipeline(), toy_plan())
        with ExitStack() as running:
            file = configuration(tmp_path, cluster.client, namespace)
            running.enter_context(started_prometheus(tmp_path, file, port))
            yield Watched(platform, Prometheus(url), namespace, running)
    finally:
        platform.teardown()


def test_prometheus_tells_what_arrives_and_the_gateways_where_it_is_gone(watched: Watched) -> None:
    prometheus, platform = watched.prometheus, watched.platform
    asked = {"ipa-gateway": 1, "ipa-replica": 4}
    for job, pods in asked.items():
        up = f'sum(up{{job="{job}", namespace="{watched.namespace}", pipeline="{NAME}"}})'
        wait_for(f"{pods} pods of {job}", partial(_is, prometheus, up, pods))
    replicas = prometheus.query('up{job="ipa-replica"}')
    assert {(one.labels["stage"], one.labels["variant"]) for one in replicas} == {
        *(("first", "small"), ("second", "small"))
    }
    # Both count the same requests by the same clock.
    wait_for("ten seconds that Prometheus knows", lambda: _known(watched) >= 10)
    by_prometheus, by_gateways = _told(watched)
    both = np.isfinite(by_prometheus) & np.isfinite(by_gateways)
    assert by_prometheus[both].sum() == pytest.approx(by_gateways[both].sum(), rel=0.1)
    assert by_gateways[both].sum() > RATE_RPS
    watched.running.close()
    seen = platform.observe()
    assert seen.note.startswith(f"Prometheus at {prometheus.url}: it cannot be asked")
    assert "; the gateways told the arrivals of" in seen.note
    assert np.isfinite(seen.rates_rps[-10:-4]).all()
    assert seen.rates_rps[-10:-4].sum() > RATE_RPS


def _is(prometheus: Prometheus, expression: str, value: float) -> bool:
    return prometheus.value(expression) == value


def _told(watched: Watched) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return what Prometheus, and what the gateways, say of the same seconds."""
    running = watched.platform.running
    running.shards.look()
    end = int(running.now()) - 2
    first = max(0, end - 30)
    monitoring = PipelineMonitoring(watched.prometheus, NAME, watched.namespace)
    return (
        monitoring.counts(running.zero_unix_ns / 1e9, first, end),
        running.shards.rates_rps(first, end),
    )


def _known(watched: Watched) -> int:
    return int(np.isfinite(_told(watched)[0]).sum())
