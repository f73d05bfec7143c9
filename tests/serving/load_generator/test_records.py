"""From the client's account and the gateway's journal to the records that every run has."""

from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ipa.pipeline.pipeline import Edge, Pipeline, Stage
from ipa.pipeline.plan import Plan, StagePlan
from ipa.results.requests import DROPPED, EXPIRED, NONE, OK, RequestRecords, StageRecords
from ipa.serving.load_generator import records_of_answers, request_records
from ipa.serving.load_generator.account import LoadAccount
from ipa.simulator import PipelineSimulator, SimulationSettings
from tests.support import toys

ZERO_NS = 7_000_000_000_000
MS = 1_000_000

CHAIN = toys.pipeline(2)
DIAMOND = Pipeline(
    "diamond",
    tuple(Stage(name, CHAIN.stages[0].variants) for name in ("start", "left", "right", "end")),
    5.0,
    edges=(Edge("start", "left"), Edge("start", "right"), Edge("left", "end"), Edge("right", "end")),
)


def simulated(pipeline: Pipeline, drop_after_s: float = 0.4) -> RequestRecords:
    """Return what the simulator does to a load, some of which it drops."""
    arrivals_s = np.sort(np.random.default_rng(1).uniform(0, 20, 500))
    simulator = PipelineSimulator(
        pipeline,
        Plan(
            tuple(
                StagePlan(stage.name, "light", 2 + place % 2, 3, 1, 0.2)
                for place, stage in enumerate(pipeline.stages)
            )
        ),
        SimulationSettings(drop_after_s=drop_after_s, service="exponential"),
    )
    simulator.offer(arrivals_s)
    simulator.drain()
    return simulator.records()


def ns(times_s: Any) -> Any:
    return np.where(np.isnan(times_s), 0, np.rint(np.nan_to_num(times_s) * 1e9) + ZERO_NS).astype(np.int64)


def account_of(records: RequestRecords) -> LoadAccount:
    """Return what a client would have seen."""
    account = LoadAccount(ns(records.arrival_s), ZERO_NS, "run")
    account.end_ns, account.outcome = ns(records.end_s), records.outcome.copy()
    account.reason = records.reason.copy()
    return account


def journal_of(records: RequestRecords) -> pa.Table:
    """Return what a gateway would have written, and the request of another client."""
    columns: dict[str, Any] = {"id": [f"run-{n}" for n in range(len(records.arrival_s))]}
    names = [stage.stage for stage in records.stages]
    columns["stage"] = ["" if place == NONE else names[place] for place in records.dropped_stage]
    for i, stage in enumerate(records.stages, 1):
        for what in ("enter", "free", "start", "end"):
            columns[f"{i}_{what}_ns"] = ns(getattr(stage, f"{what}_s"))
        columns[f"{i}_batch"] = stage.batch
        columns[f"{i}_variant"] = ["" if code == NONE else stage.variants[code] for code in stage.variant]
        columns[f"{i}_visits"] = np.ones(len(stage.batch), np.int32) if stage.visits is None else stage.visits
    table = pa.table(columns)
    foreign = table.slice(0, 1).set_column(0, "id", pa.array(["other-0"]))
    return pa.concat_tables([foreign, table.take(list(reversed(range(table.num_rows))))])


def assert_equal(found: RequestRecords, expected: RequestRecords) -> None:
    for name in ("arrival_s", "end_s", "outcome", "reason", "dropped_stage"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-9)
    for mine, theirs in zip(found.stages, expected.stages, strict=True):
        for field in fields(StageRecords):
            ours, want = getattr(mine, field.name), getattr(theirs, field.name)
            if isinstance(want, np.ndarray):
                np.testing.assert_allclose(ours, want, atol=1e-9, err_msg=field.name)
            else:
                assert ours == want


def test_a_live_chain_has_the_records_that_the_simulator_has() -> None:
    expected = simulated(CHAIN)
    assert set(expected.outcome) == {OK, DROPPED}
    assert_equal(request_records(CHAIN, account_of(expected), journal_of(expected)), expected)


def test_a_live_graph_has_them_too_with_the_slowest_path_of_each_request() -> None:
    expected = simulated(DIAMOND)
    found = request_records(DIAMOND, account_of(expected), journal_of(expected))
    assert_equal(found, expected)
    left, right = (found.stages[place].on_path for place in (1, 2))
    assert (left & right).sum() == 0 < min(left.sum(), right.sum())


def test_without_a_journal_answers_tell_of_their_stages() -> None:
    expected = simulated(CHAIN)
    account = account_of(expected)
    for stage in expected.stages:
        for place in np.flatnonzero(expected.outcome == OK):
            account.answered(place, account.end_ns[place], parameters_of(stage, place), None)
    found = request_records(CHAIN, account, None)
    answered = expected.outcome == OK
    for mine, theirs in zip(found.stages, expected.stages, strict=True):
        np.testing.assert_array_equal(mine.variant[answered], theirs.variant[answered])
        for name in ("enter_s", "start_s", "end_s", "queue_s", "batch_wait_s", "service_s", "batch"):
            np.testing.assert_allclose(
                getattr(mine, name)[answered], getattr(theirs, name)[answered], atol=1e-8, err_msg=name
            )
        assert (mine.batch[~answered] == 0).all()
    # The same where not even the pipeline is known, but for variants that nobody was served by.
    unknown = records_of_answers(account)
    assert [stage.stage for stage in unknown.stages] == [stage.stage for stage in expected.stages]
    np.testing.assert_allclose(unknown.stages[1].service_s, found.stages[1].service_s)


def test_what_was_answered_right_stands_in_the_records_where_it_is_known() -> None:
    expected = simulated(CHAIN)
    account = account_of(expected)
    assert request_records(CHAIN, account).right is None
    assert "correct" not in request_records(CHAIN, account).to_frame()
    account.right[:3] = (1, 0, -1)
    correct = request_records(CHAIN, account).to_frame()["correct"]
    assert correct[:2].tolist() == [True, False]
    assert correct[2:].isna().all()


def parameters_of(stage: StageRecords, place: int) -> dict[str, int | str]:
    """Return what a gateway says of a stage in the parameters of its answer."""
    return {
        f"{stage.stage}.variant": stage.variants[stage.variant[place]],
        f"{stage.stage}.batch": int(stage.batch[place]),
        f"{stage.stage}.enter_ns": int(ns(stage.enter_s[place])),
        f"{stage.stage}.queue_ns": round(1e9 * stage.queue_s[place]),
        f"{stage.stage}.batch_wait_ns": round(1e9 * stage.batch_wait_s[place]),
        f"{stage.stage}.service_ns": round(1e9 * stage.service_s[place]),
    }


def test_the_client_knows_the_stage_of_a_request_that_no_journal_holds() -> None:
    account = LoadAccount(np.array([ZERO_NS]), ZERO_NS, "run")
    account.failed(0, ZERO_NS + MS, "expired", "stage-2")
    found = request_records(CHAIN, account)
    assert (found.outcome[0], found.reason[0], found.dropped_stage[0]) == (DROPPED, EXPIRED, 1)
    assert found.end_s[0] == pytest.approx(0.001)


def test_a_server_without_stages_has_records_without_stages() -> None:
    account = LoadAccount(np.array([ZERO_NS]), ZERO_NS, "run")
    account.answered(0, ZERO_NS + MS, {"content_type": "np"}, None)
    found = records_of_answers(account)
    assert (found.stages, found.latency_s.tolist()) == ((), [pytest.approx(0.001)])
