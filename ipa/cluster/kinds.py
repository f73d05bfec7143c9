"""The kinds of objects that IPA reads or writes in a cluster, and where the API server has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ipa.cluster.names import API_VERSION, KIND, PLURAL
from ipa.errors import ClusterError

Object = dict[str, Any]
"""An object of the API as plain values."""

EVERYWHERE = "*"
"""Stands for all namespaces where objects are listed or watched."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object.

    Parameters
    ----------
    api_version
        Group and version, for example ``apps/v1``.
    name
        Name of the kind, for example ``Deployment``.
    plural
        What it is called in addresses, for example ``deployments``.
    namespaced
        Whether its objects live in a namespace.
    """

    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core of Kubernetes."""
        return self.api_version.rpartition("/")[0]

    @property
    def resource(self) -> str:
        """What rights are given for, for example ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", *, part: str = "") -> str:
        """Return where objects are: all, those of a namespace, one, or a part of one (``status``)."""
        steps = ["apis" if self.group else "api", *self.api_version.split("/")]
        if self.namespaced and namespace not in ("", EVERYWHERE):
            steps += ["namespaces", namespace]
        steps += [self.plural, *filter(None, (name, part))]
        return "/" + "/".join(quote(step, safe=":") for step in steps)


PIPELINE = Kind(API_VERSION, KIND, PLURAL)
POD = Kind("v1", "Pod", "pods")
SERVICE = Kind("v1", "Service", "services")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
EVENT = Kind("v1", "Event", "events")
NODE = Kind("v1", "Node", "nodes", namespaced=False)
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
RESOURCE_QUOTA = Kind("v1", "ResourceQuota", "resourcequotas")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
JOB = Kind("batch/v1", "Job", "jobs")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
ROLE = Kind("rbac.authorization.k8s.io/v1", "Role", "roles")
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDING = Kind(
    "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False
)
CUSTOM_RESOURCE = Kind(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
POD_MONITOR = Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors")
PROMETHEUS_RULE = Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules")

KINDS: Mapping[tuple[str, str], Kind] = {
    (kind.api_version, kind.name): kind
    for kind in (
        *(PIPELINE, POD, SERVICE, CONFIG_MAP, EVENT, NODE, NAMESPACE, RESOURCE_QUOTA, SERVICE_ACCOUNT),
        *(VOLUME_CLAIM, DEPLOYMENT, JOB, LEASE, ENDPOINT_SLICE, NETWORK_POLICY, DISRUPTION_BUDGET, ROLE),
        *(ROLE_BINDING, CLUSTER_ROLE, CLUSTER_ROLE_BINDING, CUSTOM_RESOURCE, POD_MONITOR, PROMETHEUS_RULE),
    )
}
"""All of them by API version and name."""


def kind_of(thing: Object) -> Kind:
    """Return the kind of an object.

    Raises
    ------
    ClusterError
        If IPA has nothing to do with such objects.
    """
    named = str(thing.get("apiVersion", "")), str(thing.get("kind", ""))
    if named not in KINDS:
        known = ", ".join(sorted(kind.name for kind in KINDS.values()))
        raise ClusterError(f"IPA writes no object of kind {named[1]!r} of {named[0]!r}; it knows {known}")
    return KINDS[named]


def name_of(thing: Object) -> str:
    """Return the name of an object."""
    return str(thing["metadata"]["name"])
