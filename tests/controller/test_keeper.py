"""A pipeline is adapted as its object says, from its first generation to its last."""

from collections.abc import Iterator

import pytest

from ipa.cluster import client as client_module
from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import CONFIG_MAP, EVENT, PIPELINE
from ipa.cluster.resource_spec import Limits, PipelineOptions, Weights
from ipa.cluster.resource_status import plan_entries
from ipa.cluster.transport import Answer, Request, Stream, TransportError
from ipa.controller import keeper as keeper_module
from ipa.controller.cluster_events import Teller
from ipa.controller.keeper import PipelineKeeper
from ipa.controller.metrics import ControllerMetrics
from ipa.errors import ClusterError
from ipa.pipeline.plan import Plan, StagePlan
from tests.support.controllers import Platforms, put_video, reasons, status_of, wait_for
from tests.support.memory_cluster import MemoryCluster

PLAN = Plan(
    (
        StagePlan("object-detection", "yolov5l", 1, 2, 4),
        StagePlan("image-classification", "resnet50", 1, 2, 1),
    )
)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> MemoryCluster:
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.05)
    return MemoryCluster()


@pytest.fixture
def platforms() -> Platforms:
    return Platforms()


class Lab:
    def __init__(self, cluster: MemoryCluster, platforms: Platforms) -> None:
        self.cluster, self.metrics = cluster, ControllerMetrics()
        client = ClusterClient(cluster)
        thing = cluster.one(PIPELINE, "video", "here")
        self.keeper = PipelineKeeper(client, thing, platforms.of, Teller(client, "ipa-1"), self.metrics)
        self.keeper.start()

    def change(self, **spec: object) -> None:
        thing = self.cluster.one(PIPELINE, "video", "here")
        thing["spec"] |= spec
        self.keeper.tell(self.cluster.put(PIPELINE, "video", thing, "here"))

    def events(self) -> list[str]:
        return [one["reason"] for one in self.cluster.all(EVENT)]

    def end(self) -> None:
        self.keeper.call_off()
        assert self.keeper.join(10)


@pytest.fixture
def lab(cluster: MemoryCluster, platforms: Platforms) -> Iterator[Lab]:
    put_video(cluster)
    made = Lab(cluster, platforms)
    yield made
    made.end()


def test_a_new_pipeline_is_deployed_and_adapted(lab: Lab, platforms: Platforms) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(lab.cluster))
    found = status_of(lab.cluster)
    assert (found["rateRps"], found["observedGeneration"]) == (10, 1)
    assert found["forecastRps"] == pytest.approx(10, abs=1)
    assert reasons(lab.cluster) == {
        "Ready": "Serving",
        "Adapting": "Deciding",
        "SLAMet": "NoRequests",
        "Degraded": "AsPlanned",
    }
    assert found["cores"] == platforms.latest.running.cost_cores
    wait_for("an event", lambda: "Reconfigured" in lab.events())
    assert lab.events()[0] == "Deployed"
    told = lab.metrics.text().decode()
    assert 'ipa_controller_rate_rps{namespace="here",pipeline="video"} 10.0' in told
    assert 'ipa_controller_pipeline_ready{namespace="here",pipeline="video"} 1.0' in told
    lab.end()
    assert not platforms.latest.attached
    assert "ipa_controller_rate_rps{" not in lab.metrics.text().decode()


def test_a_settled_pipeline_costs_no_write(lab: Lab) -> None:
    wait_for("the first decisions", lambda: status_of(lab.cluster).get("lastDecision", {}).get("action"))
    wait_for("readiness", lambda: reasons(lab.cluster).get("Ready") == "Serving")

    def writes() -> int:
        return sum(request.method != "GET" for request in lab.cluster.requests)

    def steps() -> float:
        return sum(
            float(line.rpartition(" ")[2])
            for line in lab.metrics.text().decode().splitlines()
            if line.startswith("ipa_controller_decisions_total")
        )

    first = steps()
    wait_for("five more steps", lambda: steps() >= first + 5)
    before, first = writes(), steps()
    wait_for("five more steps", lambda: steps() >= first + 5)
    assert writes() == before


def test_the_plan_of_the_status_is_gone_on_with(cluster: MemoryCluster, platforms: Platforms) -> None:
    thing = put_video(cluster)
    cluster.put(PIPELINE, "video", thing | {"status": {"plan": plan_entries(PLAN)}}, "here")
    platforms.attaching.append(ClusterError("attach: no answer"))
    lab = Lab(cluster, platforms)
    wait_for("trouble, then a decision", lambda: "rateRps" in status_of(cluster))
    assert len(platforms.made) == 2
    assert "Deployed" not in lab.events()
    lab.end()


def test_a_change_of_the_spec_is_obeyed_at_once(lab: Lab, platforms: Platforms) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(lab.cluster))
    lab.change(
        limits={"variants": {"object-detection": ["yolov5x"]}}, weights={"alpha": 5.0}, forecastMargin=0.4
    )
    wait_for("the next generation", lambda: len(platforms.made) == 2)
    assert not platforms.made[0].attached
    adaptation = platforms.adaptations[1]
    assert adaptation.planner.objective.alpha == 5
    assert adaptation.settings.forecast_margin == 0.4
    assert adaptation.options.limits == Limits(variants={"object-detection": ("yolov5x",)})
    wait_for(
        "the plan", lambda: platforms.latest.running and platforms.latest.running.variants[0] == "yolov5x"
    )
    wait_for("the status", lambda: status_of(lab.cluster)["observedGeneration"] == 2)


def test_what_is_asked_for_anew_is_decided_before_an_interval_is_over(lab: Lab, platforms: Platforms) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(lab.cluster))
    lab.change(intervalSeconds=86400, limits={"variants": {"object-detection": ["yolov5x"]}})
    wait_for(
        "the plan", lambda: platforms.latest.running and platforms.latest.running.variants[0] == "yolov5x"
    )


def test_a_status_that_changes_is_no_new_generation(lab: Lab, platforms: Platforms) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(lab.cluster))
    lab.keeper.tell(lab.cluster.one(PIPELINE, "video", "here"))
    lab.change()
    wait_for("the next decision", lambda: reasons(lab.cluster).get("Ready") == "Serving")
    assert len(platforms.made) == 1


def test_a_paused_pipeline_is_left_alone(cluster: MemoryCluster, platforms: Platforms) -> None:
    put_video(cluster, paused=True)
    lab = Lab(cluster, platforms)
    wait_for("the condition", lambda: reasons(cluster) == {"Adapting": "Paused"})
    assert platforms.made == []
    lab.change(paused=False)
    wait_for("a decision", lambda: "rateRps" in status_of(cluster))
    lab.change(paused=True)
    wait_for("the pause", lambda: reasons(cluster)["Adapting"] == "Paused")
    assert not platforms.latest.attached
    wait_for(
        "the events",
        lambda: [r for r in lab.events() if r in ("Paused", "Resumed")] == ["Paused", "Resumed", "Paused"],
    )
    lab.end()


def test_an_object_that_makes_no_sense_is_said_and_what_runs_goes_on(lab: Lab, platforms: Platforms) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(lab.cluster))
    lab.change(forecaster="crystal-ball")
    wait_for("the condition", lambda: reasons(lab.cluster)["Adapting"] == "InvalidSpec")
    conditions = {one["type"]: one for one in status_of(lab.cluster)["conditions"]}
    assert "unknown forecaster 'crystal-ball'; allowed: last, max" in conditions["Degraded"]["message"]
    assert conditions["Ready"]["status"] == "True"
    assert not platforms.latest.attached
    assert len(platforms.made) == 1
    assert lab.events().count("InvalidSpec") == 1
    lab.change(forecaster="max")
    wait_for("the next decision", lambda: reasons(lab.cluster)["Adapting"] == "Deciding")


def test_a_config_map_is_waited_for(cluster: MemoryCluster, platforms: Platforms) -> None:
    thing = put_video(cluster)
    first = thing["spec"]["pipeline"]["stages"][0]
    for variant in first["variants"]:
        del variant["profile"]
    first["profile"] = {"config_map": "profiles", "file": "p.csv"}
    cluster.put(PIPELINE, "video", thing, "here")
    lab = Lab(cluster, platforms)
    wait_for("the condition", lambda: reasons(cluster).get("Degraded") == "InvalidSpec")
    message = status_of(cluster)["conditions"][0]["message"]
    assert "there is no ConfigMap profiles in namespace here" in message
    cluster.put(CONFIG_MAP, "profiles", {"data": {"q.csv": ""}}, "here")
    wait_for(
        "the key", lambda: "has no key p.csv; it has: q.csv" in status_of(cluster)["conditions"][0]["message"]
    )
    rows = [
        f"object-detection,{variant['name']},{variant['base_cores']},1,0.1,10"
        for variant in first["variants"]
    ]
    table = "\n".join(["stage,variant,cores,batch,latency_p99_s,throughput_rps", *rows])
    cluster.put(CONFIG_MAP, "profiles", {"data": {"p.csv": table}}, "here")
    wait_for("a decision", lambda: "rateRps" in status_of(cluster))
    lab.end()


def test_no_plan_is_larger_than_the_cluster(cluster: MemoryCluster, platforms: Platforms) -> None:
    platforms.fitting = 5
    put_video(cluster, weights=Weights(alpha=1000.0))
    lab = Lab(cluster, platforms)
    wait_for("a decision", lambda: "rateRps" in status_of(cluster))
    wait_for("a plan that fits", lambda: status_of(cluster)["cores"] <= 5)
    limit = 'ipa_controller_limit_cores{namespace="here",pipeline="video"} 5.0'
    wait_for("the limit among the metrics", lambda: limit in lab.metrics.text().decode())
    lab.end()


def test_whatever_goes_wrong_is_tried_again(lab: Lab, platforms: Platforms) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(lab.cluster))
    platforms.attaching.append(RuntimeError("a fault of ours"))
    platforms.attaching.append(ClusterError("list pods: the right is missing (403)", 403))
    lab.change(weights={"alpha": 3.0})
    wait_for("recovery", lambda: len(platforms.made) >= 4 and reasons(lab.cluster)["Adapting"] == "Deciding")


def test_what_an_object_asks_for_reaches_platform_and_planner() -> None:
    from ipa.cluster.resource import Described
    from ipa.controller.adaptation import adaptation_of, platform_conditions, platform_settings
    from ipa.pipeline.load import load_pipeline

    options = PipelineOptions.model_validate(
        {
            "source": "random",
            "method": "rim",
            "fixed": {"replicas": [2, 3]},
            "limits": {"cores": 40, "replicas": 7, "batchSizes": [1, 8]},
            "intervalSeconds": 5,
            "onInfeasible": "hold",
            "gateway": {"shards": 2, "queueLimit": 100, "hangAfterSeconds": 3},
            "drop": {"afterSeconds": 13, "stageAfterSeconds": [4, 6]},
            "emulation": {"seed": 4, "service": "deterministic"},
            "models": {"claim": "weights"},
        }
    )
    adaptation = adaptation_of(Described(load_pipeline("video"), options))
    plan = adaptation.planner.decide(5).plan
    assert [stage.replicas for stage in plan.stages] == [2, 3]
    assert adaptation.planner.constraints.batch_sizes == (1, 8)
    assert adaptation.settings.on_infeasible == "hold"
    settings = platform_settings(options, "here", "ipa:1")
    assert (settings.image, settings.core_limit, settings.gateway_shards) == ("ipa:1", 40, 2)
    assert (settings.models_claim, settings.service, settings.hang_after_s) == ("weights", "deterministic", 3)
    conditions = platform_conditions(options)
    assert (conditions.seed, conditions.drop_after_s, conditions.stage_drop_after_s) == (4, 13, (4, 6))
    assert platform_conditions(PipelineOptions()).drop_after_s == float("inf")


class Cut:
    """A way to a cluster that is cut after some calls, as if the process had been killed."""

    def __init__(self, cluster: MemoryCluster, calls: int) -> None:
        self._cluster, self.left = cluster, calls

    def send(self, request: Request) -> Answer:
        if self.left <= 0:
            raise TransportError("killed")
        self.left -= 1
        return self._cluster.send(request)

    def open(self, request: Request) -> Stream:
        return self._cluster.open(request)

    def close(self) -> None:
        self.left = 0


@pytest.mark.parametrize("calls", range(4))
def test_whoever_takes_over_after_any_call_comes_to_the_same_status(
    cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    monkeypatch.setattr(client_module, "RETRY_FOR_S", 0.0)
    thing, platforms, way = put_video(cluster), Platforms(), Cut(cluster, calls)
    client = ClusterClient(way)
    first = PipelineKeeper(client, thing, platforms.of, Teller(client, "a"), ControllerMetrics())
    first.start()
    wait_for("the kill", lambda: platforms.made and platforms.latest.applied and way.left <= 0)
    way.close()
    first.call_off()
    assert first.join(10)
    # The plan is where the platform wrote it; the next one finds it there, and the pipeline running.
    assert platforms.latest.running is not None
    platforms.running = platforms.latest.running
    thing = cluster.one(PIPELINE, "video", "here")
    status = thing.get("status", {}) | {"plan": plan_entries(platforms.running)}
    cluster.put(PIPELINE, "video", thing | {"status": status}, "here")
    second = Lab(cluster, platforms)
    wait_for("the same status", lambda: reasons(cluster).get("Degraded") == "AsPlanned")
    wait_for("the load", lambda: status_of(cluster).get("rateRps") == 10)
    assert reasons(cluster)["Ready"] == "Serving"
    assert status_of(cluster)["cores"] == platforms.running.cost_cores
    assert second.events().count("Deployed") <= 1
    second.end()
