"""Takes IPA out of a cluster."""

import time
from collections.abc import Collection, Iterator, Sequence

from ipa.cluster.client import ClusterClient
from ipa.cluster.installation.install import LOOK_EVERY_S, Change, shown
from ipa.cluster.installation.manifests import CONTROLLER
from ipa.cluster.installation.marks import SELECTOR
from ipa.cluster.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    CUSTOM_RESOURCE,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    EVERYWHERE,
    LEASE,
    NAMESPACE,
    NETWORK_POLICY,
    PIPELINE,
    POD,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
    Object,
    kind_of,
    name_of,
)
from ipa.cluster.names import MANAGED_BY_LABEL, PIPELINE_LABEL, label_value
from ipa.errors import ClusterError

INSTALLED = (
    *(DEPLOYMENT, SERVICE, CONFIG_MAP, DISRUPTION_BUDGET, NETWORK_POLICY),
    *(ROLE_BINDING, CLUSTER_ROLE_BINDING, ROLE, CLUSTER_ROLE, SERVICE_ACCOUNT, CUSTOM_RESOURCE, NAMESPACE),
)
"""Kinds of what an installation consists of, in the order in which it is taken apart."""

OF_PIPELINES = f"{MANAGED_BY_LABEL}=ipa,{PIPELINE_LABEL}"


def installed_pipelines(client: ClusterClient) -> tuple[Object, ...]:
    """Return the InferencePipelines of all namespaces; none where the cluster does not know them."""
    if client.get(CUSTOM_RESOURCE, f"{PIPELINE.plural}.{PIPELINE.group}") is None:
        return ()
    return client.list(PIPELINE, EVERYWHERE).items


def installed_objects(client: ClusterClient, *, keep_definition: bool = False) -> list[Object]:
    """Return what an installation put into the cluster, in the order in which it can be deleted.

    Parameters
    ----------
    client
        Of the cluster.
    keep_definition
        Without what defines InferencePipeline.
    """
    kinds = [kind for kind in INSTALLED if not (keep_definition and kind == CUSTOM_RESOURCE)]
    return [thing for kind in kinds for thing in _marked(client, kind)]


def delete_pipelines(
    client: ClusterClient, pipelines: Sequence[Object], timeout_s: float
) -> Iterator[Change]:
    """Delete InferencePipelines, with all that they own, and return once their pods are gone.

    Raises
    ------
    ClusterError
        If something is still there after ``timeout_s``.
    """
    for pipeline in pipelines:
        client.delete(PIPELINE, name_of(pipeline), pipeline["metadata"]["namespace"])
        yield Change("deleted", shown(pipeline))
    deleted = {(one["metadata"]["namespace"], label_value(name_of(one))) for one in pipelines}
    deadline_s = time.monotonic() + timeout_s
    while left := _left_of(client, deleted):
        if time.monotonic() > deadline_s:
            raise ClusterError(
                f"{len(left)} objects of deleted pipelines are still there after {timeout_s:g} s, for example"
                f" {shown(left[0])}; IPA itself was not removed: see what keeps them, then try again"
            )
        time.sleep(LOOK_EVERY_S)


def uninstall(client: ClusterClient, objects: Sequence[Object], timeout_s: float) -> Iterator[Change]:
    """Delete what was installed; namespaces are waited for.

    Raises
    ------
    ClusterError
        If a namespace is still there after ``timeout_s``.
    """
    for thing in objects:
        metadata = thing["metadata"]
        namespace = metadata.get("namespace", "")
        client.delete(kind_of(thing), name_of(thing), namespace, uid=metadata["uid"])
        if (kind_of(thing), name_of(thing)) == (DEPLOYMENT, CONTROLLER):
            client.delete(LEASE, CONTROLLER, namespace)
        yield Change("deleted", shown(thing))
    deadline_s = time.monotonic() + timeout_s
    while left := _marked(client, NAMESPACE):
        if time.monotonic() > deadline_s:
            raise ClusterError(f"{shown(left[0])} is deleted, and still there after {timeout_s:g} s")
        time.sleep(LOOK_EVERY_S)


def _marked(client: ClusterClient, kind: Kind) -> tuple[Object, ...]:
    return client.list(kind, EVERYWHERE, selector=SELECTOR).items


def _left_of(client: ClusterClient, pipelines: Collection[tuple[str, str]]) -> list[Object]:
    """Return what is still there of pipelines, by namespace and label."""
    return [
        thing
        for kind in (DEPLOYMENT, POD)
        for thing in client.list(kind, EVERYWHERE, selector=OF_PIPELINES).items
        if (thing["metadata"]["namespace"], thing["metadata"]["labels"][PIPELINE_LABEL]) in pipelines
    ]
