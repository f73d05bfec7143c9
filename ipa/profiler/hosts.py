"""The platforms whose replicas can be measured, by name."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from ipa.errors import MissingExtraError
from ipa.profiler.host import ReplicaHost
from ipa.profiler.target import Wanted
from ipa.registry import Registry

OpenHost = Callable[[Wanted, Path], AbstractAsyncContextManager[ReplicaHost]]
"""(what is wanted, folder of the profile) -> a host that lives as long as a ``with`` block."""

HOSTS: Registry[OpenHost] = Registry("platform")


@HOSTS.named("local")
@asynccontextmanager
async def local(wanted: Wanted, folder: Path) -> AsyncIterator[ReplicaHost]:
    """Measure processes of this machine."""
    if find_spec("mlserver") is None:
        raise MissingExtraError("MLServer, which serves the replicas that are measured,", "serving")
    from ipa.profiler.local_host import open_local_host

    async with open_local_host(wanted, folder) as host:
        yield host


@HOSTS.named("kubernetes")
@asynccontextmanager
async def kubernetes(wanted: Wanted, folder: Path) -> AsyncIterator[ReplicaHost]:
    """Measure pods of a cluster."""
    if find_spec("kubernetes") is None:
        raise MissingExtraError("the Kubernetes client", "kubernetes")
    from ipa.profiler.kubernetes_host import open_kubernetes_host

    async with open_kubernetes_host(wanted, folder) as host:
        yield host
