"""Where it happens: a namespace with a pipeline that the controller adapts, seen from outside."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from infrastructure.chaos.pipeline import FIRST, Allowed, chaos_pipeline
from infrastructure.chaos.prometheus import Prometheus
from infrastructure.testcluster.cluster import MissingError
from infrastructure.testcluster.ipa_image import provide_ipa_image
from infrastructure.testcluster.layout import Layout
from infrastructure.testcluster.processes import wait_for
from ipa.cluster.client import ClusterClient, connect
from ipa.cluster.installation.install import install, wait_until_ready
from ipa.cluster.installation.manifests import CONTROLLER, SYSTEM_NAMESPACE, Placement, read_manifests
from ipa.cluster.installation.uninstall import installed_objects, uninstall
from ipa.cluster.kinds import DEPLOYMENT, NAMESPACE, PIPELINE, POD, SERVICE, Object, name_of
from ipa.cluster.names import GATEWAY, gateway_name
from ipa.cluster.resource import to_object
from ipa.cluster.resource_spec import Emulation, Gateway, Limits, PipelineOptions
from ipa.platforms.kubernetes.pods import address, component, is_ready
from ipa.platforms.kubernetes.shards import GatewayShards
from ipa.platforms.kubernetes.view import NamespaceView

OVERLAY = "testcluster"

NAME = "chaos"

INTERVAL_S = 5.0
"""Seconds between two decisions."""

INSTALL_S, SERVE_S, GONE_S = 120.0, 120.0, 60.0

GRPC_PORT = 8081


@dataclass(frozen=True, slots=True)
class Arena:
    """A pipeline that serves, and what is seen of it.

    Parameters
    ----------
    layout
        Of the cluster.
    client
        Of its administrator.
    namespace
        Where the pipeline is.
    view
        What there is in the namespace.
    shards
        The pods of the gateway.
    prometheus
        Watches all pods.
    """

    layout: Layout
    client: ClusterClient
    namespace: str
    view: NamespaceView
    shards: GatewayShards
    prometheus: Prometheus

    @property
    def address(self) -> str:
        """Where the gateway takes requests, ``HOST:PORT``."""
        service = self.client.get(SERVICE, gateway_name(NAME), self.namespace)
        if service is None:
            raise RuntimeError(f"there is no service {gateway_name(NAME)} in {self.namespace}")
        return f"{service['spec']['clusterIP']}:{GRPC_PORT}"

    def allow(self, allowed: Allowed) -> None:
        """Ask for another plan."""
        self.client.patch(PIPELINE, NAME, {"spec": {"limits": allowed.limits()}}, self.namespace)

    def serves(self, allowed: Allowed) -> bool:
        """Whether all shards serve what is allowed."""
        thing = self.view.pipeline(NAME)
        serving = ((thing or {}).get("status") or {}).get("serving") or ()
        found = tuple(one["variant"] for one in serving)
        batches = {one["batch"] for one in serving}
        return found == allowed.variants and batches == {allowed.batch} and self.shards.obey(serving)


@contextmanager
def open_arena(layout: Layout, namespace: str, shards: int, margin: float) -> Iterator[Arena]:
    """Serve a pipeline in a namespace of its own, and remove all of it in the end.

    Parameters
    ----------
    layout
        Of the cluster, which runs.
    namespace
        Its name; there must be none yet.
    shards
        Pods of the gateway.
    margin
        Room that plans leave above the load, as a part of it.

    Raises
    ------
    IpaError, MissingError, RuntimeError
        If it does not come to serve.
    """
    with ExitStack() as stack:
        client = connect(str(layout.kubeconfig))
        stack.callback(client.close)
        image = provide_ipa_image(layout)
        _make_namespace(client, namespace)
        stack.callback(_remove_namespace, client, namespace)
        prometheus = Prometheus({"namespace": namespace, "pipeline": NAME}, lambda: _gateways(view))
        stack.callback(prometheus.close)
        _install(client, namespace, prometheus.url, stack)
        thing = client.create(_object(namespace, shards, margin, image))
        stack.callback(_delete_pipeline, client, thing)
        view = NamespaceView(client, namespace).start()
        stack.callback(view.stop)
        seen = GatewayShards(
            client, lambda: view.seen(NAME).pods.values(), time.time_ns(), 10**9, lambda: False
        )
        seen.start()
        stack.callback(seen.stop)
        arena = Arena(layout, client, namespace, view, seen, prometheus)
        wait_for(
            "a pipeline that serves", lambda: _is_complete(arena, shards), SERVE_S, lambda: _trouble(arena)
        )
        prometheus.start()
        yield arena


def _object(namespace: str, shards: int, margin: float, image: str) -> Object:
    options = PipelineOptions(
        image=image,
        interval_s=INTERVAL_S,
        start_rps=50.0,
        forecast_margin=margin,
        gateway=Gateway(shards=shards),
        emulation=Emulation(service="deterministic"),
        limits=Limits.model_validate(FIRST.limits()),
    )
    return to_object(chaos_pipeline(NAME), options, name=NAME, namespace=namespace)


def _make_namespace(client: ClusterClient, namespace: str) -> None:
    if client.get(NAMESPACE, namespace) is not None:
        raise MissingError(
            f"there is a namespace {namespace} already, of a run before or under way; if it is over: kubectl"
            f" delete namespace {namespace}, or give another name: --namespace"
        )
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})


def _remove_namespace(client: ClusterClient, namespace: str) -> None:
    client.delete(NAMESPACE, namespace)
    # It ends by itself; what this run came to must not be lost because of a busy cluster.
    with suppress(RuntimeError):
        wait_for(f"the end of {namespace}", lambda: client.get(NAMESPACE, namespace) is None, GONE_S)


def _install(client: ClusterClient, namespace: str, prometheus_url: str, stack: ExitStack) -> None:
    """Install a controller for one namespace, which asks a Prometheus; the others are left to others."""
    if client.get(DEPLOYMENT, CONTROLLER, SYSTEM_NAMESPACE) is not None:
        raise MissingError(
            f"IPA is installed in this cluster already, in {SYSTEM_NAMESPACE}; remove it first, so that the"
            " controller of this working tree is the one that is tried: ipa cluster uninstall"
        )
    objects = read_manifests(OVERLAY, Placement(pipelines=(namespace,)))
    for thing in objects:
        if thing["kind"] == "Deployment":
            (container,) = thing["spec"]["template"]["spec"]["containers"]
            container["args"] += ["--namespace", namespace]
            container["env"] += [{"name": "IPA_PROMETHEUS", "value": prometheus_url}]
    stack.callback(_uninstall, client)
    list(install(client, objects))
    wait_until_ready(client, objects, INSTALL_S)


def _uninstall(client: ClusterClient) -> None:
    list(uninstall(client, installed_objects(client, keep_definition=True), GONE_S))


def _delete_pipeline(client: ClusterClient, thing: Object) -> None:
    namespace = thing["metadata"]["namespace"]
    client.delete(PIPELINE, name_of(thing), namespace)
    with suppress(RuntimeError):
        wait_for("the end of all pods", lambda: not client.list(POD, namespace).items, GONE_S)


def _is_complete(arena: Arena, shards: int) -> bool:
    """Whether all shards are ready, and serve the first plan."""
    pods = arena.view.seen(NAME).pods.values()
    ready = [pod for pod in pods if component(pod) == GATEWAY and is_ready(pod)]
    return len(ready) == shards and arena.serves(FIRST)


def _gateways(view: NamespaceView) -> dict[str, str]:
    """Return the addresses of the gateway's pods."""
    pods = view.seen(NAME).pods.values()
    return {name_of(pod): address(pod) for pod in pods if component(pod) == GATEWAY and address(pod)}


def _trouble(arena: Arena) -> str:
    """Return what the object says of itself."""
    thing = arena.view.pipeline(NAME)
    if thing is None:
        return "there is no object"
    conditions = (thing.get("status") or {}).get("conditions") or ()
    said = [f"{one['type']}={one['status']} {one.get('message', '')}".strip() for one in conditions]
    return "; ".join(said) or f"nobody has looked at {name_of(thing)} yet: does the controller run?"
