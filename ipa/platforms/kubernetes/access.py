"""The account of gateways in a namespace: made where `ipa cluster install` has not made it."""

from ipa.cluster.client import ClusterClient
from ipa.cluster.installation.marks import MARK, VALUE
from ipa.cluster.kinds import SERVICE_ACCOUNT, Object
from ipa.cluster.names import COMPONENT_LABEL, GATEWAY, GROUP, MANAGED_BY_LABEL, NAME_LABEL, PLURAL
from ipa.platforms.kubernetes.containers import GATEWAY_ACCOUNT


def ensure_gateway_account(client: ClusterClient, namespace: str) -> None:
    """Make the account of gateways, with the rights that they need, unless it is there.

    Raises
    ------
    ClusterError
        If it is not there and cannot be made.
    """
    if client.get(SERVICE_ACCOUNT, GATEWAY_ACCOUNT, namespace) is None:
        for thing in gateway_account(namespace):
            client.apply(thing)


def gateway_account(namespace: str) -> tuple[Object, Object, Object]:
    """Return the account of gateways, and what lets it read pipelines and where replicas are."""
    about = {
        "name": GATEWAY_ACCOUNT,
        "namespace": namespace,
        "labels": {
            NAME_LABEL: "ipa",
            MANAGED_BY_LABEL: "ipa",
            COMPONENT_LABEL: GATEWAY,
            # `ipa cluster uninstall` removes it too.
            MARK: VALUE,
        },
    }
    read = ["get", "list", "watch"]
    role: Object = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": about,
        "rules": [
            {"apiGroups": [GROUP], "resources": [PLURAL], "verbs": read},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        ],
    }
    binding: Object = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": about,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": GATEWAY_ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": GATEWAY_ACCOUNT, "namespace": namespace}],
    }
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about}, role, binding
