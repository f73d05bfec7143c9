"""What the engine does when replicas fail, hang, answer nonsense, or fail on one request of a batch."""

import pytest

from ipa.serving.gateway.engine import Fault, Request
from tests.support.scripted_links import INPUTS, ScriptedGateway

GONE = Fault("unavailable", "replica s0-0 cannot be reached")
NONSENSE = Fault("bad-answer", "replica s0-0 gave no output x")
RAISED = Fault("model-error", "division by zero")


def states(gateway: ScriptedGateway, stage: int = 0) -> list[str]:
    return [replica.state for replica in gateway.engine.state().stages[stage].replicas]


def test_a_batch_whose_replica_is_gone_is_served_by_another_one_before_all_others() -> None:
    gateway = ScriptedGateway(replicas=2, batch=2)
    first, second = gateway.links[0]
    gateway.submit("a", "b", "c", "d", "e", "f")
    assert (first.numbers(), second.numbers()) == (["a", "b"], ["c", "d"])
    first.fail(GONE)
    second.answer()
    gateway.settle()
    assert second.numbers() == ["a", "b"]
    assert states(gateway) == ["suspect", "busy"]
    assert gateway.outcomes() == {"c": "ok", "d": "ok"}


def test_batches_that_come_back_take_their_old_places() -> None:
    gateway = ScriptedGateway(replicas=3)
    one, two, three = gateway.links[0]
    gateway.submit("a", "b", "c", "d")
    one.fail(GONE)
    two.fail(GONE)
    three.answer()
    gateway.settle()
    assert three.numbers() == ["a"]
    three.answer()
    gateway.settle()
    assert three.numbers() == ["b"]


def test_a_suspect_gets_no_batch_until_it_says_that_it_is_ready() -> None:
    gateway = ScriptedGateway()
    (link,) = gateway.links[0]
    gateway.submit("a")
    link.fail(GONE)
    gateway.settle()
    assert not link.busy
    assert states(gateway) == ["suspect"]
    failures, recovered = link.probes[0]
    assert failures == 1
    recovered()
    gateway.settle()
    assert link.numbers() == ["a"]
    link.fail(GONE)
    gateway.settle()
    assert link.probes[1][0] == 2


def test_a_suspect_that_was_replaced_does_not_come_back() -> None:
    gateway = ScriptedGateway(replicas=2)
    lost, kept = gateway.links[0]
    gateway.submit("a", "b")
    lost.fail(GONE)
    gateway.links[0] = [kept]
    gateway.plan("a", 1)
    assert lost.closed
    lost.probes[0][1]()
    kept.answer()
    gateway.settle()
    assert kept.numbers() == ["a"]
    assert not lost.busy
    assert gateway.engine.state().drained == ("0-0",)


@pytest.mark.parametrize(
    ("fault", "tries", "outcome"), [(GONE, 3, "error"), (NONSENSE, 2, "error"), (RAISED, 1, "error")]
)
def test_a_visit_is_tried_so_often_and_no_oftener(fault: Fault, tries: int, outcome: str) -> None:
    gateway = ScriptedGateway(replicas=4)
    (request,) = gateway.submit("a")
    for _ in range(tries):
        assert request.in_flight
        next(link for link in gateway.links[0] if link.busy).fail(fault)
        gateway.settle()
    assert (request.outcome, request.reason, request.place) == (outcome, fault.reason, 0)
    assert request.message == f"{fault.reason}: stage s0: {fault.message}"
    assert not any(link.busy for link in gateway.links[0])


def test_only_the_request_that_the_model_fails_on_fails_and_the_replica_stays_trusted() -> None:
    gateway = ScriptedGateway(batch=3)
    (link,) = gateway.links[0]
    gateway.submit("a", "b", "c")
    link.answer(INPUTS, RAISED, INPUTS)
    gateway.submit("d")
    gateway.settle()
    assert gateway.outcomes() == {"a": "ok", "b": "model-error", "c": "ok"}
    assert states(gateway) == ["busy"]


def test_a_client_that_goes_leaves_the_queue_and_nothing_follows_from_what_is_served() -> None:
    gateway = ScriptedGateway(stages=2)
    first, second = (links[0] for links in gateway.links)
    served, waiting, other = gateway.submit("served", "waiting", "other")
    gateway.engine.cancel(served)
    gateway.engine.cancel(waiting)
    assert gateway.outcomes() == {"served": "cancelled", "waiting": "cancelled"}
    assert gateway.engine.unsettled == 2
    first.answer()
    gateway.settle()
    assert first.numbers() == ["other"]
    assert not second.busy
    gateway.engine.cancel(served)
    first.answer()
    gateway.settle()
    second.answer()
    assert other.outcome == "ok"
    assert len(gateway.ended) == 3
    assert gateway.engine.account.in_flight == gateway.engine.unsettled == 0


def test_a_cancelled_request_whose_batch_fails_is_not_tried_again() -> None:
    gateway = ScriptedGateway()
    (link,) = gateway.links[0]
    (request,) = gateway.submit("a")
    gateway.engine.cancel(request)
    link.fail(GONE)
    gateway.settle()
    assert gateway.engine.unsettled == gateway.engine.stages[0].waiting == 0


def test_a_request_that_finds_the_queue_full_is_refused_at_once() -> None:
    gateway = ScriptedGateway(waiting=2)
    gateway.submit("a")
    requests = gateway.submit("b", "c", "d")
    assert gateway.outcomes() == {"d": "refused"}
    assert requests[-1].outcome == "dropped"
    assert requests[-1].message == "refused: stage s0: 2 requests wait, no more may"


def test_a_request_that_finds_a_later_queue_full_is_dropped_there() -> None:
    gateway = ScriptedGateway(stages=2, batch=4, waiting=3)
    first, _ = (links[0] for links in gateway.links)
    gateway.submit("a", "b", "c")
    gateway.clock.run_until(1.0)
    assert gateway.engine.stages[1].waiting == 0
    assert first.numbers() == ["a", "b", "c"]
    gateway.links[1] = []
    gateway.plan("a", 4)
    first.answer()
    gateway.submit("d")
    gateway.settle()
    first.answer()
    assert gateway.outcomes() == {"d": "refused"}
    assert (gateway.ended[0].outcome, gateway.ended[0].place) == ("dropped", 1)


def test_replicas_that_are_let_go_of_end_their_batch_and_say_with_which_variant() -> None:
    gateway = ScriptedGateway(replicas=1)
    (old,) = gateway.links[0]
    (request,) = gateway.submit("a")
    new = ScriptedGateway(replicas=1).links[0][0]
    new.name = "new"
    gateway.links[0] = [new]
    gateway.plan("b", 1)
    assert states(gateway) == ["ready", "draining"]
    assert not old.closed
    old.answer()
    assert old.closed
    assert request.outcome == "ok"
    assert gateway.engine.state().drained == ("0-0",)
    (later,) = gateway.submit("b")
    new.answer()
    told = [one.path()[0][0] for one in (request, later)]
    assert [visit.variant for visit in told if visit] == ["a", "b"]


def test_a_draining_replica_can_be_called_back() -> None:
    gateway = ScriptedGateway(replicas=2)
    one, two = gateway.links[0]
    gateway.submit("a")
    gateway.links[0] = [two]
    gateway.plan("a", 1)
    gateway.links[0] = [one, two]
    gateway.plan("a", 1)
    one.answer()
    gateway.settle()
    assert not one.closed
    assert states(gateway) == ["ready", "ready"]


def test_every_request_that_waits_for_replicas_is_served_when_some_come() -> None:
    gateway = ScriptedGateway(replicas=1)
    (link,) = gateway.links[0]
    gateway.links[0] = []
    gateway.plan("a", 1)
    requests: list[Request] = gateway.submit("a", "b")
    gateway.clock.run_until(100.0)
    assert all(one.in_flight for one in requests)
    gateway.links[0] = [ScriptedGateway().links[0][0]]
    gateway.plan("a", 2)
    assert gateway.links[0][0].numbers() == ["a", "b"]
    assert link.closed


def test_many_that_leave_from_the_middle_do_not_make_the_queue_grow() -> None:
    gateway = ScriptedGateway()
    gateway.submit("served")
    for number in range(1000):
        (request,) = gateway.submit(str(number))
        gateway.engine.cancel(request)
    line = gateway.engine.stages[0]._line
    assert len(line) == 0
    assert len(line._line) < 200
