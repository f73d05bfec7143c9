"""A port of this machine that leads to a port of a pod, for whoever cannot reach the pods of a cluster."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Any

from ipa.cluster.client import ClusterClient

HOST = "127.0.0.1"
PIECE_BYTES = 1 << 16

_log = logging.getLogger(__name__)


@contextmanager
def forwarded(client: ClusterClient, pod: str, port: int, namespace: str = "") -> Iterator[str]:
    """Keep a port open that leads to a port of a pod.

    Every connection goes through the API server on its own; one that cannot be made is closed, as a pod
    would that does not listen.

    Parameters
    ----------
    client
        Of the cluster.
    pod, port
        Where to.
    namespace
        Of the pod; empty: the client's own.

    Yields
    ------
    str
        Host and port on this machine.
    """
    door = socket.create_server((HOST, 0))
    forward = _Forward(client, pod, port, namespace or client.namespace, door)
    thread = Thread(target=forward.serve, name=f"forward to {pod}:{port}", daemon=True)
    thread.start()
    try:
        yield f"{HOST}:{door.getsockname()[1]}"
    finally:
        forward.close()
        thread.join(timeout=5.0)


class _Forward:
    """Takes connections and carries each to the pod and back."""

    def __init__(
        self, client: ClusterClient, pod: str, port: int, namespace: str, door: socket.socket
    ) -> None:
        self._client, self._pod, self._port, self._namespace = client, pod, port, namespace
        self._door, self._closed, self._lock = door, False, Lock()
        self._ends: list[Any] = []

    def serve(self) -> None:
        """Take connections until it is closed."""
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            Thread(target=self._carry, args=(near,), name=f"to {self._pod}", daemon=True).start()

    def close(self) -> None:
        """End all connections and take no more."""
        with self._lock:
            self._closed = True
            for end in (self._door, *self._ends):
                _shut(end)
            self._door.close()

    def _carry(self, near: socket.socket) -> None:
        try:
            far = self._connect()
        except Exception as error:
            _log.info("no way to %s:%d: %s", self._pod, self._port, error)
            near.close()
            return
        if self._keep(near, far):
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = Thread(target=_pump, args=(far, near), name=f"from {self._pod}", daemon=True)
            back.start()
            _pump(near, far)
            back.join()
        for end in (near, far):
            _shut(end)
            end.close()
        self._forget(near, far)

    def _connect(self) -> Any:
        from kubernetes.client import CoreV1Api
        from kubernetes.stream import portforward

        # The official client patches the one that it is given for the time of the call.
        api = CoreV1Api(self._client.official())
        ways = portforward(
            api.connect_get_namespaced_pod_portforward, self._pod, self._namespace, ports=str(self._port)
        )
        return ways.socket(self._port)

    def _keep(self, *ends: Any) -> bool:
        """Remember what has to be ended on closing; return whether it is not closed already."""
        with self._lock:
            if not self._closed:
                self._ends += ends
            return not self._closed

    def _forget(self, *ends: Any) -> None:
        with self._lock:
            self._ends = [end for end in self._ends if end not in ends]


def _pump(source: Any, sink: Any) -> None:
    """Carry bytes until one of both sides ends, then end the other."""
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            sink.sendall(piece)
    _shut(sink)


def _shut(end: Any) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
