"""Tells a gateway what to do: the client of its control socket."""

import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from ipa.errors import GatewayError
from ipa.serving.gateway.messages import GatewayState, StageAssignment, decode, encode
from ipa.serving.unix_http import call_unix

CONNECT_S = 5.0
"""Time in which a gateway has to answer a call that takes no time by itself."""

SLACK_S = 5.0
"""What a call that may take long gets on top of that."""


class GatewayControl:
    """A gateway, to whoever owns its replicas. Every call makes a connection of its own and blocks.

    Parameters
    ----------
    control_socket
        Its control socket.
    control_token
        What it was started with.

    Raises
    ------
    GatewayError
        From every call: if the gateway cannot be reached, or refuses; the message says why.
    """

    def __init__(self, control_socket: Path, control_token: str) -> None:
        self._socket, self._token = control_socket, control_token

    def put_plan(self, assignments: Sequence[StageAssignment], timeout_s: float = 30.0) -> None:
        """Say what serves every stage from now on, for all stages at once.

        Replicas that the gateway does not know yet are connected and asked whether they are ready before
        anything changes; then all stages change at once. A replica that is no longer named gets no batch any
        more; once it has answered the one it is busy with, the gateway lets go of it.

        Parameters
        ----------
        assignments
            One per stage, in the pipeline's order.
        timeout_s
            Time in which all new replicas have to say that they are ready; else nothing has changed.
        """
        path = f"/plan?{urlencode({'timeout_s': timeout_s})}"
        self._call("PUT", path, encode(tuple(assignments)), timeout_s + SLACK_S)

    def state(self) -> GatewayState:
        """Return what the gateway is doing."""
        return decode(GatewayState, self._call("GET", "/state"))

    def set_clock(self, zero_ns: int) -> None:
        """Let the gateway's clock show 0 at an instant of the machine's monotonic clock."""
        self._call("PUT", "/clock", json.dumps({"zero_ns": zero_ns}).encode())

    def arrivals(self, first_s: int, end_s: int) -> list[int]:
        """Return how many requests arrived in each second of the clock from ``first_s`` to before ``end_s``.

        Seconds in which the gateway did not run yet count 0.
        """
        query = urlencode({"first_s": first_s, "end_s": end_s})
        counts: list[int] = json.loads(self._call("GET", f"/arrivals?{query}"))
        return counts

    def journal(self, after: int = 0) -> bytes:
        """Return the requests that have ended, from number ``after`` on, as an Arrow IPC stream.

        The column ``number`` counts them in the order in which they ended; the gateway forgets the oldest
        ones beyond its limit.
        """
        return self._call("GET", f"/journal?{urlencode({'after': after})}", timeout_s=30.0)

    def drain(self, timeout_s: float) -> bool:
        """Refuse new requests from now on; return whether all others ended within a time."""
        path = f"/drain?{urlencode({'timeout_s': timeout_s})}"
        ended: bool = json.loads(self._call("POST", path, timeout_s=timeout_s + SLACK_S))
        return ended

    def _call(self, method: str, path: str, body: bytes | None = None, timeout_s: float = CONNECT_S) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            status, data = call_unix(self._socket, method, path, body, headers, timeout_s)
        except OSError as error:
            raise GatewayError(f"the gateway at {self._socket} does not answer: {error}") from error
        if status != http.client.OK:
            raise GatewayError(f"the gateway refuses {method} {path}: {data.decode(errors='replace')}")
        return data
