"""Requests take turns among connections, and another turn where they failed and may."""

import asyncio
from collections.abc import Sequence

import pytest

from ipa.serving.load_generator.endpoint import Failure, Stamp
from ipa.serving.load_generator.retrying_endpoint import RetryingEndpoint
from ipa.serving.payloads import Input
from ipa.serving.v2 import Answer, Tensor

SERVED = Answer((), {}, "r")
LOST = Failure("unavailable", "", "socket closed", again_after_s=0.0)
LATE = Failure("expired", "b", "too old")


class Scripted:
    """A connection on which each request comes to what is written for it; None: to nothing at all."""

    def __init__(self, *script: Answer | Failure | None) -> None:
        self.script = list(script)
        self.ids: list[str] = []
        self.closed = False

    async def inputs(self) -> tuple[Input, ...]:
        return ()

    def prepare(self, items: Sequence[Sequence[Tensor]]) -> None:
        self.items = items

    async def send(self, item: int, request_id: str, stamp: Stamp) -> Answer | Failure:  # noqa: ARG002
        stamp()
        self.ids.append(request_id)
        came = self.script.pop(0)
        if came is None:
            await asyncio.Event().wait()
            raise AssertionError
        return came

    async def close(self) -> None:
        self.closed = True


def send(endpoint: RetryingEndpoint, *ids: str) -> tuple[list[Answer | Failure], int]:
    """Return what requests came to that were sent one after the other, and how often one went out."""
    stamps: list[None] = []

    async def sent() -> list[Answer | Failure]:
        return [await endpoint.send(0, one, lambda: stamps.append(None)) for one in ids]

    return asyncio.run(sent()), len(stamps)


def test_requests_take_turns() -> None:
    left, right = Scripted(SERVED, SERVED), Scripted(SERVED)
    came, stamps = send(RetryingEndpoint([left, right], 0, 1.0), "a", "b", "c")
    assert (came, stamps) == ([SERVED] * 3, 3)
    assert (left.ids, right.ids) == (["a", "c"], ["b"])


def test_one_that_was_lost_is_sent_again_over_the_next_connection_under_its_id() -> None:
    left, right = Scripted(LOST), Scripted(SERVED)
    came, stamps = send(RetryingEndpoint([left, right], 3, 5.0), "a")
    assert (came, stamps) == ([SERVED], 2)
    assert left.ids == right.ids == ["a"]


@pytest.mark.parametrize("ended", [LATE, SERVED])
def test_one_that_has_ended_for_good_is_not_sent_again(ended: Answer | Failure) -> None:
    assert send(RetryingEndpoint([Scripted(ended)], 3, 5.0), "a") == ([ended], 1)


def test_one_that_is_lost_each_time_ends_so() -> None:
    assert send(RetryingEndpoint([Scripted(LOST, LOST, LOST)], 2, 5.0), "a") == ([LOST], 3)


def test_a_server_that_asks_for_more_time_than_there_is_gets_no_other_turn() -> None:
    asked = Failure("refused", "a", "full", again_after_s=60.0)
    came, stamps = send(RetryingEndpoint([Scripted(asked)], 3, 0.05), "a")
    assert (came, stamps) == ([Failure("timeout", "a", "full")], 1)


def test_one_without_an_answer_is_given_up_in_time() -> None:
    assert send(RetryingEndpoint([Scripted(LOST, None)], 3, 0.2), "a")[0] == [
        Failure("timeout", "", "socket closed")
    ]


def test_closing_it_closes_all_connections() -> None:
    connections = Scripted(), Scripted()
    asyncio.run(RetryingEndpoint(connections, 0, 1.0).close())
    assert all(one.closed for one in connections)
