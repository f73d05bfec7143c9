"""Decision problems whose options are worth nearly the same, from a few numbers: what searches find hard."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from random import Random
from typing import Any

from ipa.errors import InvalidValueError
from ipa.optimizer.problem import Objective, Option, Problem
from ipa.pipeline.accuracy import METRICS, Combine
from ipa.results.json_files import read_json, write_json

METRIC_NAMES = ("pas", "mean", "rank-sum", "rank-product")

MOST_STAGES, MOST_OPTIONS = 40, 60
"""Largest size: so many stages, and so many options a stage."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What determines a hard problem.

    Parameters
    ----------
    stages, options
        Size.
    metric
        Name of the accuracy metric.
    alpha
        Weight of the accuracy; a core weighs 1.
    slope
        How much better an option is per second that it takes longer: of the accuracy, or of its logarithm.
    noise
        How far options lie off that line, in seconds.
    unit_s
        Latencies are multiples of this, but for ``jitter``; 0 if they are not.
    jitter
        Share of the unit by which latencies differ from its multiples.
    batches
        Batch sizes that options have in turn: 1, 2, 4, ...
    costs
        Most cores of an option.
    paid
        Accuracy, or its logarithm, that a core buys.
    tightness
        Where the SLA lies between the smallest (0) and the largest (1) summed latency.
    seed
        Seed of the pseudo-random numbers.
    """

    stages: int = 11
    options: int = 56
    metric: str = "mean"
    alpha: float = 10.0
    slope: float = 0.8
    noise: float = 1e-4
    unit_s: float = 0.0
    jitter: float = 0.0
    batches: int = 1
    costs: int = 1
    paid: float = 0.0
    tightness: float = 0.4
    seed: int = 0

    def problem(self) -> Problem:
        """Return the problem; the same recipe gives the same problem.

        Examples
        --------
        >>> len(Recipe(stages=3, options=4).problem().options)
        3
        """
        random = Random(f"hard {self.seed} {self.stages} {self.options}")
        options = tuple(self._stage(random) for _ in range(self.stages))
        least = math.fsum(min(option.latency_s for option in stage) for stage in options)
        most = math.fsum(max(option.latency_s for option in stage) for stage in options)
        return Problem(
            stages=tuple(f"stage-{number}" for number in range(1, self.stages + 1)),
            options=options,
            objective=Objective(METRICS[self.metric], alpha=self.alpha, beta=1.0, delta=1e-6),
            rate_rps=20.0,
            sla_s=least + self.tightness * (most - least),
            best_effort=tuple(min(stage, key=lambda option: option.cost_cores) for stage in options),
        )

    def _stage(self, random: Random) -> tuple[Option, ...]:
        return tuple(self._option(random, number) for number in range(self.options))

    def _option(self, random: Random, number: int) -> Option:
        latency_s, cost = random.uniform(0.01, 1.0), random.randint(1, self.costs)
        if self.unit_s:
            jitter_s = self.unit_s * self.jitter * random.random()
            latency_s = max(1, round(latency_s / self.unit_s)) * self.unit_s + jitter_s
        worth = self.slope * (latency_s - 1 + random.uniform(-self.noise, self.noise)) + self.paid * (
            cost - 1
        )
        product = METRICS[self.metric].combine is Combine.PRODUCT
        accuracy = min(1.0, max(1e-3, math.exp(worth) if product else 1 + worth))
        return Option(
            f"variant-{number}",
            2 ** (number % self.batches),
            cost,
            1,
            cost,
            latency_s,
            0.0,
            accuracy,
            score=accuracy,
        )


Draw = Callable[[Recipe, Random], Any]
"""(recipe, random numbers) -> value of one of its numbers."""


def vary(recipe: Recipe, random: Random) -> Recipe:
    """Return the recipe with one or two of its numbers changed."""
    for _ in range(random.randint(1, 2)):
        name = random.choice([field.name for field in fields(Recipe)])
        recipe = replace(recipe, **{name: _draw(name, recipe, random)})
    return recipe


def random_recipe(random: Random) -> Recipe:
    """Return a recipe with all its numbers drawn."""
    recipe = Recipe()
    for field in fields(Recipe):
        recipe = replace(recipe, **{field.name: _draw(field.name, recipe, random)})
    return recipe


def _draw(name: str, recipe: Recipe, random: Random) -> Any:
    """Draw a number of a recipe anew, half of the time near what it is."""
    near, anew = _DRAWS[name]
    return near(recipe, random) if random.random() < 0.5 else anew(recipe, random)


def _within(low: int, value: int, high: int) -> int:
    return min(high, max(low, value))


def _any_of(*values: Any) -> tuple[Draw, Draw]:
    def draw(recipe: Recipe, random: Random) -> Any:  # noqa: ARG001 (the signature of a draw)
        return random.choice(values)

    return draw, draw


_DRAWS: dict[str, tuple[Draw, Draw]] = {
    "stages": (
        lambda recipe, random: _within(2, recipe.stages + random.randint(-2, 2), MOST_STAGES),
        lambda _, random: random.randint(2, MOST_STAGES),
    ),
    "options": (
        lambda recipe, random: _within(2, recipe.options + random.randint(-5, 5), MOST_OPTIONS),
        lambda _, random: random.randint(2, MOST_OPTIONS),
    ),
    "metric": _any_of(*METRIC_NAMES),
    "alpha": (
        lambda recipe, random: recipe.alpha * random.uniform(0.5, 2),
        lambda _, random: 10 ** random.uniform(0, 4),
    ),
    "slope": (
        lambda recipe, random: min(0.9, recipe.slope * random.uniform(0.8, 1.25)),
        lambda _, random: random.uniform(0.05, 0.9),
    ),
    "noise": (
        lambda recipe, random: recipe.noise * random.uniform(0.3, 3),
        lambda _, random: 10 ** random.uniform(-9, -1),
    ),
    "unit_s": _any_of(0.0, 0.0, 0.001, 0.01, 0.05, 0.1),
    "jitter": _any_of(0.0, 1e-6, 1e-4, 1e-2, 0.3),
    "batches": _any_of(1, 1, 2, 5),
    "costs": _any_of(1, 1, 2, 5, 20),
    "paid": (
        lambda recipe, random: recipe.paid * random.uniform(0.8, 1.25),
        lambda _, random: random.choice((0.0, random.uniform(0.0, 0.2))),
    ),
    "tightness": (
        lambda recipe, random: recipe.tightness * random.uniform(0.9, 1.1),
        lambda _, random: random.uniform(0.02, 0.9),
    ),
    "seed": (
        lambda recipe, _: recipe.seed + 1,
        lambda _, random: random.randrange(10**6),
    ),
}
"""How each number of a recipe is drawn: near what it is, and anew."""


def store_recipe(file: Path, recipe: Recipe) -> None:
    """Write a recipe to a file."""
    write_json(file, asdict(recipe))


def read_recipe(file: Path) -> Recipe:
    """Read a recipe that ``store_recipe`` wrote.

    Raises
    ------
    InvalidValueError
        If the file holds something else.
    """
    values = read_json(file)
    try:
        return Recipe(**values)
    except TypeError as error:
        raise InvalidValueError(f"{file} holds no recipe of a problem: {json.dumps(values)[:80]}") from error
