"""How IPA is in a cluster."""

from dataclasses import dataclass
from typing import Any

from ipa.cluster.client import ClusterClient
from ipa.cluster.installation.health import definition_problem, deployment_problem
from ipa.cluster.installation.manifests import CONTROLLER
from ipa.cluster.installation.marks import SELECTOR
from ipa.cluster.installation.uninstall import installed_pipelines
from ipa.cluster.kinds import (
    CUSTOM_RESOURCE,
    DEPLOYMENT,
    EVERYWHERE,
    LEASE,
    PIPELINE,
    ROLE_BINDING,
    Object,
    name_of,
)
from ipa.cluster.resource import read_status

DEFINITION = f"{PIPELINE.plural}.{PIPELINE.group}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the installation.

    Parameters
    ----------
    name
        What it is.
    state
        How it is, in words.
    works
        Whether it is as it should be.
    """

    name: str
    state: str
    works: bool


def installed_parts(client: ClusterClient) -> list[Part]:
    """Return the parts of IPA in a cluster: all that there should be."""
    parts = [Part("Kubernetes", client.server_version(), works=True), _definition(client)]
    deployments = client.list(DEPLOYMENT, EVERYWHERE, selector=SELECTOR).items
    found = [one for one in deployments if name_of(one) == CONTROLLER]
    if found:
        parts += [part for one in found for part in _controller(client, one)]
    else:
        parts.append(Part("controller", "not installed", works=False))
    bindings = client.list(ROLE_BINDING, EVERYWHERE, selector=SELECTOR).items
    namespaces = sorted({one["metadata"]["namespace"] for one in bindings if name_of(one) == "ipa-pipelines"})
    return [
        *parts,
        Part("namespaces with pipelines", ", ".join(namespaces) or "none", works=bool(namespaces)),
    ]


def _definition(client: ClusterClient) -> Part:
    name = "custom resource"
    if client.get(CUSTOM_RESOURCE, DEFINITION) is None:
        return Part(name, "not installed", works=False)
    problem = definition_problem(client, {"metadata": {"name": DEFINITION}})
    return Part(name, problem or DEFINITION, works=not problem)


def _controller(client: ClusterClient, deployment: Object) -> list[Part]:
    namespace = deployment["metadata"]["namespace"]
    problem = deployment_problem(client, deployment)
    ready = (deployment.get("status") or {}).get("readyReplicas", 0)
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    state = f"{ready} of {deployment['spec']['replicas']} ready in {namespace}, image {image}"
    lease = client.get(LEASE, CONTROLLER, namespace) or {}
    leader = (lease.get("spec") or {}).get("holderIdentity") or ""
    return [
        Part("controller", f"{state}: {problem}" if problem else state, works=not problem),
        Part("leader", leader or "none", works=bool(leader)),
    ]


def pipeline_rows(client: ClusterClient) -> list[dict[str, Any]]:
    """Return a row for every InferencePipeline, with what its controller says of it."""
    rows = []
    for thing in installed_pipelines(client):
        status = read_status(thing)
        ready = status.condition("Ready")
        rows.append(
            {
                "namespace": thing["metadata"]["namespace"],
                "pipeline": name_of(thing),
                "ready": ready.status if ready else "Unknown",
                "rate_rps": status.rate_rps,
                "cores": status.cores,
                "pas": status.pas,
                "p99_s": status.p99_s,
                "why": ready.message if ready and ready.status != "True" else "",
            }
        )
    return rows
