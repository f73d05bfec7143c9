"""Options of the commands that serve a pipeline in a Kubernetes cluster."""

from typing import Annotated, Any

import typer

from ipa.errors import InvalidValueError
from ipa.platforms.kubernetes.serving_settings import PullPolicy
from ipa.platforms.kubernetes.settings import KubernetesSettings

PLATFORM = "kubernetes"

_PANEL = "Kubernetes"
_DEFAULT = KubernetesSettings()

NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", rich_help_panel=_PANEL, help="Where the objects go; that of the context."
    ),
]
ImageOption = Annotated[
    str | None,
    typer.Option(
        "--image",
        rich_help_panel=_PANEL,
        metavar="NAME:TAG",
        help=f"Image of IPA, which nodes can pull; {_DEFAULT.image}.",
    ),
]
PullPolicyOption = Annotated[
    PullPolicy | None,
    typer.Option(
        "--pull-policy", rich_help_panel=_PANEL, help=f"When nodes fetch it; {_DEFAULT.pull_policy}."
    ),
]
ContextOption = Annotated[
    str | None,
    typer.Option("--context", rich_help_panel=_PANEL, help="Context of the kubeconfig; the current one."),
]
KubeconfigOption = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        rich_help_panel=_PANEL,
        metavar="FILE",
        help="File with clusters; $KUBECONFIG or ~/.kube/config.",
    ),
]
ModelsClaimOption = Annotated[
    str | None,
    typer.Option(
        "--models-claim", rich_help_panel=_PANEL, help="Volume claim with the weights that replicas read."
    ),
]
ShardsOption = Annotated[
    int | None,
    typer.Option("--shards", rich_help_panel=_PANEL, help=f"Pods of the gateway; {_DEFAULT.gateway_shards}."),
]
PrometheusOption = Annotated[
    str | None,
    typer.Option(
        "--prometheus",
        rich_help_panel=_PANEL,
        metavar="URL",
        help="A Prometheus that tells what arrives; the gateways, if none.",
    ),
]


def given_settings(
    *,
    namespace: str | None,
    image: str | None,
    pull_policy: PullPolicy | None,
    context: str | None,
    kubeconfig: str | None,
    models_claim: str | None = None,
    shards: int | None = None,
    prometheus: str | None = None,
) -> dict[str, Any]:
    """Return the settings of the platform that were given, by their names."""
    named = {
        "namespace": namespace,
        "image": image,
        "pull_policy": pull_policy,
        "context": context,
        "kubeconfig": kubeconfig,
        "models_claim": models_claim,
        "gateway_shards": shards,
        "prometheus": prometheus,
    }
    return {name: value for name, value in named.items() if value is not None}


def settings_of(platform: str, given: dict[str, Any]) -> KubernetesSettings | None:
    """Return the settings of the platform kubernetes; None for another platform, which takes none of them."""
    if platform == PLATFORM:
        return KubernetesSettings(**given)
    if given:
        options = ", ".join(f"--{name.replace('_', '-').removeprefix('gateway-')}" for name in given)
        raise InvalidValueError(f"{options}: only for --platform {PLATFORM}, not for {platform}")
    return None
