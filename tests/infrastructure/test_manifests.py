"""The manifests: as the sources say, with no right too many, and fit for the strictest namespaces."""

import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infrastructure.render import HERE, RULES, overlay_names, rendered
from ipa.cluster.installation.manifests import FOLDER

Thing = dict[str, Any]
OVERLAYS = {
    name: list(yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
    for name in overlay_names()
}
EVERYTHING = [thing for objects in OVERLAYS.values() for thing in objects]


def of_kind(*kinds: str) -> list[Thing]:
    return [thing for thing in EVERYTHING if thing["kind"] in kinds]


def models() -> list[Thing]:
    """The files of infrastructure/models, which no overlay has in it."""
    return [yaml.safe_load(file.read_text("utf-8")) for file in sorted((HERE / "models").glob("[cj]*.yaml"))]


def pods() -> Iterator[tuple[str, Thing]]:
    for thing in [*of_kind("Deployment"), *models()]:
        if "template" in thing["spec"]:
            yield thing["metadata"]["name"], thing["spec"]["template"]["spec"]


def test_what_is_rendered_is_what_the_sources_say() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which renders the overlays, is not installed")
    for file, content in rendered():
        assert file.read_text(encoding="utf-8") == content, f"{file.name}: run make manifests"


def test_no_overlay_is_forgotten() -> None:
    assert (
        {file.stem for file in FOLDER.iterdir()} == set(overlay_names()) == {"cluster", "kind", "testcluster"}
    )


def rules() -> list[Thing]:
    return [rule for role in of_kind("Role", "ClusterRole") for rule in role["rules"]]


def test_no_rule_has_a_wildcard_or_reaches_secrets() -> None:
    assert rules()
    for rule in rules():
        words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not any("*" in word for word in words)
        assert not words & {"secrets", "escalate", "bind", "impersonate", "pods/exec", "serviceaccounts"}


def test_who_serves_requests_may_only_read() -> None:
    gateways = [role for role in of_kind("ClusterRole") if role["metadata"]["name"] == "ipa-gateway"]
    assert gateways
    for rule in itertools.chain.from_iterable(role["rules"] for role in gateways):
        assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_nothing_is_written_in_all_namespaces_but_what_pipelines_are_told() -> None:
    everywhere = {binding["roleRef"]["name"] for binding in of_kind("ClusterRoleBinding")}
    for role in of_kind("ClusterRole"):
        for rule in role["rules"] if role["metadata"]["name"] in everywhere else ():
            writes = set(rule["verbs"]) - {"get", "list", "watch"}
            assert not writes or rule["resources"] == ["inferencepipelines/status"]


@pytest.mark.parametrize(
    ("name", "pod"), list(pods()), ids=lambda part: part if isinstance(part, str) else ""
)
def test_pods_fit_into_a_restricted_namespace(name: str, pod: Thing) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        allowed = container["securityContext"]
        assert allowed["readOnlyRootFilesystem"]
        assert not allowed["allowPrivilegeEscalation"]
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]) == {"requests", "limits"}, name
        # No host in front: whose registry it is, the user says.
        assert "." not in container["image"].partition("/")[0]


def test_what_a_controller_makes_runs_its_own_image() -> None:
    for deployment in of_kind("Deployment"):
        if deployment["metadata"]["name"] == "ipa-controller":
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            values = {one["name"]: one.get("value") for one in container["env"]}
            assert values["IPA_IMAGE"] == container["image"]


def test_what_serves_is_asked_over_http_whether_it_does() -> None:
    for deployment in of_kind("Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        names = {port["name"] for port in container["ports"]}
        for probe in ("livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in names


@pytest.mark.parametrize("overlay", overlay_names())
def test_whatever_selects_pods_of_ipa_selects_by_labels_that_they_have(overlay: str) -> None:
    labels = {
        component: {"app.kubernetes.io/name": "ipa", "app.kubernetes.io/component": component}
        for component in ("controller", "gateway", "replica")
    }
    seen = set()
    for thing in OVERLAYS[overlay]:
        if thing["kind"] in {"NetworkPolicy", "PodDisruptionBudget"}:
            chosen = thing["spec"].get("podSelector") or thing["spec"]["selector"]
            (component,) = (name for name, given in labels.items() if given == chosen["matchLabels"])
            seen.add((thing["kind"], component))
    assert seen == set(itertools.product(["NetworkPolicy", "PodDisruptionBudget"], labels))


def test_a_budget_never_keeps_a_node_from_being_drained() -> None:
    for budget in of_kind("PodDisruptionBudget"):
        assert budget["spec"]["maxUnavailable"] not in (0, "0%")
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_the_rules_of_the_operator_are_those_of_the_plain_prometheus() -> None:
    operator = yaml.safe_load((HERE / "prometheus" / "operator" / "rules.yaml").read_text("utf-8"))
    assert operator["spec"] == yaml.safe_load(RULES.read_text("utf-8"))


def monitors() -> list[Thing]:
    text = (HERE / "prometheus" / "operator" / "pod-monitors.yaml").read_text("utf-8")
    return list(yaml.safe_load_all(text))


def test_the_operator_finds_the_pods_that_the_plain_prometheus_finds() -> None:
    plain = yaml.safe_load((HERE / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    jobs = {job["job_name"]: job for job in plain["scrape_configs"]}
    assert set(jobs) == {monitor["metadata"]["name"] for monitor in monitors()}
    for monitor in monitors():
        job = jobs[monitor["metadata"]["name"]]
        (selector,) = job["kubernetes_sd_configs"][0]["selectors"]
        labels = dict(pair.split("=") for pair in selector["label"].split(","))
        assert monitor["spec"]["selector"]["matchLabels"] == labels
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] == job["relabel_configs"][0]["regex"] == "metrics"
        assert endpoint.get("honorLabels", False) == job.get("honor_labels", False)


def test_panels_of_the_dashboard_lie_side_by_side() -> None:
    panels = json.loads((HERE / "grafana" / "dashboards" / "ipa.json").read_text("utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = set(
            itertools.product(
                range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
            )
        )
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


SCRIPTS = (HERE / "images" / "build", HERE / "kind" / "up")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_say_how_they_are_called(script: Path) -> None:
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: infrastructure/{script.parent.name}/{script.name}")
    wrong = subprocess.run([script, "--nope"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "usage: " in wrong.stderr


def test_a_build_tool_that_nobody_has_is_told() -> None:
    done = subprocess.run(
        [HERE / "images" / "build", "--tool", "kaniko"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        "error: unknown tool kaniko; allowed: docker, podman, buildah\n",
    )


def test_shellcheck_finds_nothing() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", *map(str, SCRIPTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_cluster_of_kind_is_what_kind_reads() -> None:
    cluster = yaml.safe_load((HERE / "kind" / "cluster.yaml").read_text("utf-8"))
    assert (cluster["kind"], cluster["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    assert [node["role"] for node in cluster["nodes"]] == ["control-plane", "worker", "worker"]
