"""What has to be written so that a cluster comes to run a plan: a function of what is wanted and seen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ipa.cluster.kinds import CONFIG_MAP, DEPLOYMENT, SERVICE, Kind, Object, kind_of, name_of
from ipa.cluster.names import COMPONENT_LABEL, REPLICA
from ipa.cluster.resource_status import ServedStage
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.kubernetes.objects import PipelineObjects, ServedBy
from ipa.platforms.kubernetes.seen import Seen, idle_since_s, is_settled, wanted_replicas


@dataclass(frozen=True, slots=True)
class Apply:
    """Make an object be so."""

    thing: Object


@dataclass(frozen=True, slots=True)
class Serve:
    """Tell the gateways what serves each stage."""

    serving: tuple[ServedStage, ...]


@dataclass(frozen=True, slots=True)
class Retire:
    """Let all replicas of a Deployment go, and write down since when."""

    deployment: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an object, and no later one of its name."""

    kind: Kind
    name: str
    uid: str


Write = Apply | Serve | Retire | Delete


def next_writes(
    objects: PipelineObjects,
    plan: Plan,
    serving: Sequence[ServedStage],
    seen: Seen,
    *,
    obeyed: bool,
    now_s: float,
    used: frozenset[str] = frozenset(),
) -> list[Write]:
    """Return what has to be written now; nothing where all is as it should be.

    Make before break: replicas of a variant that comes serve once all of them are ready; those of a variant
    that goes are let go once the gateways have turned away from them, and forgotten some time later.

    Parameters
    ----------
    objects
        Of the pipeline, as they should be.
    plan
        What shall run.
    serving
        What the gateways were told.
    seen
        What there is.
    obeyed
        Whether all gateways do what they were told.
    now_s
        Seconds since the epoch.
    used
        Names of Deployments that gateways serve with, whatever they were told: nobody takes these from them.
    """
    wanted: list[Object] = [*objects.gateway]
    for stage in plan.stages:
        wanted += objects.replicas(stage)
    told = next_serving(objects, plan, serving, seen)
    writes: list[Write] = [Apply(thing) for thing in wanted if not _is_so(thing, seen)]
    if _by_stage(told) != _by_stage(serving):
        writes.append(Serve(told))
    needed = {name_of(thing) for thing in wanted} | {stage.service for stage in (*serving, *told)} | used
    writes += _retire(seen, needed, obeyed=obeyed, now_s=now_s)
    writes += _forget(seen, needed, now_s - objects.settings.idle_s)
    return writes


def next_serving(
    objects: PipelineObjects, plan: Plan, serving: Sequence[ServedStage], seen: Seen
) -> tuple[ServedStage, ...]:
    """Return what shall serve each stage now, on the way to a plan.

    Batch size and wait change at once where the variant stays. Another one, or other cores, take over when
    all of their replicas are ready, or when nothing is left of those that serve.
    """
    before = _by_stage(serving)
    return tuple(_serving_stage(objects, stage, before.get(stage.stage), seen) for stage in plan.stages)


def _by_stage(serving: Sequence[ServedStage]) -> dict[str, ServedStage]:
    return {stage.stage: stage for stage in serving}


def _serving_stage(
    objects: PipelineObjects, plan: StagePlan, now: ServedStage | None, seen: Seen
) -> ServedStage:
    then = serving_stage(objects, plan)
    if now is None or now.service == then.service:
        return then
    ready = ready_replicas(then, seen)
    if ready >= plan.replicas or (ready and not ready_replicas(now, seen)):
        return then
    return now


def ready_replicas(stage: ServedStage, seen: Seen) -> int:
    """Return how many replicas of a stage are ready; of servers that run already only gateways see it."""
    return seen.ready(stage.service) if stage.replicas is None else stage.replicas


def serving_stage(objects: PipelineObjects, plan: StagePlan) -> ServedStage:
    """Return what gateways are told once a plan of a stage serves."""
    return ServedStage(
        stage=plan.stage,
        variant=plan.variant,
        cores=plan.cores,
        batch=plan.batch,
        batch_wait_s=plan.batch_wait_s,
        service=ServedBy.of(plan).name(objects.owner.name),
        replicas=plan.replicas if objects.runs_already(plan) else None,
    )


def _is_so(thing: Object, seen: Seen) -> bool:
    """Whether an object is as it should be."""
    found = {"Deployment": seen.deployments, "Service": seen.services, "ConfigMap": seen.configs}
    known = found[kind_of(thing).name].get(name_of(thing))
    if known is None or known["metadata"].get("deletionTimestamp"):
        return False
    return holds(known, thing)


def holds(known: Any, wanted: Any) -> bool:
    """Whether an object has all fields that are wanted; the server adds others."""
    if isinstance(wanted, Mapping):
        return isinstance(known, Mapping) and all(
            key in known and holds(known[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(known, list)
            and len(known) == len(wanted)
            and all(holds(*pair) for pair in zip(known, wanted, strict=True))
        )
    return bool(known == wanted)


def _retire(seen: Seen, needed: set[str], *, obeyed: bool, now_s: float) -> Iterator[Write]:
    """Let go of replicas that neither serve nor shall, once no gateway needs them."""
    if not obeyed:
        return
    for deployment in seen.replica_deployments():
        name = name_of(deployment)
        if name not in needed and (wanted_replicas(deployment) or idle_since_s(deployment) is None):
            yield Retire(name, now_s)


def _forget(seen: Seen, needed: set[str], before_s: float) -> Iterator[Write]:
    """Remove what has served nobody for some time, and settings that nobody reads any more."""
    forgotten: set[str] = set()
    for deployment in seen.replica_deployments():
        name, since_s = name_of(deployment), idle_since_s(deployment)
        if name in needed or wanted_replicas(deployment) or since_s is None or since_s > before_s:
            continue
        forgotten.add(name)
        yield _delete(DEPLOYMENT, deployment)
    for name, service in seen.services.items():
        replicas = service["metadata"]["labels"].get(COMPONENT_LABEL) == REPLICA
        if name not in needed and replicas and (name in forgotten or name not in seen.deployments):
            yield _delete(SERVICE, service)
    kept = [thing for name, thing in seen.deployments.items() if name not in forgotten]
    read = needed | {_config_of(thing) for thing in kept}
    rolling = {_marks(thing) for thing in kept if not is_settled(thing)}
    for name, config in seen.configs.items():
        # Pods of before may still come up with the settings of before.
        if name not in read and _marks(config) not in rolling:
            yield _delete(CONFIG_MAP, config)


def _delete(kind: Kind, thing: Object) -> Delete:
    return Delete(kind, name_of(thing), str(thing["metadata"]["uid"]))


def _config_of(deployment: Object) -> str:
    """Return the name of the settings that the pods of a Deployment read."""
    volumes = deployment["spec"]["template"]["spec"].get("volumes") or ()
    return next((str(volume["configMap"]["name"]) for volume in volumes if "configMap" in volume), "")


def _marks(thing: Object) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(thing["metadata"]["labels"].items()))
