"""What ``ipa reproduce --platform kubernetes`` does in a cluster, stage by stage."""

from dataclasses import dataclass
from pathlib import Path

from ipa.cluster.client import ClusterClient, connect
from ipa.cluster.kinds import CUSTOM_RESOURCE, NAMESPACE
from ipa.cluster.names import GROUP, PLURAL
from ipa.errors import ClusterError
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.report.reproduce import Target
from ipa.studies.measured_profiles import profile_folder

PLATFORM = "kubernetes"
PROFILE = "video-emulated"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of everything is done.

    Parameters
    ----------
    variants
        Variants that are profiled; all if empty.
    budget_s
        Longest time that a point of a profile may take.
    adapted_s
        Seconds of the bursty workload that are adapted to.
    served
        Whether a live pipeline is shown and compared with its simulation.
    """

    variants: tuple[str, ...]
    budget_s: float
    adapted_s: int
    served: bool


WHOLE = Extent((), 20.0, 600, served=True)
QUICK = Extent(("yolov5n", "resnet18"), 0.5, 15, served=False)
"""Enough to see every part of it work."""


def cluster_targets(extent: Extent, cluster: dict[str, str], results_dir: Path) -> list[Target]:
    """Return the stages, each of which needs those before it, and the cluster for itself.

    Parameters
    ----------
    extent
        How much of everything is done.
    cluster
        Settings of the platform ``kubernetes`` by name.
    results_dir
        Where profiles go, of which the next stage takes the pipeline.
    """
    where: dict[str, object] = {"platform": PLATFORM, "cluster": cluster}
    profiled = profile_folder(results_dir.resolve(), PROFILE, PLATFORM) / "video.yaml"
    profiling = where | {
        "profiles": [PROFILE],
        "variants": list(extent.variants),
        "budget_s": extent.budget_s,
    }
    adaptation = where | {"pipeline": str(profiled), "duration_s": extent.adapted_s}
    found = [
        Target("profiling-kubernetes", "7-profiling", profiling),
        Target("adaptation-kubernetes", "1-adaptation", adaptation),
    ]
    if extent.served:
        live = where | {"trace": "synthetic"}
        found += [
            Target("serving-kubernetes", "8-serving", live),
            Target("live-against-simulated-kubernetes", "9-live-against-simulated", live | {"runs": 1}),
        ]
    return found


def check_cluster(settings: KubernetesSettings) -> str:
    """Return the version of a cluster that can run pipelines.

    Raises
    ------
    ClusterError
        If it does not answer, or lacks what pipelines need; says what to do.
    """
    client = connect(settings.kubeconfig or None, settings.context or None)
    try:
        version = client.server_version()
        _check_there(client, settings.namespace or client.namespace)
        return version
    finally:
        client.close()


def _check_there(client: ClusterClient, namespace: str) -> None:
    if client.get(CUSTOM_RESOURCE, f"{PLURAL}.{GROUP}") is None:
        raise ClusterError(
            "the cluster does not know InferencePipelines; install the custom resource first:"
            " ipa cluster install --crd-only"
        )
    if client.get(NAMESPACE, namespace) is None:
        raise ClusterError(
            f"the cluster has no namespace {namespace}; make it first: kubectl create namespace {namespace}"
        )
