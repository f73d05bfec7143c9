"""One pod of a gateway, as it answers on the door where it is only looked at."""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ipa.cluster.client import ClusterClient
from ipa.errors import ClusterError
from ipa.platforms.kubernetes.containers import METRICS_PORT

if TYPE_CHECKING:
    import pyarrow as pa

CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 0.5, 3.0

DETOUR_S = 30.0
"""Time for which a pod that cannot be reached directly is asked through the API server."""


class Shard:
    """A pod of a gateway: asked directly, or through the API server where that is no way.

    Parameters
    ----------
    client
        Of the cluster.
    name, namespace, address
        Of the pod.
    """

    def __init__(self, client: ClusterClient, name: str, namespace: str, address: str) -> None:
        import urllib3

        self.name, self.address = name, address
        self._client, self._namespace = client, namespace
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=ANSWER_TIMEOUT_S)
        # No proxy: pods are on the network of the cluster.
        self._pool = urllib3.HTTPConnectionPool(
            address, METRICS_PORT, timeout=timeout, retries=False, maxsize=2
        )
        self._detour_until_s = 0.0

    def state(self) -> dict[str, Any]:
        """Return what it does: among others what it serves (``serving``) and its ``gateway``'s state."""
        found: dict[str, Any] = json.loads(self._ask("/state", {}))
        return found

    def arrivals(self, zero_unix_ns: int, first_s: int, end_s: int) -> list[int | None]:
        """Return how many requests came in each second of a clock; None for one that it cannot tell of."""
        query = {"zero_unix_ns": str(zero_unix_ns), "first_s": str(first_s), "end_s": str(end_s)}
        found: list[int | None] = json.loads(self._ask("/arrivals", query))
        if len(found) != end_s - first_s:
            raise ClusterError(f"{self.name} told of {len(found)} seconds; asked for {end_s - first_s}")
        return found

    def journal(self, after: int) -> "pa.Table":
        """Return the requests that ended, from a number on."""
        import pyarrow as pa

        return pa.ipc.open_stream(self._ask("/journal", {"after": str(after)})).read_all()

    def metrics(self) -> str:
        """Return its metrics in the text format of Prometheus."""
        return self._ask("/metrics", {}).decode()

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()

    def _ask(self, path: str, query: Mapping[str, str]) -> bytes:
        import urllib3

        if time.monotonic() >= self._detour_until_s:
            try:
                answer = self._pool.request("GET", f"{path}?{urlencode(query)}" if query else path)
            except (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError) as error:
                if isinstance(error.__cause__, ConnectionRefusedError):
                    raise ClusterError(f"{self.name} does not answer yet: {error.__cause__}") from error
                self._detour_until_s = time.monotonic() + DETOUR_S
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise ClusterError(f"{self.name} does not answer: {error}") from error
            else:
                if answer.status != 200:
                    raise ClusterError(f"{self.name}: {path}: {answer.status}", answer.status)
                return bytes(answer.data)
        return self._client.proxy_get(
            self.name, METRICS_PORT, path, self._namespace, query=query, timeout_s=ANSWER_TIMEOUT_S
        )
