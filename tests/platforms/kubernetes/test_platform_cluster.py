"""A pipeline of pods is reconfigured under load, repaired, taken over, and says what stands in its way."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from ipa.cluster.kinds import CONFIG_MAP, DEPLOYMENT, PIPELINE, POD, SERVICE, name_of
from ipa.errors import IpaError, LivePipelineError
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes import platform as platform_module
from ipa.platforms.kubernetes.platform import KubernetesPlatform
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.results.requests import OK, REASONS
from tests.support.cluster import Cluster
from tests.support.live_pipelines import toy_pipeline, toy_plan

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("pod_code")]

SOON_S, RATE_RPS = 240.0, 50

Make = Callable[..., KubernetesPlatform]


@pytest.fixture
def make(cluster: Cluster, namespace: str) -> Iterator[Make]:
    """Make platforms in a namespace of the test's own; all of them are torn down."""
    made: list[KubernetesPlatform] = []

    def build(name: str = "toy", **changes: object) -> KubernetesPlatform:
        settings = KubernetesSettings(namespace=namespace, image=cluster.image, start_timeout_s=SOON_S)
        given = replace(settings, **changes)
        made.append(KubernetesPlatform(given, Conditions(), name=name, client=cluster.client))
        return made[-1]

    yield build
    for platform in made:
        platform.teardown()


def until(true: Callable[[], object], what: str) -> None:
    end_s = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < end_s, what
        time.sleep(0.05)


def served(platform: KubernetesPlatform) -> None:
    until(lambda: not platform.running.pending(), f"it does not serve: {platform.running.pending()}")


def one_stage(cores: int = 1, name: str = "toy") -> tuple[Pipeline, Plan]:
    """Return a pipeline of one stage and one variant on so many cores, and a plan of one replica."""
    points = (ProfilePoint(1, 0.02, 0.01, 100.0),)
    variant = Variant("v", 0.5, cores, (Profile(cores, points),))
    pipeline = Pipeline(name, (Stage("only", (variant,), task="image-classification"),), sla_s=1.0)
    return pipeline, Plan((StagePlan("only", "v", 1, 1, cores),))


def test_no_request_is_lost_or_answered_twice_while_it_is_reconfigured(
    make: Make, cluster: Cluster, namespace: str
) -> None:
    platform, duration_s = make(gateway_shards=2), 24.0
    platform.offer(np.linspace(0.01, duration_s, int(duration_s * RATE_RPS)))
    platform.deploy(toy_pipeline(), toy_plan())
    served(platform)
    cluster.client.writes.clear()
    for second in (1.0, 2.0, 3.0):
        platform.sleep_until(second)
        assert platform.apply(toy_plan()).started == 0
    assert not cluster.client.writes, "the plan that runs takes no writes"
    for plan in (
        toy_plan(replicas=(3, 2)),
        toy_plan(replicas=(3, 2), batch=8),
        toy_plan(variants=("large", "small")),
        toy_plan(replicas=(1, 1)),
    ):
        platform.apply(plan)
        served(platform)
        assert platform.observe().plan == plan
    assert platform.observe().ready_replicas == (1, 1)
    platform.sleep_until(duration_s)
    rates = platform.observe().rates_rps
    assert np.nansum(rates) == pytest.approx(duration_s * RATE_RPS, abs=2 * RATE_RPS)
    platform.drain()
    records = platform.records()
    bad = np.flatnonzero(records.outcome != OK)
    assert not len(bad), [(records.arrival_s[one], REASONS[records.reason[one]]) for one in bad[:20]]
    assert all((stage.batch > 0).all() for stage in records.stages)
    assert platform.core_seconds() > duration_s * 2
    platform.teardown()
    kinds = (DEPLOYMENT, SERVICE, CONFIG_MAP, POD)
    until(
        lambda: (
            not any(cluster.client.list(kind, namespace, selector="ipa.dev/pipeline").items for kind in kinds)
        ),
        "all that belonged to it is gone",
    )


def test_a_load_from_outside_the_cluster_goes_through_its_api_server(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_module, "_reaches", lambda _address: False)
    pipeline, plan = one_stage()
    platform = make()
    platform.offer(np.linspace(0.01, 2.0, 20))
    platform.deploy(pipeline, plan)
    platform.sleep_until(2.0)
    platform.drain()
    assert (platform.records().outcome == OK).all()


def test_whoever_takes_over_in_the_middle_of_a_switch_finishes_it(
    make: Make, cluster: Cluster, namespace: str
) -> None:
    first = make()
    first.deploy(toy_pipeline(), toy_plan(replicas=(1, 1)))
    first.apply(toy_plan(variants=("large", "small"), replicas=(1, 1)))
    first.running.stop()
    second = make()
    second.attach(toy_pipeline(), toy_plan(replicas=(1, 1)))
    assert second.observe().plan.variants == ("large", "small"), "the plan of the status counts"
    served(second)
    deployments = cluster.client.list(DEPLOYMENT, namespace).items
    until(
        lambda: (
            {
                name_of(one): one["spec"]["replicas"]
                for one in cluster.client.list(DEPLOYMENT, namespace).items
            }
            == {
                "toy-gateway": 1,
                "toy--first--small--1c": 0,
                "toy--first--large--1c": 1,
                "toy--second--small--1c": 1,
            }
        ),
        f"only the large ones are left: {[name_of(one) for one in deployments]}",
    )
    for name, change in (("toy--second--small--1c", {"spec": {"replicas": 3}}), ("toy-gateway", None)):
        if change is None:
            cluster.client.delete(DEPLOYMENT, name, namespace)
        else:
            cluster.client.patch(DEPLOYMENT, name, change, namespace)

    def repaired() -> bool:
        found = {
            name_of(one): one["spec"]["replicas"] for one in cluster.client.list(DEPLOYMENT, namespace).items
        }
        return found.get("toy--second--small--1c") == 1 and found.get("toy-gateway") == 1

    until(repaired, "what was edited and deleted by hand is put right")
    served(second)
    second.detach()
    assert cluster.client.get(PIPELINE, "toy", namespace) is not None, "who only adapts it lets it run on"


@pytest.mark.parametrize(
    ("changes", "cores", "reason"),
    [
        (
            {"image": "localhost/there-is-none:1", "pull_policy": "Never"},
            1,
            "localhost/there-is-none:1 cannot be had",
        ),
        ({"source": "random"}, 64, "no node has room: 0/"),
        (
            {"source": "packaged"},
            1,
            r"it ends again and again \([0-9]+ restarts; Error, exit code 2\): error: ",
        ),
    ],
)
def test_what_stands_in_its_way_is_said(
    make: Make, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], cores: int, reason: str
) -> None:
    monkeypatch.setattr(platform_module, "HOPELESS_AFTER_S", 6.0)
    pipeline, plan = one_stage(cores)
    with pytest.raises(
        LivePipelineError, match=f"toy does not serve: only: 0 of 1 replicas serve .*{reason}"
    ):
        make(**changes).deploy(pipeline, plan)


def test_a_quota_that_is_too_small_is_said(
    make: Make, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_module, "HOPELESS_AFTER_S", 3.0)
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": namespace},
    }
    cluster.client.apply(quota | {"spec": {"hard": {"pods": "1"}}})
    pipeline, plan = one_stage()
    with pytest.raises(IpaError, match=r"pods are refused: .*exceeded quota: small"):
        make().deploy(pipeline, plan)
