"""Settings and the client of the control socket, without a gateway."""

import math
import socket
import stat
from pathlib import Path

import pytest

from ipa.errors import GatewayError, InvalidValueError
from ipa.serving.gateway import GatewayControl, GatewaySettings
from tests.support.simulator_toys import pipeline, variant

PIPELINE = pipeline([variant("a", {1: 0.1})], [variant("a", {1: 0.1})])


def test_a_gateway_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        GatewayError, match=r"the gateway at .*/socket does not answer: .*No such file"
    ) as error:
        GatewayControl(tmp_path / "socket", "token").state()
    assert "\n" not in str(error.value)


def test_one_that_hangs_up_is_told_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "socket"))
    with pytest.raises(GatewayError, match=r"does not answer: .*refused"):
        GatewayControl(tmp_path / "socket", "token").arrivals(0, 1)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"drop_after_s": (1.0,)}, "has 1 limits; pipeline toy has 2 stages"),
        ({"drop_after_s": (1.0, 0.0)}, "each must be positive"),
        ({"queue_limit": 0}, "queue_limit is 0; it must be at least 1"),
        ({"journal_limit": 0}, "journal_limit is 0"),
        ({"control_token": ""}, "control_token is empty"),
        ({"hang_after_s": math.inf}, "hang_after_s is inf"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, wrong: dict[str, object], problem: str) -> None:
    given: dict[str, object] = {"control_socket": tmp_path / "s", "control_token": "t"} | wrong
    with pytest.raises(InvalidValueError, match=problem):
        GatewaySettings(PIPELINE, "toy", **given)


def test_requests_are_never_dropped_unless_somebody_says_so(tmp_path: Path) -> None:
    assert GatewaySettings(PIPELINE, "toy", tmp_path / "s", "t").drop_limit_s(1) == math.inf
    limited = GatewaySettings(PIPELINE, "toy", tmp_path / "s", "t", drop_after_s=(1.0, 2.0))
    assert limited.drop_limit_s(1) == 2.0


def test_a_control_socket_replaces_a_stale_one_and_nobody_elses(tmp_path: Path) -> None:
    pytest.importorskip("starlette")
    from ipa.serving.gateway.control_server import listen_unix

    path = tmp_path / "socket"
    listen_unix(path).close()
    with listen_unix(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(GatewayError, match="another gateway answers here"):
            listen_unix(path)
    other = tmp_path / "file"
    other.write_text("precious")
    with pytest.raises(GatewayError, match=r"no control socket can be made here: .*in use"):
        listen_unix(other)
    assert other.read_text() == "precious"
    with pytest.raises(GatewayError, match="too long for a Unix socket"):
        listen_unix(tmp_path / ("x" * 120))
