"""Random problems at odd corners: sums at the SLA's edge, lengths and weights of all sizes, huge costs."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from ipa.optimizer.answer import pick_options
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.random_problems import KINDS, random_problem
from ipa.pipeline.accuracy import METRICS
from ipa.registry import Registry

Corner = Callable[[Random, Problem], Problem]
CORNERS: Registry[Corner] = Registry("corner")
"""(pseudo-random numbers, ordinary problem) -> the same problem at an odd corner."""


def corner_problem(seed: int, corner: str | None = None, most_stages: int = 4) -> Problem:
    """Draw a small problem at an odd corner, sometimes at two; the same arguments give the same problem.

    Parameters
    ----------
    seed
        Seed of the pseudo-random numbers.
    corner
        Name in ``CORNERS``; drawn if None.
    most_stages
        Most stages.

    Examples
    --------
    >>> problem = corner_problem(0, "huge-costs")
    >>> max(option.cost_cores for stage in problem.options for option in stage) >= 10**6
    True
    """
    random = Random(f"corner {seed} {corner}")
    problem = random_problem(
        seed=random.randrange(10**9),
        stages=random.randint(1, most_stages),
        variants=random.randint(1, 4),
        batches=random.randint(1, 2),
        kind=random.choice(sorted(KINDS)),
        metric=random.choice(sorted(METRICS)),
        tightness=random.choice((None, None, 0.05, 0.5, 1.0)),
    )
    names = [corner or random.choice(sorted(CORNERS))]
    if corner is None and random.random() < 0.3:
        names.append(random.choice(sorted(CORNERS)))
    for name in names:
        problem = CORNERS[name](random, problem)
    return problem


@CORNERS.named("sla-edge")
def sla_edge(random: Random, problem: Problem) -> Problem:
    """Put the SLA within 1e-16 to 1e-8 of the latency of some plan, above or below it."""
    if not all(problem.options):
        return problem
    latency_s = problem.latency_s(pick_options(problem, _any_choice(random, problem)))
    share = random.choice((-1, 1)) * 10 ** random.uniform(-16, -8)
    return replace(problem, sla_s=latency_s * (1 + random.choice((0.0, share, 1e-9 + share * 1e-3))))


@CORNERS.named("old-edge")
def old_edge(random: Random, problem: Problem) -> Problem:
    """Put the SLA 1e-9 s below the latency of some plan, give or take 1e-12 s."""
    if not all(problem.options):
        return problem
    latency_s = problem.latency_s(pick_options(problem, _any_choice(random, problem)))
    return replace(problem, sla_s=latency_s - 1e-9 + random.uniform(-1e-12, 1e-12))


@CORNERS.named("lengths")
def lengths(random: Random, problem: Problem) -> Problem:
    """Stretch all latencies, and the SLA, to between microseconds and days."""
    factor = 10 ** random.uniform(-5, 6)
    stretched = _change(
        problem, lambda o: o._replace(latency_s=o.latency_s * factor, wait_s=o.wait_s * factor)
    )
    return replace(stretched, sla_s=problem.sla_s * factor)


@CORNERS.named("slow-options")
def slow_options(random: Random, problem: Problem) -> Problem:
    """Make some options slower than any plan may be, up to a fortnight."""
    return _change(
        problem,
        lambda o: o._replace(latency_s=10 ** random.uniform(1, 6)) if random.random() < 0.3 else o,
    )


@CORNERS.named("huge-costs")
def huge_costs(random: Random, problem: Problem) -> Problem:
    """Let one option of every stage cost a million to a billion cores."""
    return replace(problem, options=tuple(_with_dear_option(random, stage) for stage in problem.options))


def _with_dear_option(random: Random, stage: tuple[Option, ...]) -> tuple[Option, ...]:
    if not stage:
        return stage
    place, cores = random.randrange(len(stage)), 10 ** random.randint(6, 9) + random.randint(0, 9)
    dear = stage[place]._replace(replicas=1, cores=cores, cost_cores=cores)
    return (*stage[:place], dear, *stage[place + 1 :])


@CORNERS.named("ratios")
def ratios(random: Random, problem: Problem) -> Problem:
    """Weigh accuracy a thousandth to a trillion times as much as a core."""
    weights = replace(problem.objective, alpha=10 ** random.uniform(-9, 12), beta=1.0, delta=None)
    return replace(problem, objective=weights)


@CORNERS.named("scales")
def scales(random: Random, problem: Problem) -> Problem:
    """Multiply all weights by 1e-10 to 1e10."""
    weights, factor = problem.objective, 10 ** random.uniform(-10, 10)
    return replace(
        problem,
        objective=replace(
            weights,
            alpha=weights.alpha * factor,
            beta=weights.beta * factor,
            delta=weights.batch_weight * factor,
        ),
    )


@CORNERS.named("zero-weights")
def zero_weights(random: Random, problem: Problem) -> Problem:
    """Set some of the weights to 0."""
    weights = problem.objective
    alpha, beta, delta = (
        0.0 if random.random() < 0.6 else weight
        for weight in (weights.alpha, weights.beta, weights.batch_weight)
    )
    return replace(problem, objective=replace(weights, alpha=alpha, beta=beta, delta=delta))


@CORNERS.named("negative-waits")
def negative_waits(random: Random, problem: Problem) -> Problem:
    """Let queue terms loosen the SLA, some of them by far more than its length."""
    return _change(
        problem,
        lambda o: o._replace(wait_s=-(10 ** random.uniform(-3, 4))) if random.random() < 0.4 else o,
    )


@CORNERS.named("few-options")
def few_options(random: Random, problem: Problem) -> Problem:
    """Leave a single option in most stages, now and then none."""
    stages = (
        () if random.random() < 0.05 else stage[: random.choice((1, 1, len(stage)))]
        for stage in problem.options
    )
    return replace(problem, options=tuple(stages))


@CORNERS.named("core-limit")
def core_limit(random: Random, problem: Problem) -> Problem:
    """Limit the cores to what some plan takes, one less, or one more."""
    if not all(problem.options):
        return problem
    cores = sum(option.cost_cores for option in pick_options(problem, _any_choice(random, problem)))
    return replace(problem, max_cores=max(1, cores + random.choice((-1, 0, 0, 1))))


def _any_choice(random: Random, problem: Problem) -> tuple[int, ...]:
    return tuple(random.randrange(len(stage)) for stage in problem.options)


def _change(problem: Problem, change: Callable[[Option], Option]) -> Problem:
    return replace(problem, options=tuple(tuple(map(change, stage)) for stage in problem.options))
