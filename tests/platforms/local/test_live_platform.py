"""A pipeline of real processes under load: plans change, processes die and hang, and who pays for it."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import psutil
import pytest

from ipa.platforms.base import ApplyReport, Conditions, Observation
from ipa.platforms.local.events import Event
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.settings import LocalSettings
from tests.support.live_pipelines import send, send_to_replica, toy_pipeline, toy_plan

pytestmark = pytest.mark.live

RATE_RPS = 40
TIMEOUT_S = 20.0

CALM = (0.0, 2.0)
RECONFIGURED = (2.0, 11.0)
REPLICA_KILLED = (11.0, 13.0)
REPLICA_STOPPED = (13.0, 20.0)
GATEWAY_KILLED = (20.0, 25.0)
END_S = 26.0


@dataclass
class Story:
    """What was seen while things happened to a pipeline under load."""

    requests: pd.DataFrame = field(default_factory=pd.DataFrame)
    events: tuple[Event, ...] = ()
    seen: dict[str, Observation] = field(default_factory=dict)
    victims: dict[str, str] = field(default_factory=dict)
    core_seconds: float = 0.0
    left: list[int] = field(default_factory=list)

    def during(self, span: tuple[float, float]) -> pd.DataFrame:
        """Return the requests that were due in a span."""
        return self.requests[self.requests["arrival_s"].between(*span, inclusive="left")]

    def event(self, kind: str, subject: str, after_s: float = -np.inf) -> Event:
        """Return the first event of a kind about a process."""
        return next(
            e for e in self.events if e.kind == kind and e.subject.startswith(subject) and e.time_s >= after_s
        )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def story() -> Story:
    """Bring a pipeline up, let things happen to it for some 20 seconds under load, and tear it down."""
    story = Story()
    platform = LocalPlatform(LocalSettings(service="deterministic", hang_after_s=1.0), Conditions())
    platform.offer(np.arange(0.0, END_S, 1 / RATE_RPS))
    try:
        platform.deploy(toy_pipeline(), toy_plan())
        family = [process.pid for process in psutil.Process().children(recursive=True)]
        platform.sleep_until(RECONFIGURED[0])
        story.seen["calm"] = platform.observe()
        events = platform.deployment.events()
        assert platform.apply(toy_plan()) == ApplyReport(started=0, stopped=0)
        assert platform.deployment.events() == events
        reconfigure_every_half_second(platform)
        platform.sleep_until(REPLICA_KILLED[0])
        story.seen["reconfigured"] = platform.observe()
        story.victims["killed"] = send_to_replica(platform.deployment, "second", signal.SIGKILL)
        platform.sleep_until(REPLICA_STOPPED[0])
        story.seen["replaced"] = platform.observe()
        story.victims["stopped"] = send_to_replica(platform.deployment, "first", signal.SIGSTOP)
        platform.sleep_until(GATEWAY_KILLED[0])
        story.seen["unstuck"] = platform.observe()
        send(platform.deployment, "gateway", signal.SIGKILL)
        platform.sleep_until(END_S)
        story.seen["end"] = platform.observe()
        story.core_seconds = platform.core_seconds()
        platform.drain()
        story.requests = platform.records().to_frame()
        story.events = platform.deployment.events()
    finally:
        platform.teardown()
    story.left = [pid for pid in family if psutil.pid_exists(pid) and is_ours(pid)]
    return story


def is_ours(pid: int) -> bool:
    """Whether a process is more than the template, which stays as long as this program does."""
    return "forkserver" not in " ".join(psutil.Process(pid).cmdline()) and "resource_tracker" not in " ".join(
        psutil.Process(pid).cmdline()
    )


def reconfigure_every_half_second(platform: LocalPlatform) -> None:
    """Change variants, batches and replicas in turn, and end with the plan of the beginning."""
    platform.apply(toy_plan(("large", "small"), batch=8))
    wait_for(lambda: not platform.observe().pending)
    plans = [
        toy_plan(batch=8),
        toy_plan(("large", "small"), batch=8),
        toy_plan(("large", "small"), (3, 1), batch=1),
        toy_plan(("small", "large"), (1, 3), batch=8),
        toy_plan(("large", "large"), (2, 2), batch=1),
    ]
    for plan in 2 * plans:
        platform.apply(plan)
        platform.sleep_until(platform.now() + 0.5)
    platform.apply(toy_plan())
    wait_for(lambda: not platform.observe().pending)


def test_a_calm_pipeline_answers_in_the_time_of_its_models(story: Story) -> None:
    calm = story.during(CALM)
    assert len(calm) == RATE_RPS * (CALM[1] - CALM[0])
    assert (calm["outcome"] == "ok").all()
    # What the machine does beside may add to it; two models of 10 ms cannot be faster.
    assert 0.02 <= calm["latency_s"].min() < 0.03
    assert set(calm["1_first_variant"]) == {"small"}


def test_an_observation_shows_rates_and_replicas(story: Story) -> None:
    seen = story.seen["calm"]
    assert len(seen.rates_rps) == CALM[1]
    # On a machine that is busy otherwise requests may come in the second after theirs.
    assert seen.rates_rps.sum() == pytest.approx(RATE_RPS * CALM[1], abs=RATE_RPS)
    assert (seen.plan, seen.ready_replicas, seen.pending) == (toy_plan(), (2, 2), "")


def test_no_request_suffers_from_reconfigurations(story: Story) -> None:
    assert (story.during(RECONFIGURED)["outcome"] == "ok").all()
    assert set(story.during(RECONFIGURED)["1_first_variant"]) == {"small", "large"}
    assert story.seen["reconfigured"].plan == toy_plan()
    assert story.seen["reconfigured"].ready_replicas == (2, 2)


def test_a_killed_replica_costs_no_request_and_is_replaced_at_once(
    story: Story, record_property: Callable[[str, object], None]
) -> None:
    assert (story.during(REPLICA_KILLED)["outcome"] == "ok").all()
    died = story.event("died", story.victims["killed"])
    assert died.detail == "killed by signal 9"
    took_s = story.event("in-force", "pipeline", died.time_s).time_s - died.time_s
    record_property("recovery", f"replica killed: replaced after {took_s:.2f} s")
    assert took_s < 5.0
    assert story.seen["replaced"].ready_replicas == (2, 2)


def test_a_replica_that_hangs_costs_no_request_and_is_replaced(
    story: Story, record_property: Callable[[str, object], None]
) -> None:
    # Those due in the last moment are still in flight when the gateway is killed.
    assert (story.during((REPLICA_STOPPED[0], REPLICA_STOPPED[1] - 0.5))["outcome"] == "ok").all()
    hung = story.event("hung", story.victims["stopped"])
    # It counts as hung after a second, and is replaced if it still is some looks later.
    record_property("recovery", f"replica hung: noticed after {hung.time_s - REPLICA_STOPPED[0]:.2f} s")
    assert hung.time_s - REPLICA_STOPPED[0] < 5.5
    assert story.seen["unstuck"].ready_replicas == (2, 2)


def test_a_killed_gateway_comes_back_with_its_plan_and_its_ports(
    story: Story, record_property: Callable[[str, object], None]
) -> None:
    died = story.event("died", "gateway")
    ready = story.event("ready", "gateway", died.time_s)
    assert ready.detail == story.event("ready", "gateway").detail
    back_s = story.event("in-force", "pipeline", died.time_s).time_s
    record_property("recovery", f"gateway killed: serves again after {back_s - died.time_s:.2f} s")
    assert back_s < GATEWAY_KILLED[1]
    hit = story.requests[story.requests["outcome"] != "ok"]
    assert set(hit["reason"]) == {"unavailable"}
    assert hit["arrival_s"].between(GATEWAY_KILLED[0] - 0.5, back_s + 0.5).all()
    assert (story.during((back_s + 0.5, END_S))["outcome"] == "ok").all()


def test_seconds_in_which_nobody_counted_are_not_known(story: Story) -> None:
    rates_rps = story.seen["end"].rates_rps
    unknown = np.flatnonzero(np.isnan(rates_rps))
    assert GATEWAY_KILLED[0] - 1 <= unknown.min() <= unknown.max() <= GATEWAY_KILLED[1]
    before = rates_rps[: int(GATEWAY_KILLED[0]) - 1]
    assert before.sum() == pytest.approx(RATE_RPS * len(before), abs=RATE_RPS)


def test_every_request_ends_in_one_state(story: Story) -> None:
    assert len(story.requests) == RATE_RPS * END_S
    assert story.requests["request"].is_unique
    assert set(story.requests["outcome"]) == {"ok", "error"}
    assert story.requests["end_s"].notna().all()


def test_cores_are_counted_from_start_to_end_of_a_process(story: Story) -> None:
    # Four cores all the time, and both sides of every switch.
    assert 4 * END_S - 8 < story.core_seconds < 4 * END_S + 80


def test_nothing_is_left(story: Story) -> None:
    assert story.left == []
