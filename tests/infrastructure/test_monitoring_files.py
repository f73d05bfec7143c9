"""Rules and dashboard, held against a real Prometheus."""

import json
import math
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from infrastructure.render import HERE, RULES
from ipa.controller.metrics import ControllerMetrics
from ipa.platforms.base import Conditions
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.settings import LocalSettings
from ipa.platforms.monitoring import Prometheus
from tests.support.live_pipelines import toy_pipeline, toy_plan
from tests.support.prometheus import Target, program, running_prometheus, wait_for

PROMETHEUS = HERE / "prometheus"
LABELS = {"namespace": "default", "pipeline": "toy", "pod": "toy-gateway-1"}
LOAD_S = 300.0
"""Longer than all tests take; what is left of it ends with the pipeline."""


def promtool(*arguments: str) -> str:
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_rules_are_well_formed() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", str(RULES))


@pytest.mark.slow
def test_the_rules_alarm_when_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(PROMETHEUS / "tests" / "ipa.yaml"))


def test_every_alert_is_tried() -> None:
    alerts = {rule["alert"] for group in _groups() for rule in group["rules"] if "alert" in rule}
    tests = yaml.safe_load((PROMETHEUS / "tests" / "ipa.yaml").read_text("utf-8"))["tests"]
    tried = [case for test in tests for case in test.get("alert_rule_test", ())]
    assert {case["alertname"] for case in tried if case["exp_alerts"]} == alerts


def test_what_is_asked_of_a_controller_it_tells() -> None:
    registry = ControllerMetrics().registry
    told = {f"{one.name}{'_total' if one.type == 'counter' else ''}" for one in registry.collect()}
    text = RULES.read_text("utf-8") + "".join(expression for _, expression in _queries())
    asked = set(re.findall(r"ipa_controller_\w+", text))
    assert len(asked) >= 5
    assert asked <= told


def test_every_alert_says_what_it_is_about_and_how_bad_it_is() -> None:
    for group in _groups():
        for rule in group["rules"]:
            if "alert" in rule:
                assert rule["labels"]["severity"] in {"page", "ticket"}
                assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.slow
def test_the_scrape_configuration_is_one_but_for_finding_pods(tmp_path: Path) -> None:
    # The Prometheus of Debian is built without Kubernetes; all else of the file is read by it.
    config = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text("utf-8"))
    for job in config["scrape_configs"]:
        del job["kubernetes_sd_configs"]
    (tmp_path / "prometheus.yaml").write_text(json.dumps(config), encoding="utf-8")
    assert "SUCCESS" in promtool("check", "config", str(tmp_path / "prometheus.yaml"))


def _groups() -> list[Any]:
    groups: list[Any] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return groups


def _queries() -> list[tuple[str, str]]:
    panels = json.loads((HERE / "grafana" / "dashboards" / "ipa.json").read_text("utf-8"))["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]


def _asked(expression: str) -> str:
    """Return a query of the dashboard as Grafana sends it."""
    given = {"$namespace": "default", "$pipeline": "toy", "$__rate_interval": "10s"}
    for name, value in given.items():
        expression = expression.replace(name, value)
    return expression


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Scrape a pipeline that serves on this machine, and what a controller would tell of it."""
    platform = LocalPlatform(LocalSettings(service="deterministic"), Conditions())
    platform.offer(np.arange(0.0, LOAD_S, 0.05))
    folder = tmp_path_factory.mktemp("prometheus")
    server, thread = start_http_server(0, addr="127.0.0.1", registry=_controller())
    try:
        platform.deploy(toy_pipeline(), toy_plan())
        gateway = f"127.0.0.1:{platform.deployment.endpoint.http_port}"
        targets = [
            Target("ipa-gateway", gateway, LABELS),
            Target("ipa-controller", f"127.0.0.1:{server.server_port}"),
        ]
        with running_prometheus(folder, targets, rules=_quick(folder), interval="500ms") as url:
            prometheus = Prometheus(url)
            wait_for("a minute's rate", lambda: not math.isnan(prometheus.value("ipa:violations:ratio1m")))
            yield prometheus
    finally:
        server.shutdown()
        thread.join()
        platform.teardown()


def _controller() -> CollectorRegistry:
    """Return what a controller tells of the pipeline."""
    registry = CollectorRegistry()
    place = {"namespace": "default", "pipeline": "toy"}
    for name, value in {"forecast_rps": 22, "plan_cores": 4, "limit_cores": 40, "plan_pas": 0.25}.items():
        Gauge(f"ipa_controller_{name}", "", list(place), registry=registry).labels(**place).set(value)
    decisions = Counter("ipa_controller_decisions", "", [*place, "action"], registry=registry)
    decisions.labels(**place, action="unchanged").inc()
    Gauge("ipa_controller_leader", "", registry=registry).set(1)
    return registry


def _quick(folder: Path) -> Path:
    """Return the rules as they are, evaluated more often, for a test of seconds."""
    groups = [{**group, "interval": "500ms"} for group in _groups()]
    file = folder / "rules.yaml"
    file.write_text(json.dumps({"groups": groups}), encoding="utf-8")
    return file


@pytest.mark.live
def test_every_query_of_the_dashboard_gives_numbers(prometheus: Prometheus) -> None:
    def missing() -> list[tuple[str, str]]:
        return [
            (title, expression)
            for title, expression in _queries()
            if not any(math.isfinite(one.values[-1]) for one in prometheus.query(_asked(expression)))
        ]

    with suppress(AssertionError):
        wait_for("data for every panel", lambda: not missing())
    assert missing() == []


@pytest.mark.live
def test_what_the_dashboard_shows_is_what_serves(prometheus: Prometheus) -> None:
    def shown(title: str, number: int = 0) -> float:
        queries = [expression for name, expression in _queries() if name == title]
        return prometheus.value(_asked(queries[number]))

    # A rate over ten seconds needs ten seconds of samples.
    wait_for("the rate of arrivals", lambda: shown("Arrivals") == pytest.approx(20, rel=0.2))
    assert shown("Cores") == 4
    assert shown("PAS") == pytest.approx(0.25)
    assert shown("Not within the SLA, last minute") == pytest.approx(0, abs=0.05)
    assert shown("Latency", 3) == 1.0
    variants = prometheus.query(
        _asked(next(query for name, query in _queries() if name == "Replicas per variant"))
    )
    assert {(one.labels["stage"], one.labels["variant"]): one.values[-1] for one in variants} == {
        ("first", "small"): 2,
        ("second", "small"): 2,
    }


@pytest.mark.live
def test_every_recorded_rule_records(prometheus: Prometheus) -> None:
    for group in _groups():
        for rule in group["rules"]:
            if "record" in rule:
                assert prometheus.query(rule["record"]), rule["record"]


@pytest.mark.live
def test_no_rule_fails(prometheus: Prometheus) -> None:
    assert prometheus.value("sum(prometheus_rule_evaluation_failures_total) or vector(0)") == 0
