"""What goes over the control socket comes out as it went in."""

import pytest

from ipa.errors import GatewayError
from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway import (
    GatewayState,
    ReplicaAddress,
    ReplicaState,
    StageAssignment,
    StageState,
)
from ipa.serving.gateway.messages import decode, encode

PLAN = StagePlan("detect", "yolov5n", batch=4, replicas=2, cores=1, batch_wait_s=0.1 + 0.2)


def test_an_assignment_comes_out_as_it_went_in() -> None:
    assignment = StageAssignment(PLAN, (ReplicaAddress("detect-1", "127.0.0.1:4711", "detect"),))
    assert decode(tuple[StageAssignment, ...], encode((assignment,))) == (assignment,)


def test_a_state_comes_out_as_it_went_in() -> None:
    replicas = (ReplicaState("a", "busy", 1.5, 7, 0), ReplicaState("b", "suspect", None, 0, 2))
    state = GatewayState(9.0, (StageState("detect", PLAN, 3, replicas),), ("old",), 12, 9, 1, 0, 2)
    assert decode(GatewayState, encode(state)) == state
    assert state.holds("a")
    assert not state.holds("old")


def test_another_message_is_refused() -> None:
    with pytest.raises(GatewayError, match=r"not a message of the gateway: 0\.plan: Field required"):
        decode(tuple[StageAssignment, ...], b'[{"replicas": []}]')
