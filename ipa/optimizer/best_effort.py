"""What to run when no plan keeps all limits: as fast as can be, else as much as can be carried."""

from collections.abc import Sequence
from dataclasses import replace

from ipa.optimizer.answer import fastest, impossible, pick_options
from ipa.optimizer.build import StageChoices, rebuild, stage_choices
from ipa.optimizer.problem import Objective, Option, Problem, Source
from ipa.optimizer.solvers.exact import solve_exact
from ipa.optimizer.tolerance import SLA_SHARE
from ipa.pipeline.accuracy import METRICS

LEAST_SHARE = 1e-9
"""Share of the arrival rate for which one replica of everything is enough."""

BEST_EFFORT_DEADLINE_S = 0.2
"""Longest time to look for the cheapest plan."""

_STEPS = 40
_CHEAPEST = Objective(METRICS["mean"], alpha=0.0, beta=1.0, delta=0.0)


def best_effort(problem: Problem) -> Sequence[Option]:
    """Return one option per stage for a problem that no plan solves.

    If some plan carries the rate within the limit of cores, the fastest such plan, of those the cheapest.
    Else the one with the largest throughput: without a limit of cores each stage carries the rate as cheaply
    as it can, or has its largest throughput; with one, all stages carry the largest share of the rate that
    fits. Never more replicas than allowed, nor more cores unless one replica a stage is too much.

    Parameters
    ----------
    problem
        What there is to choose from.

    Returns
    -------
    sequence of Option
        Nothing if a stage has no options at all and the problem does not say what it was built from.
    """
    if problem.best_effort:
        return problem.best_effort
    fast = fastest_within_cores(problem)
    if fast is not None:
        return fast
    if problem.source is None:
        return [min(stage, key=_cheapest) for stage in problem.options] if all(problem.options) else ()
    capped = _fixed_within_cap(problem.source)
    return best_effort(rebuild(capped)) if capped != problem.source else _largest_throughput(problem.source)


def _fixed_within_cap(source: Source) -> Source:
    """Return the same with no more fixed replicas than are allowed."""
    fixed, most = source.restriction.replicas, source.constraints.max_replicas
    if fixed is None:
        return source
    capped = tuple(min(replicas, most) for replicas in fixed)
    return replace(source, restriction=replace(source.restriction, replicas=capped))


def fastest_within_cores(problem: Problem) -> Sequence[Option] | None:
    """Return the fastest plan within the limit of cores, whatever the SLA; None if there is none.

    Where the fastest plan of all is too dear, the SLA is halved between one at which the cheapest plan is too
    dear and one at which it is not.
    """
    if not all(problem.options):
        return None
    choice = pick_options(problem, fastest(problem))
    if problem.fits_cores(choice):
        return choice
    best = [min(stage, key=_cheapest) for stage in problem.options]
    if not problem.fits_cores(best):
        return None
    too_fast_s = problem.latency_s(choice)
    for _ in range(_STEPS):
        middle_s = (too_fast_s + problem.latency_s(best)) / 2
        found = cheapest_plan(replace(problem, sla_s=middle_s))
        if found is not None and problem.fits_cores(found):
            best = list(found)
        else:
            too_fast_s = middle_s
        if problem.latency_s(best) <= too_fast_s + SLA_SHARE * abs(too_fast_s):
            break
    return best


def cheapest_plan(problem: Problem) -> Sequence[Option] | None:
    """Return the cheapest plan within the SLA, whatever the limit of cores; None if there is none."""
    unlimited = replace(problem, objective=_CHEAPEST, max_cores=None)
    if impossible(unlimited):
        return None
    choice = solve_exact(unlimited, BEST_EFFORT_DEADLINE_S).choice
    return None if choice is None else pick_options(problem, choice)


def _largest_throughput(source: Source) -> Sequence[Option]:
    if source.constraints.max_cores is None:
        return [_carrying_or_largest(stage) for stage in stage_choices(source)]
    best = _carrying_share(source, LEAST_SHARE)
    if best is None:
        return [_carrying_or_largest(stage) for stage in stage_choices(_share_of(source, LEAST_SHARE))]
    carried, missed = LEAST_SHARE, 1.0
    for _ in range(_STEPS):
        share = (carried + missed) / 2
        found = _carrying_share(source, share)
        if found is None:
            missed = share
        else:
            carried, best = share, found
    return best


def _carrying_share(source: Source, share: float) -> Sequence[Option] | None:
    """Return the cheapest options that carry a share of the rate; None if they exceed the limits."""
    stages = [stage.carrying() for stage in stage_choices(_share_of(source, share))]
    if not all(stages):
        return None
    cheapest = [min(options, key=_cheapest) for options in stages]
    most = source.constraints.max_cores
    return cheapest if most is None or sum(o.cost_cores for o in cheapest) <= most else None


def _share_of(source: Source, share: float) -> Source:
    return replace(source, rate_rps=source.rate_rps * share)


def _carrying_or_largest(stage: StageChoices) -> Option:
    carrying = stage.carrying() or stage.carrying(unfilled=True)
    return min(carrying, key=_cheapest) if carrying else stage.largest()


def _cheapest(option: Option) -> tuple[int, float, float]:
    return option.cost_cores, option.total_s, -option.accuracy
