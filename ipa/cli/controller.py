"""``ipa controller``: adapts all InferencePipelines of a cluster."""

import os
import signal
import socket
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from ipa.cli.messages import tell
from ipa.cluster.client import connect
from ipa.cluster.kinds import EVERYWHERE
from ipa.errors import MissingExtraError
from ipa.platforms.monitoring import check_address

LEASE_NAME = "ipa-controller"


def controller_command(
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Adapt the pipelines of one namespace only; default: all."),
    ] = None,
    image: Annotated[
        str,
        typer.Option(
            "--image",
            envvar="IPA_IMAGE",
            help="Image of replicas and gateways of pipelines that name none.",
            metavar="NAME:TAG",
        ),
    ] = "ipa:latest",
    prometheus: Annotated[
        str,
        typer.Option(
            "--prometheus",
            envvar="IPA_PROMETHEUS",
            help="A Prometheus that tells what arrives; the gateways, if none.",
            metavar="URL",
        ),
    ] = "",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Door for /healthz, /readyz and /metrics; 0: any.")
    ] = 8080,
    lease_namespace: Annotated[
        str | None,
        typer.Option(
            "--lease-namespace",
            envvar="POD_NAMESPACE",
            help="Where the Lease is that says which controller acts; that of pod or context by default.",
        ),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option(
            "--identity", envvar="POD_NAME", help="Name of this controller; host and process by default."
        ),
    ] = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            "--kubeconfig",
            help="File with clusters; by default the pod's account, $KUBECONFIG or ~/.kube/config.",
            metavar="FILE",
        ),
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", help="Which of its contexts; the current one by default.")
    ] = None,
) -> None:
    """Adapt all InferencePipelines of a Kubernetes cluster to their load until Ctrl-C or SIGTERM.

    Of several controllers the one acts that holds the Lease. Pipelines go on with the plans that they have
    while none acts; the next one goes on from there.

    \b
    Examples:
      ipa controller
      ipa controller --namespace video --context staging --port 0
    """
    if prometheus:
        check_address(prometheus)
    if find_spec("prometheus_client") is None:
        raise MissingExtraError("The client of Prometheus", "kubernetes")
    from ipa.controller.controller import Controller, ControllerSettings
    from ipa.controller.election import Election

    client = connect(None if kubeconfig is None else str(kubeconfig), context)
    identity = identity or f"{socket.gethostname()}-{os.getpid()}"
    settings = ControllerSettings(identity, namespace or EVERYWHERE, image, port, prometheus)
    controller = Controller(
        client, settings, Election(client, lease_namespace or client.namespace, LEASE_NAME, identity)
    )
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    tell(f"{identity} stands for election; port {controller.door.port}: /healthz, /readyz, /metrics")
    try:
        controller.run(stop)
    finally:
        client.close()
