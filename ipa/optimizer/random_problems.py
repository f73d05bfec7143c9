"""Random decision problems, for tests and benchmarks."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from ipa.errors import InvalidValueError
from ipa.optimizer.problem import Objective, Option, Problem
from ipa.pipeline.accuracy import METRICS, AccuracyMetric, Combine
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.registry import Registry


@dataclass(frozen=True, slots=True)
class Shape:
    """Size and kind of a generated problem.

    Parameters
    ----------
    stages, variants, batches
        Number of stages, of variants per stage, and of batch sizes (1, 2, 4, ...) per variant.
    kind
        Name in ``KINDS``: how latency, accuracy and cost hang together.
    metric
        Name of the accuracy metric.
    tightness
        Where the SLA lies between the smallest (0) and the largest (1) summed latency; below 0 no plan
        keeps it; drawn from 0.002..0.6, most often small, if None.
    """

    stages: int = 3
    variants: int = 4
    batches: int = 3
    kind: str = "profile"
    metric: str = "pas"
    tightness: float | None = None

    def __post_init__(self) -> None:
        if min(self.stages, self.variants, self.batches) < 1:
            raise InvalidValueError("a problem needs at least one stage, one variant and one batch size")


StageMaker = Callable[[Random, Shape], list[Option]]
KINDS: Registry[StageMaker] = Registry("kind of problem")


def random_problem(
    seed: int = 0,
    stages: int = 3,
    variants: int = 4,
    batches: int = 3,
    kind: str = "profile",
    metric: str = "pas",
    tightness: float | None = None,
) -> Problem:
    """Draw a problem; the same arguments give the same problem.

    Parameters
    ----------
    seed
        Seed of the pseudo-random numbers.
    stages, variants, batches
        Number of stages, of variants per stage, and of batch sizes (1, 2, 4, ...) per variant.
    kind
        Name in ``KINDS``: how latency, accuracy and cost hang together.
    metric
        Name of the accuracy metric.
    tightness
        Where the SLA lies between the smallest (0) and the largest (1) summed latency; below 0 no plan
        keeps it; drawn from 0.002..0.6, most often small, if None.

    Examples
    --------
    >>> problem = random_problem(seed=0, stages=2, variants=3, batches=2)
    >>> [len(options) for options in problem.options]
    [6, 6]
    """
    return shaped_problem(seed, Shape(stages, variants, batches, kind, metric, tightness))


def shaped_problem(seed: int, shape: Shape) -> Problem:
    """Draw a problem of a shape."""
    random = Random(f"{seed} {shape}")
    make = KINDS[shape.kind]
    metric = METRICS[shape.metric]
    if shape.kind == "cloned":
        made = [make(random, shape)] * shape.stages
    else:
        made = [make(random, shape) for _ in range(shape.stages)]
    options = tuple(_score(stage, metric) for stage in made)
    return Problem(
        stages=tuple(f"stage-{number}" for number in range(1, shape.stages + 1)),
        options=options,
        objective=_objective(random, options, metric),
        rate_rps=20.0,
        sla_s=_sla_s(random, options, shape.tightness),
        best_effort=tuple(min(stage, key=lambda option: option.cost_cores) for stage in options),
    )


def random_pipeline(seed: int, stages: int, variants: int) -> Pipeline:
    """Draw a pipeline with measured batch sizes 1, 2 and 8; every stage has 1 to ``variants`` variants.

    Examples
    --------
    >>> [stage.name for stage in random_pipeline(seed=0, stages=2, variants=3).stages]
    ['stage-1', 'stage-2']
    """
    random = Random(f"pipeline {seed} {stages} {variants}")
    made = tuple(
        Stage(
            f"stage-{number}",
            tuple(_random_variant(random, index) for index in range(random.randint(1, variants))),
        )
        for number in range(1, stages + 1)
    )
    slowest_s = sum(max(v.profile.at(1).latency_p99_s for v in stage.variants) for stage in made)
    return Pipeline(f"random-{seed}", made, sla_s=round(slowest_s * random.uniform(0.8, 3), 3))


def _random_variant(random: Random, index: int) -> Variant:
    cores, single_s, share = random.choice((1, 1, 2, 4)), random.uniform(0.02, 0.6), random.uniform(0.2, 1)
    points = []
    for batch in (1, 2, 8):
        latency_s = round(single_s * (1 - share + share * batch), random.choice((2, 3, 6)))
        latency_s = max(latency_s, 0.001)
        points.append(ProfilePoint(batch, latency_s, latency_s, batch / latency_s))
    accuracy = random.choice((round(random.uniform(0.2, 1), 2), 0.5, 0.0 if index == 0 else 0.9))
    return Variant(f"variant-{index}", accuracy, cores, (Profile(cores, tuple(points)),))


@KINDS.named("profile")
def profile_options(random: Random, shape: Shape) -> list[Option]:
    """Options like those of measured models: heavier variants are more accurate, slower and dearer."""
    rate_rps = 20.0
    base_s, growth = random.uniform(0.01, 0.08), random.uniform(1.2, 1.7)
    accuracy, options = random.uniform(0.4, 0.7), []
    for variant in range(shape.variants):
        accuracy += (0.98 - accuracy) * random.uniform(0.05, 0.4)
        cores = max(1, round(growth**variant * random.uniform(0.5, 1.5)))
        single_s = base_s * growth**variant * random.uniform(0.8, 1.2)
        share = random.uniform(0.3, 0.9)
        for batch in _batches(shape):
            latency_s = single_s * (1 - share + share * batch)
            replicas = max(1, math.ceil(rate_rps * latency_s / batch / cores))
            options.append(
                _option(variant, batch, latency_s, accuracy, cores, replicas, (batch - 1) / rate_rps)
            )
    return options


@KINDS.named("uncorrelated")
def uncorrelated_options(random: Random, shape: Shape) -> list[Option]:
    """Latency, accuracy and cost drawn independently."""
    return [
        _option(variant, batch, random.uniform(0.01, 1), accuracy, random.randint(1, 8), random.randint(1, 9))
        for variant in range(shape.variants)
        for accuracy in [random.uniform(0.1, 1)]
        for batch in _batches(shape)
    ]


@KINDS.named("ties")
def tied_options(random: Random, shape: Shape) -> list[Option]:
    """Few distinct latencies, accuracies and costs, so that many plans have the same objective."""
    return [
        _option(variant, 1, random.randint(1, 4) / 8, random.choice((0.5, 0.75, 1)), 1, random.randint(1, 3))
        for variant in range(shape.variants)
        for _ in _batches(shape)
    ]


@KINDS.named("cloned")
def cloned_options(random: Random, shape: Shape) -> list[Option]:
    """Realistic options; every stage gets the same ones, so that plans tie in all their permutations."""
    return profile_options(random, shape)


@KINDS.named("strong")
def strongly_correlated_options(random: Random, shape: Shape) -> list[Option]:
    """Accuracy grows with latency along one line (1,000 levels): what blows plain label setting up."""
    latencies_ms = [random.randint(1, 1000) for _ in range(shape.variants * shape.batches)]
    product = METRICS[shape.metric].combine is Combine.PRODUCT
    return [
        _option(
            number,
            1,
            latency_ms / 1000,
            math.exp((latency_ms - 1000) / 2000) if product else (latency_ms + 100) / 1100,
            1,
            1,
        )
        for number, latency_ms in enumerate(latencies_ms)
    ]


@KINDS.named("degenerate")
def degenerate_options(random: Random, shape: Shape) -> list[Option]:
    """Zero accuracies, equal options, negative and zero waits, prohibitive costs."""
    return [
        _option(
            variant,
            batch,
            random.choice((0.0, 0.1, 0.1, 5.0)),
            random.choice((0.0, 0.3, 1.0)),
            random.choice((1, 32)),
            random.choice((1, 1, 100)),
            random.choice((0.0, -0.05, 0.05)),
        )
        for variant in range(shape.variants)
        for batch in _batches(shape)
    ]


def _batches(shape: Shape) -> Iterator[int]:
    return (2**power for power in range(shape.batches))


def _option(
    variant: int,
    batch: int,
    latency_s: float,
    accuracy: float,
    cores: int,
    replicas: int,
    wait_s: float = 0.0,
) -> Option:
    name = f"variant-{variant}"
    return Option(name, batch, replicas, cores, replicas * cores, latency_s, wait_s, accuracy, score=accuracy)


def _score(stage: list[Option], metric: AccuracyMetric) -> tuple[Option, ...]:
    accuracies = {option.variant: option.accuracy for option in stage}
    if len({(option.variant, option.accuracy) for option in stage}) > len(accuracies):
        return tuple(option._replace(score=max(option.accuracy, metric.floor)) for option in stage)
    scores = dict(zip(accuracies, metric.stage_scores(list(accuracies.values())), strict=True))
    return tuple(option._replace(score=scores[option.variant]) for option in stage)


def _objective(random: Random, options: tuple[tuple[Option, ...], ...], metric: AccuracyMetric) -> Objective:
    """Weigh accuracy and cost so that neither decides alone."""
    spread = sum(max(o.cost_cores for o in stage) - min(o.cost_cores for o in stage) for stage in options)
    weight = random.choice((0.3, 1.0, 3.0)) * max(spread, 1) / 4
    if metric.additive and metric.name != "mean":
        weight /= len(options)
    return Objective(metric, alpha=round(weight, 3), beta=random.choice((0.5, 1.0)), delta=1e-6)


def _sla_s(random: Random, options: tuple[tuple[Option, ...], ...], tightness: float | None) -> float:
    least = math.fsum(min(option.total_s for option in stage) for stage in options)
    most = math.fsum(max(option.total_s for option in stage) for stage in options)
    drawn = 10 ** random.uniform(-2.7, -0.2)
    return least + (drawn if tightness is None else tightness) * (most - least)


ALPHA = 10.0


def scaled_pipeline(pipeline: Pipeline, stages: int, variants: int) -> Pipeline:
    """Return a pipeline of any size by cloning, as the paper does it.

    Parameters
    ----------
    pipeline
        Its first stage is cloned.
    stages
        Number of stages.
    variants
        Number of variants per stage: the lightest ones; beyond those there are, clones of the heaviest.

    Returns
    -------
    Pipeline
        With an SLA of as many times that of the first stage.

    Raises
    ------
    InvalidValueError
        If a number is below 1.

    Notes
    -----
    Source: paper, section 5.3 and figure 13.

    Examples
    --------
    >>> from ipa.pipeline.load import load_pipeline
    >>> large = scaled_pipeline(load_pipeline("video"), stages=2, variants=7)
    >>> [variant.name for variant in large.stages[1].variants][-3:]
    ['yolov5x', 'yolov5x-clone-1', 'yolov5x-clone-2']
    """
    if stages < 1 or variants < 1:
        raise InvalidValueError(f"there has to be a stage and a variant, not {stages} and {variants}")
    first = pipeline.stages[0]
    known = sorted(first.choices, key=lambda variant: variant.accuracy)
    clones = (
        replace(known[-1], name=f"{known[-1].name}-clone-{number}")
        for number in range(1, variants - len(known) + 1)
    )
    chosen = (*known[:variants], *clones)
    stage_sla_s = first.sla_s or pipeline.sla_s / len(pipeline.stages)
    return Pipeline(
        f"{pipeline.name}-{stages}x{variants}",
        tuple(replace(first, name=f"stage-{n}", variants=chosen) for n in range(1, stages + 1)),
        sla_s=stage_sla_s * stages,
    )
