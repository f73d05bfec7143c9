"""How to move to a plan that has no room beside the replicas it replaces."""

from dataclasses import replace

from ipa.pipeline.plan import Plan, StagePlan


def steps_with_room(running: Plan, wanted: Plan, max_cores: int) -> tuple[Plan, Plan] | None:
    """Return two plans that lead to the one wanted and hold no more than so many cores on the way.

    A stage that changes its variant needs the old replicas until the new ones serve. So first it lets go of
    old ones, all but one if need be; where even that leaves too little room, it starts with fewer new ones.

    Parameters
    ----------
    running
        What every stage runs.
    wanted
        A plan for the same stages.
    max_cores
        Cores that all replicas may hold together.

    Returns
    -------
    tuple of Plan or None
        What to shrink the running plan to, and what to switch to then: the plan wanted or as many of its
        replicas as there is room for. None if not one old and one new replica of every stage have room.

    Examples
    --------
    >>> heavy = Plan((StagePlan("detect", "heavy", batch=1, replicas=3, cores=4),))
    >>> light = Plan((StagePlan("detect", "light", batch=1, replicas=8, cores=1),))
    >>> [plan.stages[0].replicas for plan in steps_with_room(heavy, light, max_cores=12)]
    [1, 8]
    >>> [plan.stages[0].replicas for plan in steps_with_room(heavy, light, max_cores=10)]
    [1, 6]
    """
    pairs = list(zip(running.stages, wanted.stages, strict=True))
    replaced = [not _same_replicas(old, new) for old, new in pairs]
    one_old = sum(old.cores for (old, _), changes in zip(pairs, replaced, strict=True) if changes)
    switched = _take_away(wanted, max_cores - one_old)
    if switched is None:
        return None
    room = max_cores - switched.cost_cores - one_old
    shrunk = []
    for (old, new), changes in zip(pairs, replaced, strict=True):
        if not changes:
            shrunk.append(replace(old, replicas=min(old.replicas, new.replicas)))
            continue
        more = min(old.replicas - 1, room // old.cores)
        room -= more * old.cores
        shrunk.append(replace(old, replicas=1 + more))
    return Plan(tuple(shrunk)), switched


def _same_replicas(old: StagePlan, new: StagePlan) -> bool:
    return (old.variant, old.cores) == (new.variant, new.cores)


def _take_away(plan: Plan, max_cores: int) -> Plan | None:
    """Return a plan with replicas taken away, where there are most, until it fits into so many cores."""
    stages = list(plan.stages)
    while sum(stage.cost_cores for stage in stages) > max_cores:
        place = max(range(len(stages)), key=lambda n: stages[n].replicas)
        if stages[place].replicas == 1:
            return None
        stages[place] = replace(stages[place], replicas=stages[place].replicas - 1)
    return Plan(tuple(stages))
