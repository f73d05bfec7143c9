"""A cluster comes to run a plan, make before break, from wherever it is and whoever breaks off when."""

from dataclasses import replace

import pytest

from ipa.cluster.kinds import CONFIG_MAP, DEPLOYMENT, PIPELINE, POD, SERVICE, name_of
from ipa.cluster.transport import Answer, Request, TransportError
from ipa.errors import ClusterError
from ipa.pipeline.external_server import ExternalServer
from tests.support.live_pipelines import toy_pipeline, toy_plan
from tests.support.memory_cluster import MemoryCluster, status
from tests.support.memory_pipelines import MemoryPipeline

FIRST_SMALL, FIRST_LARGE = "toy--first--small--1c", "toy--first--large--1c"
SECOND_SMALL = "toy--second--small--1c"


@pytest.fixture
def toy() -> MemoryPipeline:
    return MemoryPipeline(MemoryCluster())


@pytest.fixture
def running(toy: MemoryPipeline) -> MemoryPipeline:
    """A pipeline that runs a plan of two small replicas in each stage."""
    toy.reconciler.change_plan(toy_plan())
    toy.settle()
    return toy


def test_a_plan_becomes_one_deployment_and_one_service_for_each_stage_and_a_gateway(
    running: MemoryPipeline,
) -> None:
    assert running.replicas() == {"toy-gateway": 1, FIRST_SMALL: 2, SECOND_SMALL: 2}
    services = {name_of(service) for service in running.cluster.all(SERVICE)}
    assert services == {"toy-gateway", FIRST_SMALL, SECOND_SMALL}
    assert running.serving() == {"first": ("small", 1), "second": ("small", 1)}


def test_the_plan_that_runs_takes_no_writes(running: MemoryPipeline) -> None:
    running.client.writes.clear()
    for _ in range(10):
        assert running.reconciler.turn() == 0
        running.kubelet.work()
    assert not running.client.writes


def test_replicas_are_one_write_beside_the_plan(running: MemoryPipeline) -> None:
    running.client.writes.clear()
    running.reconciler.change_plan(toy_plan(replicas=(4, 2)))
    running.settle()
    assert running.replicas()[FIRST_SMALL] == 4
    assert [write.kind for write in running.client.writes] == ["InferencePipeline", "Deployment"]


def test_a_batch_touches_only_the_status_which_gateways_read(running: MemoryPipeline) -> None:
    running.client.writes.clear()
    running.reconciler.change_plan(toy_plan(batch=8))
    assert running.serving() == {"first": ("small", 8), "second": ("small", 8)}
    running.settle()
    assert [write.verb for write in running.client.writes] == ["apply_status"]


def test_another_variant_serves_once_all_of_its_replicas_are_ready(running: MemoryPipeline) -> None:
    running.reconciler.change_plan(toy_plan(variants=("large", "small")))
    running.reconciler.turn()
    assert running.replicas()[FIRST_LARGE] == 2
    assert running.replicas()[FIRST_SMALL] == 2
    assert running.serving()["first"] == ("small", 1)
    running.kubelet.work()
    running.obeyed = lambda _serving: False
    running.reconciler.turn()
    assert running.serving()["first"] == ("large", 1)
    running.reconciler.turn()
    assert running.replicas()[FIRST_SMALL] == 2, "a gateway still sends it requests"
    running.obeyed = lambda _serving: True
    running.reconciler.turn()
    assert running.replicas()[FIRST_SMALL] == 0
    running.settle()
    assert FIRST_SMALL not in running.replicas(), "it is forgotten some time later"
    assert FIRST_SMALL not in {name_of(one) for one in running.cluster.all(SERVICE)}
    configs = {name_of(one) for one in running.cluster.all(CONFIG_MAP)}
    assert not any(name.startswith("toy--first--small") for name in configs)


def test_one_that_never_becomes_ready_does_not_take_over(running: MemoryPipeline) -> None:
    running.kubelet.broken.add(FIRST_LARGE)
    running.reconciler.change_plan(toy_plan(variants=("large", "small")))
    running.settle()
    assert running.serving()["first"] == ("small", 1)
    assert running.replicas()[FIRST_SMALL] == 2
    running.reconciler.change_plan(toy_plan())
    running.settle()
    assert FIRST_LARGE not in running.replicas()


def test_nobody_takes_from_a_gateway_what_it_serves_with(running: MemoryPipeline) -> None:
    """It may be unable to connect the others, though they are ready to a kubelet."""
    running.used = frozenset({FIRST_SMALL})
    running.reconciler.change_plan(toy_plan(variants=("large", "small")))
    running.settle()
    assert running.serving()["first"] == ("large", 1)
    assert running.replicas()[FIRST_SMALL] == 2
    running.used = frozenset({FIRST_LARGE})
    running.settle()
    assert FIRST_SMALL not in running.replicas()


def test_a_server_of_somebody_elses_is_kept_as_it_should_be(toy: MemoryPipeline) -> None:
    toy.pipeline = toy_pipeline(ExternalServer("theirs", ("serve", "{port}", "$(date)"), image="triton:1"))
    toy.restart()
    toy.reconciler.change_plan(toy_plan())
    toy.settle()
    assert toy.replicas() == {"toy-gateway": 1, FIRST_SMALL: 2, SECOND_SMALL: 2}
    assert len(toy.cluster.all(CONFIG_MAP)) == 1, "the settings of the gateway"
    toy.client.writes.clear()
    assert toy.reconciler.turn() == 0
    found = toy.cluster.one(DEPLOYMENT, FIRST_SMALL)
    found["spec"]["template"]["spec"]["containers"][0]["image"] = "triton:2"
    toy.cluster.put(DEPLOYMENT, FIRST_SMALL, found)
    toy.settle()
    [container] = toy.cluster.one(DEPLOYMENT, FIRST_SMALL)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "triton:1", "what was edited by hand is put right"


def test_a_server_that_runs_already_takes_over_by_the_status_alone(toy: MemoryPipeline) -> None:
    first, second = toy.pipeline.stages
    large = replace(first.variants[1], server=ExternalServer("theirs", address="gpu:8001"))
    first = replace(first, variants=(first.variants[0], large))
    toy.pipeline = replace(toy.pipeline, stages=(first, second))
    toy.restart()
    toy.reconciler.change_plan(toy_plan())
    toy.settle()
    toy.used = frozenset({FIRST_SMALL})
    toy.reconciler.change_plan(toy_plan(variants=("large", "small"), replicas=(3, 2)))
    toy.settle()
    told = toy.reconciler.serving()[0]
    assert (told.variant, told.replicas) == ("large", 3)
    assert toy.replicas() == {"toy-gateway": 1, FIRST_SMALL: 2, SECOND_SMALL: 2}, "the gateway decides"
    toy.used = frozenset({FIRST_LARGE})
    toy.settle()
    assert FIRST_SMALL not in toy.replicas()
    toy.client.writes.clear()
    toy.reconciler.change_plan(toy_plan(variants=("large", "small"), replicas=(5, 2)))
    toy.settle()
    assert [write.verb for write in toy.client.writes] == ["apply_status"]
    toy.reconciler.change_plan(toy_plan())
    toy.reconciler.turn()
    assert toy.serving()["first"] == ("large", 1), "until pods are there"
    toy.settle()
    assert toy.serving()["first"] == ("small", 1)


def test_a_plan_that_comes_back_keeps_what_serves(running: MemoryPipeline) -> None:
    running.reconciler.change_plan(toy_plan(variants=("large", "small")))
    running.reconciler.turn()
    running.reconciler.change_plan(toy_plan(replicas=(3, 2)))
    running.settle()
    assert running.replicas() == {"toy-gateway": 1, FIRST_SMALL: 3, SECOND_SMALL: 2}
    assert running.serving()["first"] == ("small", 1)


def test_replicas_that_are_needed_again_before_they_are_forgotten_are_not_idle(toy: MemoryPipeline) -> None:
    toy.settings = type(toy.settings)(idle_s=3600.0)
    toy.restart()
    for variants in (("small", "small"), ("large", "small"), ("small", "small")):
        toy.reconciler.change_plan(toy_plan(variants=variants))
        toy.settle()
    assert toy.replicas() == {"toy-gateway": 1, FIRST_SMALL: 2, FIRST_LARGE: 0, SECOND_SMALL: 2}
    idle = {
        name_of(one): one["metadata"].get("annotations", {}).get("ipa.dev/idle-since")
        for one in toy.cluster.all(DEPLOYMENT)
    }
    assert idle[FIRST_SMALL] == ""
    assert idle[FIRST_LARGE] != ""


@pytest.mark.parametrize("kind", [DEPLOYMENT, SERVICE, CONFIG_MAP])
def test_what_is_deleted_by_hand_comes_back(running: MemoryPipeline, kind: object) -> None:
    before = running.names()
    for thing in running.cluster.all(kind):
        running.cluster.remove(kind, name_of(thing))
    running.settle()
    assert running.names() == before


def test_what_is_edited_by_hand_is_put_right(running: MemoryPipeline) -> None:
    thing = running.cluster.one(DEPLOYMENT, FIRST_SMALL)
    before = thing["spec"]["template"]["spec"]["containers"][0]["image"]
    thing["spec"]["replicas"] = 9
    thing["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    running.cluster.put(DEPLOYMENT, FIRST_SMALL, thing)
    running.settle()
    found = running.cluster.one(DEPLOYMENT, FIRST_SMALL)["spec"]
    assert found["replicas"] == 2
    assert found["template"]["spec"]["containers"][0]["image"] == before


def test_what_serves_is_put_right_in_the_status_too(running: MemoryPipeline) -> None:
    thing = running.cluster.one(PIPELINE, "toy")
    thing["status"]["serving"][0]["batch"] = 8
    running.cluster.put(PIPELINE, "toy", thing)
    running.settle()
    assert running.serving()["first"] == ("small", 1)


def test_an_object_of_somebody_else_is_left_alone(toy: MemoryPipeline) -> None:
    theirs = {"metadata": {"labels": {"app": "theirs"}}, "spec": {"ports": []}}
    before = toy.cluster.put(SERVICE, FIRST_SMALL, theirs)
    toy.reconciler.change_plan(toy_plan())
    with pytest.raises(ClusterError, match=f"services default/{FIRST_SMALL} is there already and does not"):
        toy.settle()
    assert toy.cluster.one(SERVICE, FIRST_SMALL) == before


def test_an_object_that_was_made_anew_is_another_pipeline(running: MemoryPipeline) -> None:
    running.cluster.remove(PIPELINE, "toy")
    assert running.cluster.all(DEPLOYMENT) == []
    running.cluster.put(PIPELINE, "toy", {"spec": {}})
    assert running.reconciler.turn() == 0
    running.kubelet.work()
    assert running.cluster.all(POD) == []


PLANS = (
    toy_plan(),
    toy_plan(replicas=(4, 2)),
    toy_plan(variants=("large", "small"), batch=8),
    toy_plan(variants=("large", "large"), replicas=(1, 3)),
    toy_plan(),
)


def test_no_plan_is_written_into_another_object_of_the_same_name(running: MemoryPipeline) -> None:
    cluster = running.cluster
    thing = cluster.one(PIPELINE, "toy")
    cluster.remove(PIPELINE, "toy")
    cluster.put(PIPELINE, "toy", {"spec": thing["spec"]})
    with pytest.raises(ClusterError, match="inferencepipeline default/toy is gone"):
        running.reconciler.change_plan(toy_plan(batch=8))
    assert "status" not in cluster.one(PIPELINE, "toy")


def run_plans(toy: MemoryPipeline, fail_at: int, *, before_it_is_done: bool) -> int:
    """Run plan after plan by one who dies at some call and is replaced; return how many calls there were."""
    calls, died = 0, False
    send = toy.cluster.send

    def dying(request: Request) -> Answer:
        nonlocal calls, died
        calls += 1
        if calls == fail_at and not died:
            died = True
            if not before_it_is_done:
                send(request)
            raise Died
        return send(request)

    toy.cluster.send = dying  # type: ignore[method-assign]
    for plan in PLANS:
        for _attempt in range(2):
            try:
                if toy.plan() != plan:
                    toy.reconciler.change_plan(plan)
                toy.settle()
                break
            except Died:
                toy.restart()
    toy.cluster.send = send  # type: ignore[method-assign]
    return calls


class Died(BaseException):
    """The process ends."""


@pytest.mark.slow
def test_whoever_takes_over_after_any_call_comes_to_the_same_objects() -> None:
    undisturbed = MemoryPipeline(MemoryCluster())
    calls = run_plans(undisturbed, 0, before_it_is_done=True)
    assert calls > 40
    for before_it_is_done in (True, False):
        for call in range(1, calls + 1):
            toy = MemoryPipeline(MemoryCluster())
            run_plans(toy, call, before_it_is_done=before_it_is_done)
            assert toy.plan() == PLANS[-1]
            assert toy.names() == undisturbed.names()
            assert toy.replicas() == undisturbed.replicas()
            assert toy.serving() == undisturbed.serving()


@pytest.mark.parametrize(
    "trouble",
    [status(409, "Conflict", "again"), status(429, "TooMany", "later"), TransportError("reset")],
)
def test_trouble_at_every_call_only_delays(
    trouble: Answer | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipa.cluster.client.FIRST_PAUSE_S", 0.0)
    toy = MemoryPipeline(MemoryCluster())
    seen: set[tuple[str, str]] = set()

    def fail_first(request: Request) -> Answer | None:
        key = request.method, request.path
        if key in seen or (
            request.method != "PATCH" and isinstance(trouble, Answer) and trouble.status == 409
        ):
            return None
        seen.add(key)
        if isinstance(trouble, Exception):
            raise trouble
        return trouble

    toy.cluster.fault = fail_first
    toy.reconciler.change_plan(PLANS[0])
    toy.settle()
    assert toy.replicas() == {"toy-gateway": 1, FIRST_SMALL: 2, SECOND_SMALL: 2}


def test_a_call_that_fails_for_good_is_made_again_in_the_next_turn(toy: MemoryPipeline) -> None:
    toy.reconciler.change_plan(toy_plan())
    toy.cluster.fault = lambda request: (
        status(403, "Forbidden", "no")
        if request.method == "PATCH" and "deployments" in request.path
        else None
    )
    with pytest.raises(ClusterError, match=r"patch deployments\.apps"):
        toy.reconciler.turn()
    toy.cluster.fault = lambda _request: None
    toy.settle()
    assert toy.serving() == {"first": ("small", 1), "second": ("small", 1)}


def test_a_plan_that_comes_in_the_middle_of_a_turn_is_not_written_over(running: MemoryPipeline) -> None:
    running.reconciler.change_plan(toy_plan(variants=("large", "small")))
    running.reconciler.turn()
    running.kubelet.work()
    # Two things are to be written now: this Deployment, then that the large ones serve.
    running.cluster.remove(DEPLOYMENT, SECOND_SMALL)
    newer = toy_plan(replicas=(1, 1))

    def change_plan(request: Request) -> None:
        if "deployments" in request.path:
            running.cluster.fault = lambda _request: None
            running.reconciler.change_plan(newer)

    running.cluster.fault = change_plan
    running.reconciler.turn()
    assert running.plan() == newer
    running.settle()
    assert running.replicas() == {"toy-gateway": 1, FIRST_SMALL: 1, SECOND_SMALL: 1}
