"""Small problems and pipelines, and strategies that draw them."""

import itertools
from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from ipa.optimizer.problem import Objective, Option, Problem
from ipa.optimizer.random_problems import KINDS, random_problem
from ipa.pipeline.accuracy import MEASURED, METRICS
from ipa.pipeline.measured_accuracy import Combination, MeasuredAccuracy
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.profiles import Profile, ProfilePoint

LIGHT = ("light", 0.5, 1, {1: (0.1, 10.0), 8: (0.4, 20.0)})
HEAVY = ("heavy", 0.8, 2, {1: (0.3, 4.0), 8: (1.6, 5.0)})


def variant(name: str, accuracy: float, cores: int, points: dict[int, tuple[float, float]]) -> Variant:
    measured = tuple(
        ProfilePoint(batch, latency_s, latency_s, throughput_rps)
        for batch, (latency_s, throughput_rps) in points.items()
    )
    return Variant(name, accuracy, cores, (Profile(cores, measured),))


def pipeline(stages: int = 2, sla_s: float = 5.0) -> Pipeline:
    variants = (variant(*LIGHT), variant(*HEAVY))
    return Pipeline("toy", tuple(Stage(f"stage-{n}", variants) for n in range(1, stages + 1)), sla_s)


def option(
    latency_s: float = 0.1, cost: int = 1, accuracy: float = 0.5, batch: int = 1, wait_s: float = 0.0
) -> Option:
    return Option("v", batch, cost, 1, cost, latency_s, wait_s, accuracy, score=accuracy)


def problem(
    *stages: list[Option],
    sla_s: float = 1.0,
    metric: str = "pas",
    max_cores: int | None = None,
    **weights: float,
) -> Problem:
    return Problem(
        stages=tuple(f"stage-{number}" for number in range(len(stages))),
        options=tuple(tuple(stage) for stage in stages),
        objective=Objective(METRICS[metric], **weights),
        rate_rps=1.0,
        sla_s=sla_s,
        best_effort=tuple(stage[0] if stage else option() for stage in stages),
        max_cores=max_cores,
    )


def two_stages(**changes: float) -> Problem:
    fast, accurate = option(0.1, cost=1, accuracy=0.5), option(0.6, cost=2, accuracy=0.9)
    return problem([fast, accurate], [fast, accurate], alpha=10.0, **changes)


def random_problems(**fixed: object) -> st.SearchStrategy[Problem]:
    """Problems of up to 3 stages with up to 12 options each, impossible and idle SLAs included."""
    drawn = {
        "seed": st.integers(0, 10**6),
        "stages": st.integers(1, 3),
        "variants": st.integers(1, 4),
        "batches": st.integers(1, 3),
        "kind": st.sampled_from(sorted(KINDS)),
        "metric": st.sampled_from(sorted(METRICS)),
        "tightness": st.one_of(st.none(), st.sampled_from([-0.1, 0.0, 0.05, 1.0, 1.2])),
    }
    return st.builds(random_problem, **drawn | {name: st.just(value) for name, value in fixed.items()})


def with_measured_accuracy(asked: Problem, seed: int, levels: int | None = None) -> Problem:
    """The same problem by measured accuracies, drawn from a few levels so that they tie, or all different."""
    random = Random(seed)
    names = [dict.fromkeys(chosen.variant for chosen in stage) for stage in asked.options]
    drawn = (random.randrange(levels) / levels if levels else random.random() for _ in itertools.count())
    rows = (Combination(*row) for row in zip(itertools.product(*names), drawn, strict=False))
    metric = replace(MEASURED, table=MeasuredAccuracy(tuple(rows)))
    return replace(asked, objective=replace(asked.objective, metric=metric))


def measured_problems(**fixed: object) -> st.SearchStrategy[Problem]:
    """Problems by measured accuracy, of many ties, with all weights and with and without a limit of cores."""
    return st.builds(
        _measured,
        random_problems(**fixed),
        st.integers(0, 10**6),
        st.sampled_from([None, 1, 2, 3]),
        st.sampled_from(
            [(0.0, 1.0), (1.0, 0.0), (1e9, 1.0), (1e-9, 1.0), (5.0, 1.0), (30.0, 0.5), (0.0, 0.0)]
        ),
        st.sampled_from([None, 0.0, 1e-12, 1e-6, 1.0]),
        st.sampled_from([None, 3, 6, 10, 1000]),
    )


def _measured(
    asked: Problem,
    seed: int,
    levels: int | None,
    weights: tuple[float, float],
    delta: float | None,
    max_cores: int | None,
) -> Problem:
    drawn = with_measured_accuracy(asked, seed, levels)
    objective = Objective(drawn.objective.metric, *weights, delta)
    return replace(drawn, objective=objective, max_cores=max_cores)
