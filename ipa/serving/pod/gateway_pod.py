"""A shard of the gateway in a pod: a gateway that follows what the cluster says."""

import asyncio
import logging
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from mlserver.utils import install_uvloop_event_loop
from prometheus_client import REGISTRY

from ipa.cluster.client import ClusterClient, connect
from ipa.cluster.resource_status import serving_entries
from ipa.errors import IpaError
from ipa.serving.doors import Doors
from ipa.serving.gateway.gateway import Gateway, settle_garbage
from ipa.serving.gateway.settings import ServedPipeline
from ipa.serving.pod.cluster_news import ClusterNews
from ipa.serving.pod.cluster_view import ClusterView, Whereabouts
from ipa.serving.pod.monitoring import Clocks, Monitoring
from ipa.serving.pod.plan_follower import PlanFollower
from ipa.serving.pod.pod_metrics import ArrivalTimes, PodMetrics
from ipa.serving.pod.replica_pool import ReplicaPool

QUIET_S = 3.0
"""Time without a request after which a pod that is to end takes no more: everybody knows that it goes."""

LONGEST_LEAVE_S = 12.0
"""Time after which it takes no more in any case; connections are not that old."""

DRAIN_S = 20.0
"""Time that requests in flight have to end after that."""

LAST_WORDS_S = 3.0
"""Time after that in which whoever keeps the journal may read its end."""

_log = logging.getLogger(__name__)


def run(served: ServedPipeline, where: Whereabouts, doors: Doors) -> None:
    """Serve until SIGTERM, in the main thread of this process.

    Parameters
    ----------
    served
        What to serve.
    where
        Which pod this is.
    doors
        Where it answers.

    Raises
    ------
    IpaError
        If there is no way to the cluster.
    OSError
        If a port is taken.
    """
    client = connect()
    install_uvloop_event_loop()
    try:
        asyncio.run(_serve(served, where, doors, client))
    finally:
        client.close()


async def _serve(served: ServedPipeline, where: Whereabouts, doors: Doors, client: ClusterClient) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with tempfile.TemporaryDirectory(prefix="ipa-gateway-") as folder:
        shard = Shard(served, where, doors, Path(folder), client)
        await shard.open()
        settle_garbage()
        await stop.wait()
        await shard.leave()


class Shard:
    """One of the gateway's pods.

    Parameters
    ----------
    served
        What it serves.
    where
        Which pod it is.
    doors
        Where it answers.
    folder
        Where MLServer may put files.
    client
        Of the cluster.
    """

    def __init__(
        self, served: ServedPipeline, where: Whereabouts, doors: Doors, folder: Path, client: ClusterClient
    ) -> None:
        self._where = where
        self._changed = asyncio.Event()
        self._times = ArrivalTimes(time.monotonic())
        metrics = PodMetrics(served.pipeline, REGISTRY, self._times)
        self._gateway = Gateway(served, doors, folder, metrics)
        self._engine = self._gateway.engine
        self._pool = ReplicaPool(
            self._engine, self._gateway.description, self._gateway.tasks, self._changed.set
        )
        self._follower = PlanFollower(self._engine, self._pool, where.pod)
        self._view = ClusterView(client, where, self._changed.set)
        self._news, self._problem = ClusterNews(), ""
        self._monitoring = Monitoring(
            doors.host,
            doors.metrics_port,
            self._engine,
            self._times,
            self.state,
            Clocks.now(),
            # No gateway ends a request a microsecond.
            first_number=time.time_ns() // 1000,
        )

    async def open(self) -> None:
        """Open all doors and begin to follow the cluster."""
        ready = await self._gateway.open()
        self._gateway.tasks.start(self._monitoring.start())
        self._view.start()
        self._gateway.tasks.start(self._follow())
        _log.info(
            "%s: gRPC port %d, REST port %d, monitoring port %d",
            self._where.pod,
            ready.grpc_port,
            ready.http_port,
            self._monitoring.port,
        )

    async def leave(self) -> None:
        """End without losing a request that has come or that still comes for a moment."""
        _log.info("is to end: takes requests until nobody sends any")
        self._gateway.leave()
        await self._until_quiet()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._gateway.close_doors(DRAIN_S)
        _log.info("ends; requests that are given up: %d", self._engine.unsettled)
        await asyncio.gather(self._view.stop(), self._monitoring.until_told(LAST_WORDS_S))
        self._monitoring.close()
        await self._gateway.close()

    async def _until_quiet(self) -> None:
        """Return once no request has come for a while, or it has taken long enough.

        A server of gRPC that is stopped refuses what clients send until they hear of it. So connections are
        left to end by their age, each in order, and clients find another pod behind the same address.
        """
        began_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            left_s = min(
                max(began_s, self._times.latest_s) + QUIET_S - now_s, began_s + LONGEST_LEAVE_S - now_s
            )
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)

    def state(self) -> dict[str, object]:
        """Return what this shard knows and does, for monitoring."""
        return {
            "pod": self._where.pod,
            "resource_version": self._news.version,
            "serving": serving_entries(self._follower.in_force),
            "wanted": serving_entries(self._news.serving),
            "shards": sorted(self._news.shards | {self._where.pod}),
            "unreachable": dict(self._pool.problems),
            "problem": self._problem or self._follower.problem or self._view.problem,
            "gateway": asdict(self._engine.state()),
        }

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            again_s = self._look()
            try:
                async with asyncio.timeout(again_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _look(self) -> float | None:
        """Follow the news as far as possible, and return when to look again."""
        try:
            self._news, self._problem = self._view.news(), ""
            return self._follower.follow(self._news, time.monotonic())
        except IpaError as error:
            problem = str(error)
        except Exception as error:
            # What goes on must not end because of an object that nobody thought of.
            _log.exception("the cluster shows what this gateway does not understand")
            problem = f"{type(error).__name__}: {error}"
        if problem != self._problem:
            _log.warning("goes on as before: %s", problem)
        self._problem = problem
        return None
