"""Variants behind servers of somebody else's, in pods: a stock MLServer with a model of its own."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from ipa.cluster.kinds import DEPLOYMENT, POD, name_of
from ipa.errors import LivePipelineError
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes import platform as platform_module
from ipa.platforms.kubernetes.platform import KubernetesPlatform
from ipa.platforms.kubernetes.reconciler import LOOK_EVERY_S, OBEY_WITHIN_S
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.results.requests import OK
from tests.support.cluster import Cluster
from tests.support.live_pipelines import toy_pipeline, toy_plan
from tests.support.stock_server import stock_server

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("pod_code")]

SOON_S, RATE_RPS = 240.0, 25

OURS = toy_plan(replicas=(1, 1))
THEIRS = toy_plan(("large", "small"), replicas=(1, 1))
THEIRS_BEHIND = toy_plan(("small", "large"), replicas=(1, 1))
"""Plans with servers of ours only, and with one of somebody else's, a large variant, in one of two stages."""

Make = Callable[..., KubernetesPlatform]


@pytest.fixture
def make(cluster: Cluster, namespace: str) -> Iterator[Make]:
    """Make platforms in a namespace of the test's own; all of them are torn down."""
    made: list[KubernetesPlatform] = []

    def build(name: str = "toy", **changes: object) -> KubernetesPlatform:
        settings = KubernetesSettings(
            namespace=namespace, image=cluster.image, pull_policy="Never", start_timeout_s=SOON_S
        )
        given = replace(settings, **changes)
        made.append(KubernetesPlatform(given, Conditions(), name=name, client=cluster.client))
        return made[-1]

    yield build
    for platform in made:
        platform.teardown()


def with_large(*servers: ExternalServer) -> Pipeline:
    """Return the toy pipeline whose large variants, from the first stage on, are served by somebody else."""
    stages = list(toy_pipeline().stages)
    for place, server in enumerate(servers):
        small, large = stages[place].variants
        stages[place] = replace(stages[place], variants=(small, replace(large, server=server)))
    return replace(toy_pipeline(), stages=tuple(stages))


def until(true: Callable[[], object], what: Callable[[], str]) -> None:
    end_s = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < end_s, what()
        time.sleep(0.05)


def switch(platform: KubernetesPlatform, plan: Plan) -> None:
    platform.apply(plan)
    until(lambda: not platform.running.pending(), platform.running.pending)


def load(platform: KubernetesPlatform, duration_s: float) -> None:
    platform.offer(np.linspace(0.01, duration_s, int(duration_s * RATE_RPS)))


def test_no_request_is_lost_between_a_server_of_ours_and_one_of_somebody_elses(make: Make) -> None:
    """One tells a kubelet over REST whether it is ready, the other one has no REST that we know of."""
    platform = make()
    load(platform, duration_s=40.0)
    platform.deploy(with_large(stock_server(), stock_server(http=False)), OURS)
    for plan in (THEIRS, OURS, THEIRS_BEHIND):
        switch(platform, plan)
        assert platform.observe().ready_replicas == (1, 1)
    platform.drain()
    records = platform.records()
    assert (records.outcome == OK).all()
    assert all(set(np.unique(stage.variant)) == {0, 1} for stage in records.stages)


def test_one_whose_model_never_becomes_ready_takes_nothing_over(
    make: Make, cluster: Cluster, namespace: str
) -> None:
    """Its gRPC door is open, so a kubelet takes it for ready; the gateway does not."""
    platform = make()
    load(platform, duration_s=OBEY_WITHIN_S + LOOK_EVERY_S + 20.0)
    platform.deploy(with_large(replace(stock_server(http=False), model="another")), OURS)
    platform.apply(THEIRS)
    until(lambda: "was not ready within" in platform.running.pending(), platform.running.pending)
    platform.sleep_until(platform.now() + OBEY_WITHIN_S + LOOK_EVERY_S + 2.0)
    assert "the gateway is being told (replica toy--first--large--1c-" in platform.running.pending()
    serves = cluster.client.get(DEPLOYMENT, "toy--first--small--1c", namespace)
    assert serves is not None
    assert serves["spec"]["replicas"] == 1
    switch(platform, OURS)
    platform.drain()
    records = platform.records()
    assert (records.outcome == OK).all()
    assert (records.stages[0].variant == 0).all()


def test_a_server_that_runs_already_serves_as_many_batches_at_a_time_as_the_plan_has_replicas(
    make: Make, cluster: Cluster, namespace: str
) -> None:
    running = make("other")
    running.deploy(with_large(stock_server()), THEIRS)
    [pod] = [
        one
        for one in cluster.client.list(POD, namespace).items
        if name_of(one).startswith("other--first--large")
    ]
    platform = make()
    load(platform, duration_s=20.0)
    there = ExternalServer(stock_server().model, address=f"{pod['status']['podIP']}:8081")
    platform.deploy(with_large(there), OURS)
    switch(platform, toy_plan(("large", "small"), replicas=(2, 1)))
    assert platform.observe().ready_replicas == (2, 1)
    pods = {name_of(one) for one in cluster.client.list(POD, namespace).items}
    assert not any(name.startswith("toy--first--large") for name in pods)
    [state] = platform.running.shards.states().values()
    assert len(state["gateway"]["stages"][0]["replicas"]) == 2
    switch(platform, OURS)
    platform.drain()
    records = platform.records()
    assert (records.outcome == OK).all()
    assert set(np.unique(records.stages[0].variant)) == {0, 1}


def test_a_server_that_should_run_and_does_not_is_said_and_takes_nothing_over(make: Make) -> None:
    platform = make()
    platform.deploy(with_large(ExternalServer("m", address="127.0.0.1:9")), OURS)
    platform.apply(THEIRS)
    said = "the gateway is being told (replica toy--first--large--1c-0 was not ready within"
    until(lambda: said in platform.running.pending(), platform.running.pending)
    switch(platform, OURS)


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (ExternalServer("m", image="localhost/there-is-none:1"), "localhost/there-is-none:1 cannot be had"),
        (
            ExternalServer("m", ("sh", "-c", "echo no weights; exit 3", "{port}")),
            r"it ends again and again \([0-9]+ restarts; Error, exit code 3\): no weights",
        ),
    ],
)
def test_what_stands_in_its_way_is_said(
    make: Make, monkeypatch: pytest.MonkeyPatch, server: ExternalServer, reason: str
) -> None:
    monkeypatch.setattr(platform_module, "HOPELESS_AFTER_S", 6.0)
    with pytest.raises(LivePipelineError, match=f"first: 0 of 1 replicas serve .*{reason}"):
        make().deploy(with_large(server), THEIRS)


def test_one_that_opens_no_door_is_started_anew_and_said(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_module, "HOPELESS_AFTER_S", 1.0)
    server = ExternalServer("m", ("sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait", "{port}"))
    platform = make(start_timeout_s=8.0)
    with pytest.raises(LivePipelineError, match="first: 0 of 1 replicas serve"):
        platform.deploy(with_large(server), THEIRS)
    until(lambda: "it ends again and again" in platform.running.trouble(), platform.running.pending)
