"""All replicas that the gateway knows, and how a new plan takes the place of the one before."""

import asyncio
from collections.abc import Sequence

import grpc

from ipa.errors import GatewayError, InvalidValueError, IpaError
from ipa.pipeline.batching import BatchPolicy
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway.description import Description
from ipa.serving.gateway.engine import Engine, Link
from ipa.serving.gateway.grpc_link import GrpcLink
from ipa.serving.gateway.messages import ReplicaAddress, StageAssignment
from ipa.serving.gateway.tasks import Tasks

IDENTITY = "replica"
"""Parameter in the metadata of a model server of IPA that holds the name of the replica."""


class ReplicaLinks:
    """Connects replicas and hands them to the engine.

    Parameters
    ----------
    engine
        Serves with them.
    tasks
        Who owns the calls.
    description
        Learns what the models tell of themselves.
    """

    def __init__(self, engine: Engine, tasks: Tasks, description: Description) -> None:
        self._engine, self._tasks, self._description = engine, tasks, description
        self._links: dict[str, GrpcLink] = {}
        self._one_plan = asyncio.Lock()

    async def put_plan(self, assignments: Sequence[StageAssignment], timeout_s: float) -> None:
        """Serve by a plan from now on.

        Raises
        ------
        GatewayError
            If the pipeline cannot run it, or a new replica is not ready in time; nothing has changed then.
        """
        check_plan(self._engine.pipeline, assignments)
        async with self._one_plan:
            self._check_addresses(assignments)
            new = await self._connect_new(assignments, timeout_s)
            self._links.update(new)
            plans: list[tuple[StagePlan, Sequence[Link]]] = [
                (stage.plan, [self._links[replica.name] for replica in stage.replicas])
                for stage in assignments
            ]
            self._engine.assign(plans)
            for place, stage in enumerate(assignments):
                for told in [new[one.name].told for one in stage.replicas[:1] if one.name in new]:
                    self._description.learn(place, told)

    def _check_addresses(self, assignments: Sequence[StageAssignment]) -> None:
        for replica in (one for stage in assignments for one in stage.replicas):
            known = self._links.get(replica.name)
            if known and known.replica != replica:
                raise GatewayError(
                    f"replica {replica.name} is known as {known.replica.model} at {known.replica.address};"
                    " a replica that was started anew needs a new name"
                )

    async def _connect_new(
        self, assignments: Sequence[StageAssignment], timeout_s: float
    ) -> dict[str, GrpcLink]:
        """Return links to all replicas that are not known yet, each of which has said that it is ready."""
        new: dict[str, GrpcLink] = {}
        try:
            async with asyncio.timeout(timeout_s):
                # One that is known may be let go of while others are being connected.
                while missing := self._missing(assignments, new):
                    links = [GrpcLink(one, needed, self._tasks, self._forget) for one, needed in missing]
                    new.update((link.name, link) for link in links)
                    async with asyncio.TaskGroup() as group:
                        for link in links:
                            group.create_task(shake_hands(link))
        except BaseException as error:
            for link in new.values():
                link.close()
            if isinstance(error, TimeoutError):
                raise GatewayError(
                    f"not every new replica was ready within {timeout_s:g} s: {', '.join(new)}"
                ) from None
            if isinstance(error, BaseExceptionGroup) and error.subgroup(GatewayError):
                raise GatewayError("; ".join(map(str, error.exceptions))) from None
            raise
        return new

    def _missing(
        self, assignments: Sequence[StageAssignment], new: dict[str, GrpcLink]
    ) -> list[tuple[ReplicaAddress, frozenset[str]]]:
        return [
            (replica, self._engine.needed_outputs(place))
            for place, stage in enumerate(assignments)
            for replica in stage.replicas
            if replica.name not in self._links and replica.name not in new
        ]

    def _forget(self, name: str) -> None:
        self._links.pop(name, None)


async def shake_hands(link: GrpcLink) -> None:
    """Return once a replica is ready and has told what its model is.

    Raises
    ------
    GatewayError
        If it does not tell, or another replica is behind its address.
    """
    await link.connect()
    try:
        await link.ask()
    except grpc.aio.AioRpcError as error:
        raise GatewayError(
            f"replica {link.name} at {link.replica.address} does not describe its model:"
            f" {error.code().name} {error.details()}"
        ) from error
    told = link.told.parameters
    name = told[IDENTITY].string_param if IDENTITY in told else link.name
    if name != link.name:
        raise GatewayError(f"{link.replica.address} is replica {name!r}, not {link.name!r}")


def check_plan(pipeline: Pipeline, assignments: Sequence[StageAssignment]) -> None:
    """Raise a GatewayError unless a pipeline can run a plan."""
    given, names = [one.plan.stage for one in assignments], [stage.name for stage in pipeline.stages]
    if given != names:
        raise GatewayError(f"the plan is for stages {given}; pipeline {pipeline.name} has {names}")
    replicas = [replica.name for stage in assignments for replica in stage.replicas]
    if twice := {name for name in replicas if replicas.count(name) > 1}:
        raise GatewayError(f"replica {min(twice)} is named twice; each serves one stage")
    for stage, assignment in zip(pipeline.stages, assignments, strict=True):
        plan = assignment.plan
        try:
            BatchPolicy.of(plan)
            stage.variant(plan.variant).profile_on(plan.cores).at(plan.batch)
        except (IpaError, InvalidValueError) as error:
            raise GatewayError(f"stage {stage.name}: {error}") from None
