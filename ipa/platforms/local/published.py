"""A live pipeline that other processes of this user may observe, change and stop."""

from collections.abc import Callable

from ipa.pipeline.plan import Plan
from ipa.platforms.local.control_server import ControlServer
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.wire import About, decode, encode, encode_observation


def publish(platform: LocalPlatform, about: Callable[[], About], stop: Callable[[], None]) -> ControlServer:
    """Open the control socket of a pipeline that is deployed; whoever opens it closes it.

    Parameters
    ----------
    platform
        Where it runs.
    about
        Returns what it tells of itself.
    stop
        Called when somebody wants it to stop.
    """

    def put_plan(body: bytes) -> bytes:
        return encode(platform.apply(decode(Plan, body)))

    def stop_it(_: bytes) -> bytes:
        stop()
        return b"{}"

    return ControlServer(
        platform.deployment.folder,
        {
            "GET /about": lambda _: encode(about()),
            "GET /observation": lambda _: encode_observation(platform.observe()),
            "PUT /plan": put_plan,
            "POST /stop": stop_it,
        },
    )
