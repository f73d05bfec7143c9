"""What an experiment on a Kubernetes cluster is asked for by name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes.serving_settings import ClusterServing

if TYPE_CHECKING:
    from ipa.platforms.kubernetes.platform import KubernetesPlatform


@dataclass(frozen=True, slots=True)
class KubernetesSettings(ClusterServing):
    """How a pipeline is served in a Kubernetes cluster, where an experiment runs on it."""

    def platform(self, conditions: Conditions) -> "KubernetesPlatform":
        """Return a platform for one experiment; nothing is made in the cluster yet."""
        from ipa.platforms.kubernetes.platform import KubernetesPlatform

        return KubernetesPlatform(self, conditions)
