"""Why no plan exists: found by lifting one limit at a time, and what would help.

Every limit that a plan has to keep is an ``_Obstacle``: how to lift it, and what to say of it. The reason is
the smallest set of obstacles without which a plan exists; where several of the same size do, each of them
would help.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from itertools import combinations
from typing import Any

from ipa.limits import REPLICAS
from ipa.optimizer.answer import impossible
from ipa.optimizer.best_effort import cheapest_plan, fastest_within_cores
from ipa.optimizer.build import rebuild
from ipa.optimizer.problem import Option, Problem, Source

NO_LIMIT_S = 1e30
"""An SLA that every plan keeps."""

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Told:
    """What is said of one limit.

    Parameters
    ----------
    cause
        Why it stands in the way.
    remedy
        What would help.
    source
        The same problem with the limit at the value that would help.
    """

    cause: str
    remedy: str
    source: Source


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """A limit that may be what stands in the way.

    Parameters
    ----------
    given
        Whether the problem has this limit.
    lifted
        The same problem without it.
    told
        (problem as asked, what it was built from without this limit) -> what to say of it.
    """

    given: Callable[[Source], bool]
    lifted: Callable[[Source], Source]
    told: Callable[[Problem, Source], _Told]


def why_infeasible(problem: Problem) -> str:
    """Return why no plan exists and which option would help.

    Parameters
    ----------
    problem
        A problem without a plan.

    Examples
    --------
    >>> from ipa.pipeline.load import load_pipeline
    >>> from ipa.optimizer.build import build_problem
    >>> from ipa.optimizer.problem import Constraints, Objective
    >>> asked = build_problem(load_pipeline("video"), 20.0, Objective(), Constraints(max_cores=1))
    >>> asked, found = why_infeasible(asked).split(": ")
    >>> print(asked)
    no plan carries 20 requests/s within 6.89 s, 100 replicas a stage and 1 core
    >>> print(found)
    the cheapest one takes 4 cores; raise --max-cores to 4
    """
    source = problem.source
    if source is None or rebuild(source) != problem:
        return f"{_tell_asked(problem)}: {_by_itself(problem)}"
    given = [obstacle for obstacle in _OBSTACLES if obstacle.given(source)]
    for count in range(1, len(given) + 1):
        ways = [way for chosen in combinations(given, count) if (way := _way(problem, source, chosen))]
        if ways:
            return f"{_tell_asked(problem)}: {'; or '.join(ways)}"
    return f"{_tell_asked(problem)}: {_hopeless(problem)}"


def _way(problem: Problem, source: Source, chosen: Sequence[_Obstacle]) -> str:
    """Say how to get a plan by lifting some limits; nothing if there is none even then.

    Each limit is brought back at the value that would help before the next one is looked at, so that all
    values said help together.
    """
    for obstacle in chosen:
        source = obstacle.lifted(source)
    if not _possible(rebuild(source)):
        return ""
    causes, remedies = [], []
    for obstacle in chosen:
        told = obstacle.told(problem, source)
        causes.append(told.cause)
        remedies.append(told.remedy)
        source = told.source
    return f"{', and '.join(causes)}; {' and '.join(remedies)}"


def _possible(problem: Problem) -> bool:
    if impossible(problem):
        return False
    return problem.max_cores is None or _least_cores(problem) <= problem.max_cores


def _least_cores(problem: Problem) -> float:
    plan = cheapest_plan(problem)
    return math.inf if plan is None else sum(option.cost_cores for option in plan)


def _source(problem: Problem) -> Source:
    if problem.source is None:
        raise ValueError("only a problem that tells what it was built from has limits to lift")
    return problem.source


def _tell_asked(problem: Problem) -> str:
    limits = [f"{problem.sla_s:g} s"]
    if problem.source is not None:
        limits.append(f"{_count(problem.source.constraints.max_replicas, 'replica')} a stage")
    if problem.max_cores is not None:
        limits.append(_count(problem.max_cores, "core"))
    within = ", ".join(limits[:-1]) + (" and " if len(limits) > 1 else "") + limits[-1]
    return f"no plan carries {problem.rate_rps:g} requests/s within {within}"


def _by_itself(problem: Problem) -> str:
    """Say what a problem shows that does not tell what it was built from."""
    empty = [name for name, options in zip(problem.stages, problem.options, strict=True) if not options]
    if empty:
        return f"stage {empty[0]} has no option that carries the rate"
    if _possible(replace(problem, max_cores=None)):
        return f"the cheapest one takes {_count(int(_least_cores(problem)), 'core')}"
    return f"the fastest one takes {_least_s(problem)} s"


def _hopeless(problem: Problem) -> str:
    empty = [name for name, options in zip(problem.stages, problem.options, strict=True) if not options]
    stage = f"stage {empty[0]}" if empty else "a stage"
    if problem.rate_rps == 0:
        return f"{stage} has no batch size that ever fills without load; profile batch size 1"
    return f"{stage} carries it with no number of replicas up to {REPLICAS.high:,}; lower --rate"


def _least_s(problem: Problem) -> str:
    fast = fastest_within_cores(problem)
    return round_up(0.0 if fast is None else problem.latency_s(fast))


def _limit(source: Source, **limits: Any) -> Source:
    return replace(source, constraints=replace(source.constraints, **limits))


def _restrict(source: Source, **fixed: Any) -> Source:
    return replace(source, restriction=replace(source.restriction, **fixed))


def _tell_too_slow(asked: Problem, free: Source) -> _Told:
    needed = _least_s(replace(rebuild(free), sla_s=asked.sla_s))
    return _Told(
        f"the fastest one takes {needed} s, the SLA is {asked.sla_s:g} s",
        f"raise --sla to {needed}",
        _limit(free, sla_s=float(needed)),
    )


def _tell_too_dear(asked: Problem, free: Source) -> _Told:  # noqa: ARG001 (the signature of what is told)
    least = int(_least_cores(rebuild(free)))
    return _Told(
        f"the cheapest one takes {_count(least, 'core')}",
        f"raise --max-cores to {least}",
        _limit(free, max_cores=least),
    )


def _tell_least_cap(asked: Problem, free: Source) -> _Told:
    """Name the least cap with which a plan exists, and the stages that need more than the one asked for."""
    most, uncapped = _source(asked).constraints.max_replicas, rebuild(free)
    needed = _least_cap(uncapped, most)
    need = [
        f"stage {name} needs {_fewest(options):,}"
        for name, options in zip(uncapped.stages, uncapped.options, strict=True)
        if _fewest(options) > most
    ]
    needs = ", ".join(need) or f"within the other limits a stage needs {needed:,}"
    lower = "lower --replicas or " if free.restriction.replicas else ""
    return _Told(
        f"{needs} replicas, at most {most:,} are allowed",
        f"{lower}raise --max-replicas to {needed}",
        _limit(free, max_replicas=needed),
    )


def _least_cap(uncapped: Problem, most: int) -> int:
    """Return the fewest replicas above ``most`` that suffice for every stage, by bisection."""
    caps = sorted({option.replicas for stage in uncapped.options for option in stage} - set(range(most + 1)))
    low, high = 0, len(caps) - 1
    while low < high:
        middle = (low + high) // 2
        if _possible(_with_at_most(uncapped, caps[middle])):
            high = middle
        else:
            low = middle + 1
    return caps[low]


def _with_at_most(problem: Problem, replicas: int) -> Problem:
    kept = (tuple(option for option in stage if option.replicas <= replicas) for stage in problem.options)
    return replace(problem, options=tuple(kept))


def _fewest(options: Sequence[Option]) -> int:
    return min(option.replicas for option in options)


def _has_fixed(source: Source) -> bool:
    """Whether replicas are fixed; where a higher cap is enough for them, that is what is said."""
    fixed = source.restriction.replicas
    if fixed is None or max(fixed) <= source.constraints.max_replicas:
        return fixed is not None
    return not _possible(rebuild(_limit(source, max_replicas=int(REPLICAS.high))))


def _tell_unfit(asked: Problem, free: Source) -> _Told:
    """Name the stages whose fixed replicas are too few or too many, and replicas with which a plan exists."""
    fixed = _source(asked).restriction.replicas or ()
    problem, most = rebuild(free), free.constraints.max_replicas
    plan = cheapest_plan(problem) or ()
    enough = tuple(
        option.replicas if problem.max_cores is not None else min(max(have, option.replicas), most)
        for have, option in zip(fixed, plan, strict=True)
    )
    unfit = [
        f"stage {name} is fixed at {_count(have, 'replica')}"
        + (f" and needs {_fewest(options):,}" if have <= most else f", at most {most:,} are allowed")
        for name, have, options in zip(asked.stages, fixed, problem.options, strict=True)
        if not _fewest(options) <= have <= most
    ]
    listed = ",".join(map(str, enough))
    return _Told(
        ", ".join(unfit) or f"not with {','.join(map(str, fixed))} fixed replicas",
        f"use --replicas {listed}",
        _restrict(free, replicas=enough),
    )


def _tell_unsuitable(asked: Problem, free: Source) -> _Told:
    variants = _source(asked).restriction.variants or ()
    return _Told(
        f"not with the fixed variants {', '.join(variants)}", "use other --variants, or --method ipa", free
    )


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def round_up(seconds: float) -> str:
    """Return seconds in six digits, rounded up, so that an SLA of as much can be kept.

    Examples
    --------
    >>> round_up(0.35), round_up(0.1 + 0.2), round_up(1.23456712)
    ('0.35', '0.3', '1.23457')
    """
    exact = Decimal(f"{seconds:.11g}")
    step = Decimal(1).scaleb(exact.adjusted() - _DIGITS + 1)
    return f"{exact.quantize(step, rounding=ROUND_CEILING).normalize():f}"


_OBSTACLES = (
    _Obstacle(
        lambda source: True,  # noqa: ARG005 (the signature of a test)
        lambda source: _limit(source, max_replicas=int(REPLICAS.high)),
        _tell_least_cap,
    ),
    _Obstacle(
        lambda source: source.constraints.max_cores is not None,
        lambda source: _limit(source, max_cores=None),
        _tell_too_dear,
    ),
    _Obstacle(
        lambda source: True,  # noqa: ARG005 (the signature of a test)
        lambda source: _limit(source, sla_s=NO_LIMIT_S),
        _tell_too_slow,
    ),
    _Obstacle(_has_fixed, lambda source: _restrict(source, replicas=None), _tell_unfit),
    _Obstacle(
        lambda source: source.restriction.variants is not None,
        lambda source: _restrict(source, variants=None),
        _tell_unsuitable,
    ),
)
