"""Lets the gateway serve as the cluster says: with what shall serve, as far as it is there."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ipa.cluster.resource_status import ServedStage
from ipa.errors import GatewayError
from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.messages import ReplicaAddress, StageAssignment
from ipa.serving.gateway.replica_links import check_plan
from ipa.serving.pod.cluster_news import ClusterNews
from ipa.serving.pod.endpoints import Condition, Endpoint, best
from ipa.serving.pod.replica_pool import ReplicaPool
from ipa.serving.pod.sharding import choose_helpers, split_replicas

PATIENCE_S = 5.0
"""Time that the last replicas of another variant have to be connected before the others take over."""

Shares = Mapping[str, Mapping[str, Endpoint]]
"""Endpoints behind every Service, by their names: a shard's own, or those from which it may borrow."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StageView:
    """A stage between what serves and what shall serve.

    Parameters
    ----------
    current
        What serves; None before the first plan.
    alive
        Whether any replica of it is connected.
    target
        What shall serve.
    there
        Replicas of the target that have endpoints.
    connected
        Those of them that are connected.
    """

    current: ServedStage | None
    alive: bool
    target: ServedStage
    there: int
    connected: int

    def next(self, *, patient: bool) -> ServedStage | None:
        """Return what shall serve from now on.

        Batch and wait change at once. Replicas behind another Service take over when all of them are
        connected; when patience has come to its end, or nothing else serves, as soon as one is.

        Parameters
        ----------
        patient
            Whether replicas that are missing may still come.
        """
        if self.current and self.current.service == self.target.service:
            return self.target
        complete = 0 < self.there == self.connected
        if complete or (self.connected and not (patient and (self.alive or self.current is None))):
            return self.target
        return self.current


class PlanFollower:
    """Brings what the engine serves with to what the cluster says, step by step.

    Parameters
    ----------
    engine
        Serves.
    pool
        Connects replicas.
    pod
        Name of this shard.

    Attributes
    ----------
    in_force
        What serves; nothing before the first plan.
    problem
        Why what shall serve cannot; empty if it can.
    """

    def __init__(self, engine: Engine, pool: ReplicaPool, pod: str) -> None:
        self._engine, self._pool, self._pod = engine, pool, pod
        self._stages = engine.pipeline.stages
        self._asked: tuple[str, ...] = ()
        self._asked_s = 0.0
        self._assigned: object = None
        self.in_force: tuple[ServedStage, ...] = ()
        self.problem = ""

    def follow(self, news: ClusterNews, now_s: float) -> float | None:
        """Do what can be done now.

        Parameters
        ----------
        news
            What the cluster shows.
        now_s
            The time, on a clock that only goes on.

        Returns
        -------
        After how many seconds to look again though nothing has changed; None: not before something has.
        """
        if not news.serving:
            return None
        serving = self._in_order(news.serving)
        self.problem = self._refusal(serving)
        if self.problem:
            return None
        services = tuple(one.service for one in serving)
        if services != self._asked:
            self._asked, self._asked_s = services, now_s
        shares, helpers = self._shares(news, self._running_already(serving))
        self._pool.want(self._wanted(serving, shares, helpers))
        left_s = self._asked_s + PATIENCE_S - now_s
        upcoming = self._upcoming(serving, shares, patient=left_s > 0)
        if upcoming:
            self._serve(upcoming, shares, helpers)
        return left_s if self.in_force != serving and left_s > 0 else None

    def _in_order(self, serving: Iterable[ServedStage]) -> tuple[ServedStage, ...]:
        places = {stage.name: place for place, stage in enumerate(self._stages)}
        return tuple(sorted(serving, key=lambda one: places.get(one.stage, len(places))))

    def _refusal(self, serving: Sequence[ServedStage]) -> str:
        """Return why the pipeline cannot be served so; empty if it can."""
        try:
            check_plan(self._engine.pipeline, [StageAssignment(_plan(one, 1), ()) for one in serving])
        except GatewayError as error:
            return str(error)
        return ""

    def _running_already(self, serving: Sequence[ServedStage]) -> dict[str, dict[str, Endpoint]]:
        """Return servers that no Service lists, each as often as it may get a batch at a time."""
        found: dict[str, dict[str, Endpoint]] = {}
        for one in (*self.in_force, *serving):
            server = self._engine.pipeline.stage(one.stage).variant(one.variant).server
            if server and server.address:
                names = [f"{one.service}-{number}" for number in range(one.replicas or 1)]
                found[one.service] = {name: Endpoint(name, server.address, Condition.READY) for name in names}
        return found

    def _shares(self, news: ClusterNews, running: Shares) -> tuple[Shares, Shares]:
        """Return this shard's endpoints behind every Service, and those from which it may borrow.

        From servers that run already nobody borrows: they get as many batches at a time as the plan says.
        """
        members = news.shards | {self._pod}
        own: dict[str, dict[str, Endpoint]] = {}
        others: dict[str, dict[str, Endpoint]] = {}
        for service, endpoints in {**news.endpoints, **running}.items():
            usable = best(endpoints.values())
            mine = split_replicas(usable, members)[self._pod]
            own[service] = {name: usable[name] for name in sorted(mine)}
            helpers = () if service in running else choose_helpers(usable, mine, self._pod)
            others[service] = {name: usable[name] for name in sorted(helpers)}
        return own, others

    def _wanted(
        self, serving: Sequence[ServedStage], *shares: Shares
    ) -> dict[str, tuple[int, ReplicaAddress]]:
        wanted: dict[str, tuple[int, ReplicaAddress]] = {}
        for place, stage in enumerate(self._stages):
            for one in (serving[place], *self.in_force[place : place + 1]):
                server = stage.variant(one.variant).server
                model = server.model if server else stage.name
                for endpoint in [found for share in shares for found in share.get(one.service, {}).values()]:
                    wanted[endpoint.name] = place, ReplicaAddress(endpoint.name, endpoint.address, model)
        return wanted

    def _upcoming(
        self, serving: Sequence[ServedStage], shares: Shares, *, patient: bool
    ) -> tuple[ServedStage, ...]:
        """Return what serves every stage next; nothing while one has nothing."""
        found: list[ServedStage] = []
        for place, target in enumerate(serving):
            current = self.in_force[place] if self.in_force else None
            share = shares.get(target.service, {})
            alive = bool(current and self._pool.connected(shares.get(current.service, {})))
            view = StageView(current, alive, target, len(share), len(self._pool.connected(share)))
            if (chosen := view.next(patient=patient)) is None:
                return ()
            found.append(chosen)
        return tuple(found)

    def _serve(self, serving: tuple[ServedStage, ...], shares: Shares, helpers: Shares) -> None:
        own, borrowed = (
            [self._pool.connected(share.get(one.service, {})) for one in serving]
            for share in (shares, helpers)
        )
        assigned = serving, [tuple(found) for found in (*own, *borrowed)]
        if assigned == self._assigned:
            return
        plans = [_plan(one, len(found)) for one, found in zip(serving, own, strict=True)]
        self._engine.assign(
            [(plan, list(found.values())) for plan, found in zip(plans, own, strict=True)],
            [list(found.values()) for found in borrowed],
        )
        for found in (*own, *borrowed):
            self._pool.used(found)
        if serving != self.in_force:
            _log.info("serves %s", ", ".join(f"{one.stage}: {one.variant} x{one.batch}" for one in serving))
        self.in_force, self._assigned = serving, assigned


def _plan(one: ServedStage, replicas: int) -> StagePlan:
    return StagePlan(one.stage, one.variant, one.batch, replicas, one.cores, one.batch_wait_s)
