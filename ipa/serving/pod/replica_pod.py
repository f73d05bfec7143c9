"""A replica in a pod: the model server of ``ipa.serving.model_server`` under the name of its pod."""

import logging
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

import psutil

from ipa.errors import ServerStartError
from ipa.serving.doors import Doors
from ipa.serving.model_server import ReplicaSettings, ServerFailed, ServerReady, serve_replica

_log = logging.getLogger(__name__)


def serve(settings: ReplicaSettings, pod: str, doors: Doors) -> None:
    """Serve a variant until SIGTERM.

    Parameters
    ----------
    settings
        What to serve.
    pod
        Name of the pod, by which the gateway knows the replica.
    doors
        Where it answers.

    Raises
    ------
    ServerStartError
        If the variant cannot be loaded or served.
    OSError
        If a port is taken.
    """
    report = _LogReport(pod)
    serve_replica(replace(settings, name=pod), report, doors)
    if report.failure:
        raise ServerStartError(report.failure)


class _LogReport:
    """Writes down whether the server serves: nobody waits for it here, the kubelet asks over HTTP."""

    def __init__(self, pod: str) -> None:
        self._pod, self.failure = pod, ""

    def send(self, message: ServerReady | ServerFailed, /) -> None:
        if isinstance(message, ServerFailed):
            self.failure = message.message
            return
        _log.info(
            "%s: ready after %.2f s; gRPC port %d, REST port %d, metrics port %d",
            self._pod,
            time.time() - psutil.Process().create_time(),
            message.grpc_port,
            message.http_port,
            message.metrics_port,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
