"""Ten times the load that a pipeline carries, for a minute: what fits is served, the rest is told so."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.platforms.base import Conditions
from ipa.platforms.local.events import TROUBLE, Event
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.settings import LocalSettings
from tests.support.recovery import recovered_after_s

pytestmark = pytest.mark.live

SERVICE_S, SLA_S = 0.1, 1.0
CAPACITY_RPS = 1 / SERVICE_S
"""Of the second stage, which has one replica."""

CALM_RPS, OVERLOAD_RPS = 5, 10 * CAPACITY_RPS
CALM = (0.0, 5.0)
OVERLOAD = (5.0, 65.0)
AFTER = (65.0, 80.0)

QUEUE_LIMIT, DROP_AFTER_S = 30, 2.0

HANG_AFTER_S = 30.0
"""A machine that is overloaded itself is not what is tested."""


@dataclass(frozen=True)
class Outcome:
    """What became of the load."""

    requests: pd.DataFrame
    journal: pa.Table
    events: tuple[Event, ...]

    def during(self, span: tuple[float, float]) -> pd.DataFrame:
        """Return the requests that were due in a span."""
        return self.requests[self.requests["arrival_s"].between(*span, inclusive="left")]


def slow_pipeline() -> tuple[Pipeline, Plan]:
    """Return two stages of one variant, and a plan with one replica of the second one."""
    point = ProfilePoint(1, 1.2 * SERVICE_S, SERVICE_S, CAPACITY_RPS)
    variant = Variant("only", 0.8, 1, (Profile(1, (point,)),), start_up_s=0.0)
    stages = tuple(Stage(name, (variant,)) for name in ("first", "second"))
    plans = (
        StagePlan(stage.name, "only", 1, replicas, 1) for stage, replicas in zip(stages, (2, 1), strict=True)
    )
    return Pipeline("slow", stages, sla_s=SLA_S), Plan(tuple(plans))


def due_s() -> np.ndarray:
    phases = ((CALM, CALM_RPS), (OVERLOAD, OVERLOAD_RPS), (AFTER, CALM_RPS))
    return np.concatenate([np.arange(*span, 1 / rate_rps) for span, rate_rps in phases])


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    settings = LocalSettings(service="deterministic", queue_limit=QUEUE_LIMIT, hang_after_s=HANG_AFTER_S)
    platform = LocalPlatform(settings, Conditions(drop_after_s=DROP_AFTER_S))
    platform.offer(due_s())
    try:
        platform.deploy(*slow_pipeline())
        platform.sleep_until(AFTER[1])
        platform.drain()
        return Outcome(platform.records().to_frame(), platform.deployment.journal(), platform.events())
    finally:
        platform.teardown()


def test_every_request_ends_in_exactly_one_state(outcome: Outcome) -> None:
    assert len(outcome.requests) == len(due_s())
    assert set(outcome.requests["outcome"]) == {"ok", "dropped"}
    assert outcome.requests["end_s"].notna().all()
    # The gateway says the same, once of each.
    ids = outcome.journal.column("id").to_pylist()
    assert len(ids) == len(set(ids)) == len(due_s())


def test_what_is_not_served_is_told_why(outcome: Outcome) -> None:
    dropped = outcome.requests[outcome.requests["outcome"] == "dropped"]
    assert set(dropped["reason"]) <= {"refused", "expired"}
    # Those that come next still find full queues.
    assert dropped["arrival_s"].between(OVERLOAD[0], OVERLOAD[1] + DROP_AFTER_S + 1.0).all()


def test_those_that_fit_are_served_all_the_time_and_in_time(
    outcome: Outcome, record_property: Callable[[str, object], None]
) -> None:
    during = outcome.during(OVERLOAD)
    served = during[during["outcome"] == "ok"]
    could_s = OVERLOAD[1] - OVERLOAD[0]
    share = len(served) / (CAPACITY_RPS * could_s)
    record_property("recovery", f"overload of 60 s: meanwhile {share:.0%} of what fits was served")
    # Nearly all on a machine that does nothing else; this bound holds on one that is overloaded itself.
    assert share > 0.25
    per_second = np.histogram(served["end_s"], np.arange(OVERLOAD[0] + 3, OVERLOAD[1]))[0]
    assert (per_second > 0).mean() > 0.7
    assert served["latency_s"].median() < DROP_AFTER_S + 4 * SERVICE_S


def test_all_is_well_soon_after(outcome: Outcome, record_property: Callable[[str, object], None]) -> None:
    took_s = recovered_after_s(outcome.requests, OVERLOAD[1], SLA_S)
    record_property("recovery", f"overload of 60 s: answered within the SLA again after {took_s:.2f} s")
    assert took_s < DROP_AFTER_S + 3.0
    assert [event for event in outcome.events if event.kind in TROUBLE] == []
