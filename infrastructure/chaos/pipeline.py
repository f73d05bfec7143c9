"""The pipeline that is broken: two emulated stages, and the plans that it is led through."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeVar

import numpy as np

from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.profiles import Profile, ProfilePoint

SERVICE_S = {"small": 0.008, "medium": 0.015, "large": 0.03}
"""Mean service time of a single request, by variant."""

ACCURACIES = {"small": 0.5, "medium": 0.7, "large": 0.9}

GROWTH = {1: 1.0, 2: 1.25, 3: 1.45}
"""How many times as long a batch takes as a single request; one of four takes two shards too long to fill."""

T = TypeVar("T")

STAGES = ("first", "second")

SLA_S = 0.25


def chaos_pipeline(name: str = "chaos") -> Pipeline:
    """Return two stages with three variants each, fast enough for an SLA of a quarter of a second."""
    variants = tuple(
        Variant(variant, ACCURACIES[variant], 1, (Profile(1, _points(mean_s)),), start_up_s=0.0)
        for variant, mean_s in SERVICE_S.items()
    )
    return Pipeline(name, tuple(Stage(stage, variants) for stage in STAGES), sla_s=SLA_S)


def _points(mean_s: float) -> tuple[ProfilePoint, ...]:
    return tuple(
        ProfilePoint(batch, mean_s * growth, mean_s * growth, batch / (mean_s * growth))
        for batch, growth in GROWTH.items()
    )


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a plan may be, which leaves but one: replicas follow from the load.

    Parameters
    ----------
    variants
        Of each stage.
    batch
        Of all stages.
    """

    variants: tuple[str, ...]
    batch: int

    def limits(self) -> dict[str, Any]:
        """Return it as ``spec.limits`` of the pipeline's object says it."""
        chosen = {stage: [variant] for stage, variant in zip(STAGES, self.variants, strict=True)}
        return {"variants": chosen, "batchSizes": [self.batch]}


FIRST = Allowed(("small", "small"), 1)

ALL = tuple(
    Allowed(variants, batch) for variants in product(SERVICE_S, repeat=len(STAGES)) for batch in GROWTH
)


def walk(seed: int, count: int) -> tuple[Allowed, ...]:
    """Return what is allowed one after the other, after ``FIRST``; each differs from the one before."""
    rng, found = np.random.default_rng([seed, 1]), [FIRST]
    for _ in range(count):
        found.append(next_allowed(found[-1], rng))
    return tuple(found[1:])


def next_allowed(now: Allowed, rng: np.random.Generator) -> Allowed:
    """Return what differs in the variant of one stage, or in the batch size."""
    kind = int(rng.integers(len(STAGES) + 1))
    if kind == len(STAGES):
        return replace(now, batch=_other(tuple(GROWTH), now.batch, rng))
    variants = list(now.variants)
    variants[kind] = _other(tuple(SERVICE_S), variants[kind], rng)
    return replace(now, variants=tuple(variants))


def _other(choices: tuple[T, ...], now: T, rng: np.random.Generator) -> T:
    left = [choice for choice in choices if choice != now]
    return left[int(rng.integers(len(left)))]
