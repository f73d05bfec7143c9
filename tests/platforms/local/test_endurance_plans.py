"""A plan changes every second for two minutes, done or not, and no request notices."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ipa.bench.reconfigure import bench_pipeline, first_plan, next_plan
from ipa.pipeline.plan import Plan
from ipa.platforms.base import Conditions, Observation
from ipa.platforms.local.events import TROUBLE, Event
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.settings import LocalSettings
from ipa.serving.load_generator import LoadReport

pytestmark = pytest.mark.live

RATE_RPS = 20.0
CALM_S = 2.0
CHANGES = 120
END_S = CALM_S + CHANGES + 3.0
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Outcome:
    """What was seen."""

    requests: pd.DataFrame
    journal: pa.Table
    report: LoadReport
    events: tuple[Event, ...]
    last: Plan
    seen: Observation
    took_s: float


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    digests = {"payload": "digest", "payload_settings": (("stages", 2),), "service": "deterministic"}
    platform = LocalPlatform(LocalSettings(**digests), Conditions())
    platform.offer(np.arange(0.0, END_S, 1 / RATE_RPS))
    rng, plan = np.random.default_rng(0), first_plan(RATE_RPS)
    try:
        platform.deploy(bench_pipeline(), plan)
        for number in range(CHANGES):
            platform.sleep_until(CALM_S + number)
            _, plan = next_plan(plan, RATE_RPS, rng)
            platform.apply(plan)
        changed_s = platform.now()
        while (seen := platform.observe()).pending and seen.now_s - changed_s < TIMEOUT_S:
            time.sleep(0.02)
        took_s = platform.now() - changed_s
        platform.sleep_until(END_S)
        platform.drain()
        deployment = platform.deployment
        return Outcome(
            platform.records().to_frame(),
            deployment.journal(),
            deployment.load_report,
            platform.events(),
            plan,
            seen,
            took_s,
        )
    finally:
        platform.teardown()


def test_every_request_is_answered_once_and_rightly(outcome: Outcome) -> None:
    assert len(outcome.requests) == len(np.arange(0.0, END_S, 1 / RATE_RPS))
    assert set(outcome.requests["outcome"]) == {"ok"}
    assert outcome.report.right == outcome.report.judged == len(outcome.requests)
    ids = outcome.journal.column("id").to_pylist()
    assert len(ids) == len(set(ids)) == len(outcome.requests)
    visits = [name for name in outcome.journal.column_names if name.endswith("_visits")]
    assert all(set(outcome.journal.column(name).to_pylist()) == {1} for name in visits)


def test_nobody_waits_longer_than_a_moment(
    outcome: Outcome, record_property: Callable[[str, object], None]
) -> None:
    gap_s = float(np.diff(np.sort(outcome.requests["end_s"])).max())
    record_property("recovery", f"plan changed every second for 2 minutes: longest gap {gap_s:.2f} s")
    # A fraction of that on a machine that does nothing else.
    assert gap_s < 8.0


def test_the_last_plan_is_in_force_soon_and_nothing_failed(outcome: Outcome) -> None:
    assert outcome.seen.plan == outcome.last
    assert outcome.seen.pending == ""
    assert outcome.took_s < 10.0
    assert [event for event in outcome.events if event.kind in TROUBLE] == []
    # Not every plan gets its turn: one that is replaced before its replicas are ready serves nobody.
    assert sum(event.kind == "plan" for event in outcome.events) > CHANGES / 2
