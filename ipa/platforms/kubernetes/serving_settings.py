"""How a pipeline is served in a Kubernetes cluster."""

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from ipa import limits
from ipa.errors import InvalidValueError, UnknownNameError
from ipa.platforms.local.serving_settings import ServingSettings
from ipa.platforms.monitoring import check_address

PullPolicy = Literal["IfNotPresent", "Always", "Never"]

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class ClusterServing(ServingSettings):
    """How a pipeline is served in a Kubernetes cluster.

    Parameters
    ----------
    gateway_shards
        Pods of the gateway, among which replicas and requests are divided.
    namespace
        Where its objects are; empty: the namespace of the context, or of the pod where this runs.
    context
        Context of the kubeconfig; empty: the current one.
    kubeconfig
        File with clusters and credentials; empty: ``KUBECONFIG``, else ``~/.kube/config``.
    image
        Image of model servers and gateways.
    pull_policy
        When nodes fetch the image.
    models_claim
        Volume claim with the weights that replicas read; empty: none.
    replica_memory_mb
        Memory that a replica may take, unless its variant brings a server that says otherwise; None: 512 MB
        where it is emulated, else 4096 MB.
    prometheus
        Address of a Prometheus that tells what arrived, and the gateways where it does not know; empty: they
        are asked at once.
    start_timeout_s
        Seconds that a first plan may take until it serves.
    idle_s
        Seconds after which replicas of a variant that serves no more are forgotten, having been scaled to 0.

    Raises
    ------
    IpaError
        If a value is not allowed.
    """

    gateway_shards: int = 1
    namespace: str = field(default="", compare=False)
    context: str = field(default="", compare=False)
    kubeconfig: str = field(default="", compare=False)
    image: str = field(default="ipa:latest", compare=False)
    pull_policy: PullPolicy = field(default="IfNotPresent", compare=False)
    models_claim: str = field(default="", compare=False)
    replica_memory_mb: int | None = field(default=None, compare=False)
    prometheus: str = field(default="", compare=False)
    start_timeout_s: float = field(default=300.0, compare=False)
    idle_s: float = field(default=300.0, compare=False)

    def __post_init__(self) -> None:
        super(ClusterServing, self).__post_init__()
        if self.pull_policy not in get_args(PullPolicy):
            raise UnknownNameError("pull_policy", self.pull_policy, get_args(PullPolicy))
        if self.namespace and not _NAMESPACE.fullmatch(self.namespace):
            raise InvalidValueError(
                f"namespace is {self.namespace!r}; it takes lower-case letters, digits and dashes, at most 63"
            )
        if self.prometheus:
            check_address(self.prometheus)
        if not self.image:
            raise InvalidValueError("image is empty; it must name the image of IPA")
        limits.REPLICAS.check("gateway_shards", self.gateway_shards)
        for name in ("start_timeout_s", "idle_s"):
            limits.LATENCY_S.check(name, getattr(self, name))
        if self.replica_memory_mb is not None and self.replica_memory_mb < 64:
            raise InvalidValueError(f"replica_memory_mb is {self.replica_memory_mb}; it must be at least 64")

    @property
    def queues(self) -> int:
        """Queues among which the requests of a stage are divided: every shard has one."""
        return self.gateway_shards

    def memory_mb(self, *, emulated: bool) -> int:
        """Return the memory that a replica may take."""
        if self.replica_memory_mb is not None:
            return self.replica_memory_mb
        return 512 if emulated else 4096
