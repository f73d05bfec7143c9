"""A live pipeline is observed and changed over its control socket, by who can read its token."""

import math
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ipa.errors import InvalidValueError, LivePipelineError
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import ApplyReport, Observation
from ipa.platforms.local.control_server import MOST_BYTES, ControlServer
from ipa.platforms.local.folder import LiveFolder
from ipa.platforms.local.remote import RemotePlatform
from ipa.platforms.local.wire import About, decode, encode, encode_observation

PLAN = Plan((StagePlan("detect", "small", 4, 2, 1, 0.25),))
ABOUT = About("toy", "video", "emulated", 1, 2, zero_ns=0, core_limit=None, adapts=False)
SEEN = Observation(12.5, np.array([1.0, math.nan, 3.0]), PLAN, (2,), "detect: 1 of 2 replicas serve")


@pytest.fixture
def folder(tmp_path: Path) -> LiveFolder:
    return LiveFolder(tmp_path, "toy")


class Told:
    """What the pipeline was told."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.stopped = False

    def apply(self, body: bytes) -> bytes:
        plan = decode(Plan, body)
        if plan.stages[0].replicas == 13:
            raise ZeroDivisionError("bad luck")
        if plan.stages[0].replicas > 9:
            raise InvalidValueError("too many replicas")
        self.plans.append(plan)
        return encode(ApplyReport(1, 0, pending=True, reason="soon"))

    def stop(self, _: bytes) -> bytes:
        self.stopped = True
        return b"{}"


@pytest.fixture
def told(folder: LiveFolder) -> Iterator[Told]:
    told = Told()
    server = ControlServer(
        folder,
        {
            "GET /about": lambda _: encode(ABOUT),
            "GET /observation": lambda _: encode_observation(SEEN),
            "PUT /plan": told.apply,
            "POST /stop": told.stop,
        },
    )
    yield told
    server.close()


@pytest.mark.usefixtures("told")
def test_an_observation_arrives_as_it_was_made(folder: LiveFolder) -> None:
    seen = RemotePlatform(folder).observe()
    np.testing.assert_array_equal(seen.rates_rps, SEEN.rates_rps)
    assert (seen.now_s, seen.plan, seen.ready_replicas, seen.pending) == (12.5, PLAN, (2,), SEEN.pending)


def test_a_plan_arrives_and_its_report_returns(folder: LiveFolder, told: Told) -> None:
    assert RemotePlatform(folder).apply(PLAN) == ApplyReport(1, 0, pending=True, reason="soon")
    assert told.plans == [PLAN]


def test_a_refusal_says_why(folder: LiveFolder, told: Told) -> None:
    with pytest.raises(LivePipelineError, match=r"^toy refuses: too many replicas$"):
        RemotePlatform(folder).apply(Plan((StagePlan("detect", "small", 4, 10, 1),)))
    assert told.plans == []


def test_a_call_that_fails_says_how_and_the_next_one_is_answered(folder: LiveFolder, told: Told) -> None:
    platform = RemotePlatform(folder)
    with pytest.raises(LivePipelineError, match=r"^toy refuses: ZeroDivisionError: bad luck$"):
        platform.apply(Plan((StagePlan("detect", "small", 4, 13, 1),)))
    platform.apply(PLAN)
    assert told.plans == [PLAN]


def test_it_is_told_to_stop(folder: LiveFolder, told: Told) -> None:
    RemotePlatform(folder).stop()
    assert told.stopped


def test_who_does_not_know_the_token_learns_and_changes_nothing(folder: LiveFolder, told: Told) -> None:
    platform = RemotePlatform(folder)
    folder.token_file.write_text("guessed")
    for call in (platform.observe, platform.stop, lambda: platform.apply(PLAN)):
        with pytest.raises(LivePipelineError, match=r"refuses: the token is missing or wrong"):
            call()
    assert not told.stopped
    assert told.plans == []


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"nonsense", "no Plan: .*Invalid JSON"),
        (b'{"stages": [{"stage": "a"}]}', "no Plan: stages.0.variant: Field required"),
        (b"x" * (MOST_BYTES + 1), "refuses: too long|does not answer"),
    ],
)
def test_what_is_no_plan_is_refused(folder: LiveFolder, body: bytes, message: str) -> None:
    with pytest.raises(LivePipelineError, match=message):
        RemotePlatform(folder)._call("PUT", "/plan", body)


@pytest.mark.usefixtures("told")
def test_the_socket_and_the_token_are_this_user_s_alone(folder: LiveFolder) -> None:
    for file in (folder.control_socket, folder.token_file):
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_pipeline_that_is_gone_does_not_answer(folder: LiveFolder) -> None:
    with pytest.raises(LivePipelineError, match=r"^toy is starting, or has just ended; try again$"):
        RemotePlatform(folder)


@pytest.mark.usefixtures("told")
def test_a_pipeline_that_hangs_does_not_answer(folder: LiveFolder) -> None:
    folder.control_socket.unlink()
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(str(folder.control_socket))
        with pytest.raises(LivePipelineError, match=r"^toy does not answer: .*refused"):
            RemotePlatform(folder)
