"""What endpoints say about requests that failed."""

import pytest

from ipa.results.requests import REASONS
from ipa.serving.load_generator.endpoint import failure


@pytest.mark.parametrize("reason", REASONS)
def test_a_message_that_begins_with_a_reason_tells_it_and_the_stage(reason: str) -> None:
    found = failure(f"{reason}: stage object-detection: no replica took it", "timeout")
    assert (found.reason, found.stage) == (reason, "object-detection")


@pytest.mark.parametrize("message", ["", "Deadline Exceeded", "it is unavailable", "expiredness"])
def test_any_other_message_leaves_the_reason_to_the_status(message: str) -> None:
    assert failure(message, "unavailable").reason == "unavailable"


def test_a_quoted_stage_is_told_without_its_quotes() -> None:
    assert failure("refused: the queue of stage 'b' is full", "timeout").stage == "b"
