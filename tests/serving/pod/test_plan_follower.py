"""A shard serves what the cluster says, as far as it is there, and never with less than it could."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from ipa.cluster.resource_status import ServedStage
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.pipeline import Pipeline
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.gateway.messages import ReplicaAddress
from ipa.serving.pod.cluster_news import ClusterNews
from ipa.serving.pod.endpoints import Condition, Endpoint
from ipa.serving.pod.plan_follower import PATIENCE_S, PlanFollower
from tests.support.scripted_links import INPUTS, ScriptedLink
from tests.support.simulator_toys import pipeline, variant
from tests.support.virtual_gateway import VirtualClock

PIPELINE = pipeline(*[[variant("a", {1: 0.1, 8: 0.4}), variant("b", {1: 0.1, 8: 0.4})]] * 2)


@dataclass
class ScriptedPool:
    """Connects what the test says is reachable."""

    reachable: set[str] = field(default_factory=set)
    links: dict[str, ScriptedLink] = field(default_factory=dict)
    wanted: Mapping[str, tuple[int, ReplicaAddress]] = field(default_factory=dict)

    def want(self, replicas: Mapping[str, tuple[int, ReplicaAddress]]) -> None:
        self.wanted = replicas

    def connected(self, names: Collection[str]) -> dict[str, ScriptedLink]:
        found = sorted(set(names) & self.reachable & set(self.wanted))
        for name in found:
            if name not in self.links or self.links[name].closed:
                self.links[name] = ScriptedLink(name)
        return {name: self.links[name] for name in found}

    def used(self, names: Collection[str]) -> None:
        assert set(names) <= set(self.links)


class Shard:
    """A follower with everything around it scripted."""

    def __init__(self, pod: str = "me", served: Pipeline = PIPELINE) -> None:
        self.clock, self.pool = VirtualClock(), ScriptedPool()
        self.engine = Engine(served, [StageLimits()] * 2, self.clock)
        self.follower = PlanFollower(self.engine, self.pool, pod)

    def follow(self, news: ClusterNews, now_s: float = 0.0) -> float | None:
        return self.follower.follow(news, now_s)

    def serving(self) -> dict[str, tuple[str, int, set[str]]]:
        """Return variant, batch and replicas of each stage; nothing before the first plan."""
        return {
            stage.stage: (
                stage.plan.variant,
                stage.plan.batch,
                {one.name for one in stage.replicas if one.state != "draining" and not one.borrowed},
            )
            for stage in self.engine.state().stages
            if stage.plan
        }

    def borrowed(self) -> dict[str, set[str]]:
        """Return the replicas of other shards that may help, by stage."""
        return {
            stage.stage: {one.name for one in stage.replicas if one.borrowed}
            for stage in self.engine.state().stages
        }


def told(stage: str, service: str = "", batch: int = 1) -> ServedStage:
    service = service or f"{stage}-a"
    return ServedStage(stage=stage, variant=service[-1], cores=1, batch=batch, service=service)


def news(
    *serving: ServedStage,
    shards: Collection[str] = (),
    condition: Condition = Condition.READY,
    **pods: Collection[str],
) -> ClusterNews:
    """Return news of pods by their Services, with _ in place of -."""
    endpoints = {
        service.replace("_", "-"): {name: Endpoint(name, f"{name}:8081", condition) for name in names}
        for service, names in pods.items()
    }
    return ClusterNews("7", serving or (told("s0"), told("s1")), endpoints, frozenset(shards))


FIRST = news(s0_a=["x0", "y0"], s1_a=["x1"])
BOTH = {"s0": ("a", 1, {"x0", "y0"}), "s1": ("a", 1, {"x1"})}


def started() -> Shard:
    shard = Shard()
    shard.pool.reachable = {"x0", "y0", "x1"}
    shard.follow(FIRST)
    assert shard.serving() == BOTH
    return shard


def test_it_waits_for_what_shall_serve_then_for_the_replicas() -> None:
    shard = Shard()
    shard.follow(ClusterNews())
    assert not shard.pool.wanted
    assert shard.follow(FIRST) == PATIENCE_S
    assert not shard.engine.ready
    assert shard.pool.wanted["x1"] == (1, ReplicaAddress("x1", "x1:8081", "s1"))
    shard.pool.reachable = {"x0", "x1"}
    shard.follow(FIRST, 1.0)
    assert not shard.engine.ready
    shard.follow(FIRST, PATIENCE_S)
    assert shard.serving() == BOTH | {"s0": ("a", 1, {"x0"})}
    shard.pool.reachable.add("y0")
    assert shard.follow(FIRST, PATIENCE_S + 1) is None
    assert shard.serving() == BOTH


def test_a_batch_changes_at_once_and_nothing_else() -> None:
    shard = started()
    shard.follow(replace(FIRST, serving=(told("s0", batch=4), told("s1"))))
    assert shard.serving() == BOTH | {"s0": ("a", 4, {"x0", "y0"})}


def test_the_order_in_which_stages_are_told_does_not_matter() -> None:
    shard = started()
    shard.follow(replace(FIRST, serving=(told("s1", batch=2), told("s0"))))
    assert shard.serving() == BOTH | {"s1": ("a", 2, {"x1"})}


def test_the_same_news_touch_nothing() -> None:
    shard = started()
    before = shard.follower._assigned
    shard.follow(replace(FIRST, version="8"))
    assert shard.follower._assigned is before


def test_another_variant_takes_over_when_all_its_replicas_are_connected() -> None:
    shard = started()
    switch = news(told("s0", "s0-b"), told("s1"), s0_a=["x0", "y0"], s0_b=["v", "w"], s1_a=["x1"])
    shard.pool.reachable.add("v")
    assert shard.follow(switch, 10.0) == PATIENCE_S
    assert shard.serving() == BOTH
    shard.pool.reachable.add("w")
    assert shard.follow(switch, 11.0) is None
    assert shard.serving() == BOTH | {"s0": ("b", 1, {"v", "w"})}
    assert shard.follower.in_force == switch.serving


def test_replicas_of_another_variant_that_never_come_do_not_hold_it_up_for_ever() -> None:
    shard = started()
    switch = news(told("s0", "s0-b"), told("s1"), s0_a=["x0"], s0_b=["v", "w"], s1_a=["x1"])
    shard.follow(switch, 10.0)
    assert shard.serving()["s0"] == ("a", 1, {"x0"})
    assert shard.follow(switch, 10.0 + PATIENCE_S) is None
    assert shard.serving()["s0"] == ("a", 1, {"x0"}), "none of the others is connected"
    shard.pool.reachable.add("w")
    shard.follow(switch, 11.0 + PATIENCE_S)
    assert shard.serving()["s0"] == ("b", 1, {"w"})


def test_where_nothing_else_serves_the_first_replica_takes_over() -> None:
    shard = started()
    shard.pool.reachable.add("v")
    switch = news(told("s0", "s0-b"), told("s1"), s0_b=["v", "w"], s1_a=["x1"])
    shard.follow(switch, 10.0)
    assert shard.serving()["s0"] == ("b", 1, {"v"})


def test_a_stage_whose_replicas_are_all_gone_keeps_its_queue() -> None:
    shard = started()
    shard.follow(news(s1_a=["x1"]))
    assert shard.serving() == BOTH | {"s0": ("a", 1, set())}
    shard.engine.submit("r", INPUTS, lambda _: None)
    shard.clock.run_until(1.0)
    assert shard.engine.state().stages[0].waiting == 1
    shard.follow(FIRST)
    shard.clock.run_until(1.0)
    assert shard.engine.state().stages[0].waiting == 0


def test_replicas_that_stop_being_ready_all_at_once_go_on_serving() -> None:
    shard = started()
    shard.follow(news(s0_a=["x0"], s1_a=["x1"], condition=Condition.NOT_READY))
    assert shard.serving() == BOTH | {"s0": ("a", 1, {"x0"})}


def test_shards_share_the_replicas_and_none_is_left_out() -> None:
    pods = {"s0_a": ["x0", "y0", "z0"], "s1_a": ["x1"]}
    found = []
    for pod in ("me", "you"):
        shard = Shard(pod)
        shard.pool.reachable = {"x0", "y0", "z0", "x1"}
        # The other one is ready; this one serves before it is.
        shard.follow(news(shards=["you"] if pod == "me" else ["me"], **pods))
        found.append(shard.serving())
        own = found[-1]["s0"][2]
        assert shard.borrowed() == {"s0": {"x0", "y0", "z0"} - own, "s1": set()}
    assert found[0]["s0"][2] | found[1]["s0"][2] == {"x0", "y0", "z0"}
    assert not found[0]["s0"][2] & found[1]["s0"][2]
    assert found[0]["s1"][2] == found[1]["s1"][2] == {"x1"}


def test_a_replica_that_moves_to_another_shard_ends_its_batch_and_then_only_helps() -> None:
    shard = started()
    for name in ("one", "two"):
        shard.engine.submit(name, INPUTS, lambda _: None)
    shard.clock.run_until(1.0)
    assert shard.pool.links["x0"].busy
    assert shard.pool.links["y0"].busy
    shard.follow(replace(FIRST, shards=frozenset({"me", "you"})))
    (kept,) = shard.serving()["s0"][2]
    (moved,) = shard.borrowed()["s0"]
    assert {kept, moved} == {"x0", "y0"}
    assert shard.pool.links[moved].busy
    shard.pool.links[moved].answer()
    shard.engine.submit("three", INPUTS, lambda _: None)
    shard.clock.run_until(shard.clock.time_s)
    assert not shard.pool.links[moved].busy, "its own one is busy, but not for long"
    shard.clock.run_until(shard.clock.time_s + 0.1)
    assert shard.pool.links[moved].busy


def test_what_the_pipeline_cannot_run_is_refused_and_the_plan_before_goes_on() -> None:
    shard = started()
    shard.follow(replace(FIRST, serving=(told("s0", "s0-c"), told("s1"))))
    assert "s0" in shard.follower.problem
    assert shard.serving() == BOTH
    shard.follow(replace(FIRST, serving=(told("s1"),)))
    assert "the plan is for stages ['s1']" in shard.follower.problem
    shard.follow(FIRST)
    assert not shard.follower.problem


def test_a_server_that_runs_already_is_as_many_replicas_as_it_gets_batches_at_a_time() -> None:
    first, second = PIPELINE.stages
    theirs = replace(first.variants[1], server=ExternalServer("m", address="gpu:8001"))
    first = replace(first, variants=(first.variants[0], theirs))
    shard = Shard(served=replace(PIPELINE, stages=(first, second)))
    shard.pool.reachable = {"x0", "y0", "x1"}
    shard.follow(FIRST)
    there = told("s0", "s0-b").model_copy(update={"replicas": 2})
    shard.follow(replace(FIRST, serving=(there, told("s1"))), 1.0)
    assert shard.serving() == BOTH, "what serves goes on until they are connected"
    assert shard.pool.wanted["s0-b-1"] == (0, ReplicaAddress("s0-b-1", "gpu:8001", "m"))
    shard.pool.reachable |= {"s0-b-0", "s0-b-1"}
    shard.follow(replace(FIRST, serving=(there, told("s1"))), 2.0)
    assert shard.serving() == BOTH | {"s0": ("b", 1, {"s0-b-0", "s0-b-1"})}
    shard.follow(replace(FIRST, serving=(there.model_copy(update={"replicas": 1}), told("s1"))), 3.0)
    assert shard.serving() == BOTH | {"s0": ("b", 1, {"s0-b-0"})}
    both = replace(FIRST, serving=(there, told("s1")), shards=frozenset({"me", "you"}))
    shard.follow(both, 3.5)
    assert len(shard.serving()["s0"][2]) == 1
    assert shard.borrowed()["s0"] == set(), "two shards would send it more batches than that"
    shard.follow(replace(both, shards=frozenset()), 3.6)
    shard.follow(replace(FIRST, serving=(there.model_copy(update={"replicas": 1}), told("s1"))), 3.7)
    shard.pool.reachable -= {"x0", "y0"}
    shard.follow(FIRST, 4.0)
    assert shard.serving() == BOTH | {"s0": ("b", 1, {"s0-b-0"})}, "nothing lists it, and it serves"
    assert "s0-b-0" in shard.pool.wanted
    shard.pool.reachable |= {"x0", "y0"}
    shard.follow(FIRST, 5.0)
    assert shard.serving() == BOTH
