"""Replicas that go wrong, plans that change and gateways that are replaced, with real processes."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from ipa.errors import GatewayError
from ipa.serving.gateway import GatewaySettings, ReplicaAddress
from ipa.serving.v2 import Answer, V2Client
from tests.serving.gateway.test_doors_live import until
from tests.support.faulty_server import marked
from tests.support.gateway_lab import MODEL, Lab, expected, gateway, lab_pipeline

pytestmark = pytest.mark.live

FINE = expected(marked(""))


def values(found: "list[Answer | grpc.aio.AioRpcError]") -> list[object]:
    """Return what was answered, or the reason why nothing was."""
    return [
        int(one.tensors[0].numpy()[0, 0]) if isinstance(one, Answer) else str(one.details()).split(":")[0]
        for one in found
    ]


def test_only_the_request_on_which_the_model_raises_fails(live: Lab) -> None:
    live.control.put_plan(live.plan(batch=4, wait_s=1.0, replicas=1))
    found = live.ask_all([marked(""), marked("raise"), marked(""), marked("")])
    assert values(found) == [FINE, "model-error", FINE, FINE]
    told = [one.parameters["first.batch"] for one in found if isinstance(one, Answer)]
    assert told == [4, 4, 4]
    assert found[1].code() == grpc.StatusCode.INTERNAL
    assert "asked to raise" in str(found[1].details())


@pytest.mark.parametrize("fault", ["torn", "wrong-shape", "no-outputs", "wrong-id", "wrong-name"])
def test_a_replica_that_answers_nonsense_is_not_believed(live: Lab, fault: str) -> None:
    live.first[0].switch.write_text(fault)
    assert values(live.ask_all([marked("")] * 6)) == [FINE] * 6
    (error,) = live.ask_all([marked(fault)])
    assert isinstance(error, grpc.aio.AioRpcError)
    assert error.code() == grpc.StatusCode.INTERNAL
    assert str(error.details()).startswith("bad-answer: stage first: replica first-")


def test_a_replica_that_hangs_or_refuses_is_passed_over(live: Lab) -> None:
    for fault in ("unavailable", "hang"):
        live.first[0].switch.write_text(fault)
        assert values(live.ask_all([marked("")] * 6)) == [FINE] * 6
        (suspect, _) = live.control.state().stages[0].replicas
        assert (suspect.state, suspect.consecutive_failures > 0) == ("suspect", True)
        live.first[0].switch.unlink()

        async def recovered(_: V2Client) -> None:
            await until(lambda: live.control.state().stages[0].replicas[0].state == "ready")

        live.run(recovered)


def test_a_stopped_process_hangs_and_comes_back(live: Lab) -> None:
    os.kill(live.first[0].process.pid, signal.SIGSTOP)
    try:
        assert values(live.ask_all([marked("")] * 4)) == [FINE] * 4
    finally:
        os.kill(live.first[0].process.pid, signal.SIGCONT)


def test_plans_change_under_load_and_every_answer_is_right(live: Lab) -> None:
    plans = [
        live.plan(batch=1, replicas=2),
        live.plan(batch=4, wait_s=0.02, replicas=1, variant="b"),
        live.plan(batch=8, wait_s=0.05, replicas=2, variant="b"),
        live.plan(batch=2, replicas=1),
    ]

    async def load(client: V2Client) -> "list[Answer]":
        async def change() -> None:
            for number in range(20):
                await asyncio.to_thread(live.control.put_plan, plans[number % len(plans)])
                await asyncio.sleep(0.05)

        changing = asyncio.create_task(change())
        answers: list[Answer] = []
        while not changing.done():
            calls = [client.infer(MODEL, marked(""), f"load-{len(answers)}-{at}") for at in range(8)]
            answers += await asyncio.gather(*calls)
        await changing
        return answers

    before = live.control.state()
    answers = live.run(load)
    assert {int(one.tensors[0].numpy()[0, 0]) for one in answers} == {FINE}
    assert {one.parameters["first.variant"] for one in answers} == {"a", "b"}
    after = live.control.state()
    assert (after.ok - before.ok, after.errors, after.dropped) == (
        len(answers),
        before.errors,
        before.dropped,
    )
    ids = [row["id"] for row in live.journal() if str(row["id"]).startswith("load-")]
    assert len(ids) == len(set(ids)) == len(answers)


def test_a_plan_that_cannot_be_run_changes_nothing(live: Lab) -> None:
    before = live.control.state().stages
    first, second = live.plan()
    gone = ReplicaAddress("new", "127.0.0.1:9", "any")
    another = ReplicaAddress("another", live.second.address, "second")
    moved = replace(live.second, address="127.0.0.1:9")
    wrong = {
        "unknown variant of stage first 'c'": replace(first, plan=replace(first.plan, variant="c")),
        "batch size 9": replace(first, plan=replace(first.plan, batch=9)),
        "not every new replica was ready within 0.3 s: new": replace(first, replicas=(gone,)),
        "is replica 'second-0', not 'another'": replace(first, replicas=(another,)),
        "second-0 is known as second at": replace(first, replicas=(moved,)),
    }
    for problem, assignment in wrong.items():
        plan = [assignment, replace(second, replicas=()) if "known as" in problem else second]
        with pytest.raises(GatewayError, match=problem):
            live.control.put_plan(plan, timeout_s=0.3)
        assert live.control.state().stages == before
    with pytest.raises(GatewayError, match="the plan is for stages"):
        live.control.put_plan([first])
    with pytest.raises(GatewayError, match="replica second-0 is named twice"):
        live.control.put_plan([replace(first, replicas=second.replicas), second])


def test_what_is_no_plan_is_refused(live: Lab) -> None:
    with pytest.raises(GatewayError, match="not a message of the gateway"):
        live.control._call("PUT", "/plan?timeout_s=1", b'[{"plan": 1}]')
    for path in (
        "/arrivals?first_s=a&end_s=b",
        "/arrivals",
        "/journal?after=x",
        "/arrivals?first_s=0&end_s=999999999",
    ):
        with pytest.raises(GatewayError, match="the gateway refuses GET"):
            live.control._call("GET", path)


def test_arrivals_are_counted_by_the_clock_that_was_set(live: Lab) -> None:
    import time

    live.control.set_clock(time.monotonic_ns() - 5_000_000_000)
    live.ask_all([marked("")] * 3)
    assert sum(live.control.arrivals(5, 15)) == 3
    assert live.control.arrivals(-5, 5) == [0] * 10


def test_a_gateway_that_was_killed_is_replaced_at_the_same_doors(live: Lab, tmp_path: Path) -> None:
    settings = GatewaySettings(lab_pipeline(), MODEL, tmp_path / "control", "a token")
    with gateway(settings) as (ready, pid):
        Lab(settings, ready, live.first, live.second).control.put_plan(live.plan())
        os.kill(pid, signal.SIGKILL)
    again = replace(settings, grpc_port=ready.grpc_port, http_port=ready.http_port)
    with gateway(again) as (replaced, _):
        assert (replaced.grpc_port, replaced.http_port) == (ready.grpc_port, ready.http_port)
        second = Lab(again, replaced, live.first, live.second)
        (error,) = second.ask_all([marked("")])
        assert isinstance(error, grpc.aio.AioRpcError)
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        second.control.put_plan(live.plan())
        assert values(second.ask_all([marked("")])) == [FINE]
        with (
            pytest.raises(AssertionError, match="ServerFailed"),
            gateway(replace(again, control_socket=tmp_path / "c")),
        ):
            pass
        assert second.control.drain(5.0)
        (error,) = second.ask_all([marked("")])
        assert isinstance(error, grpc.aio.AioRpcError)
        assert error.details() == "unavailable: the pipeline is stopping"


def test_ten_times_the_load_is_answered_in_part_and_told_so_for_the_rest(live: Lab) -> None:
    """The second stage serves 100 requests/s; 1000 come in a second, three times."""
    before = live.control.state()

    async def crowd(client: V2Client) -> "list[Answer | BaseException]":
        # Who is not connected yet may be told that nobody answers; those are in no books.
        assert await client.model_ready(MODEL)
        calls = []
        for tenth in range(30):
            calls += [
                asyncio.create_task(client.infer(MODEL, marked(""), f"o{tenth}-{at}")) for at in range(100)
            ]
            await asyncio.sleep(0.1)
        return await asyncio.gather(*calls, return_exceptions=True)

    found = live.run(crowd)
    served = [one for one in found if isinstance(one, Answer)]
    codes = {one.code() for one in found if isinstance(one, grpc.aio.AioRpcError)}
    after = live.control.state()
    assert len(found) == after.arrived - before.arrived == 3000
    assert codes <= {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert len(served) == after.ok - before.ok
    assert after.dropped - before.dropped == 3000 - len(served)
    assert (after.in_flight, after.errors) == (0, before.errors)
    # Those that are served do not suffer from those that are not: as many as fit, within their limits.
    assert len(served) > 100
    assert {int(one.tensors[0].numpy()[0, 0]) for one in served} == {FINE}
    assert values(live.ask_all([marked("")])) == [FINE]
