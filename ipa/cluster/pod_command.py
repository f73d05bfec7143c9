"""Runs a short command in a container of a pod, as ``kubectl exec`` does."""

import json
from collections.abc import Sequence
from typing import Any

from ipa.cluster.client import ClusterClient
from ipa.errors import ClusterError, brief

TIMEOUT_S = 20.0

FORBIDDEN = "it takes the right to get and create pods/exec"

OUTPUT_CHANNEL, ERROR_CHANNEL = 1, 3
"""Of a command: what it prints, and how it ended."""


def run_in_pod(
    client: ClusterClient,
    pod: str,
    command: Sequence[str],
    namespace: str = "",
    *,
    container: str = "",
    timeout_s: float = TIMEOUT_S,
) -> str:
    """Return what a command prints that is run in a container.

    Parameters
    ----------
    client
        Of the cluster.
    pod
        Where.
    command
        Program and arguments; no shell takes part.
    namespace
        Of the pod; empty: the client's own.
    container
        Which of its containers; empty: the first.
    timeout_s
        Seconds that it may take.

    Returns
    -------
    str
        Its standard output. How it ends is not looked at: what matters is what it says.

    Raises
    ------
    ClusterError
        If it cannot be run, or does not end in time.
    """
    where = f"pods {namespace or client.namespace}/{pod}"
    try:
        running = _open(client, pod, command, namespace or client.namespace, container)
    except Exception as error:
        raise ClusterError(f"run {command[0]} in {where}: {_reason(error)}; {FORBIDDEN}") from error
    try:
        running.run_forever(timeout=timeout_s)
        if running.is_open():
            raise ClusterError(f"run {command[0]} in {where}: not done within {timeout_s:g} s")
        end = json.loads(running.read_channel(ERROR_CHANNEL) or "{}")
        if end.get("status") == "Failure" and end.get("reason") != "NonZeroExitCode":
            raise ClusterError(f"run {command[0]} in {where}: {brief(str(end.get('message')), 300)}")
        return str(running.read_channel(OUTPUT_CHANNEL))
    finally:
        running.close()


def _open(client: ClusterClient, pod: str, command: Sequence[str], namespace: str, container: str) -> Any:
    from kubernetes.client import CoreV1Api
    from kubernetes.stream import stream

    options = {"container": container} if container else {}
    return stream(
        CoreV1Api(client.official()).connect_get_namespaced_pod_exec,
        pod,
        namespace,
        command=list(command),
        stdin=False,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
        **options,
    )


def _reason(error: BaseException) -> str:
    """Return why there is no connection: the official client fails once more on failures of websockets."""
    first = error.__context__ or error
    text = str(getattr(first, "reason", "") or first)
    return brief(text.partition(" -+-+- ")[0], 300)
