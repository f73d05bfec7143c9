"""How many labelled images it takes until measuring whole pipelines decides better than PAS.

PAS is biased, but every image tells of all variants of a stage at once, so it is sure early; a table of
measured accuracies has no bias, but a number of its own for every combination. With few images luck decides.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from ipa.arrays import Floats
from ipa.optimizer.decision import Status
from ipa.optimizer.methods import MethodSettings
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.pipeline.load import load_pipeline
from ipa.studies.ocr_accuracy import PIPELINE
from ipa.studies.pas_decisions import ALPHAS, RATES_RPS
from ipa.studies.pas_truth import Answers

SIZES = (25, 50, 100, 200, 400, 800)
REPEATS = 100
LEVEL_PCT = (5, 95)


def cheapest_cores(rates_rps: Sequence[float] = RATES_RPS) -> Floats:
    """Return the fewest cores with which each combination carries each rate within the SLA.

    Returns
    -------
    numpy.ndarray
        Shape (rates, combinations), the last stage's variants varying fastest; infinity where nothing does.
    """
    pipeline = load_pipeline(PIPELINE)
    first, second = ([variant.name for variant in stage.choices] for stage in pipeline.stages)
    found = []
    for variants in product(first, second):
        fixed = MethodSettings(variants=variants)
        planner = Planner(pipeline, Objective(alpha=0.0), Constraints(), "fa2-low", fixed)
        decided = [planner.decide(rate_rps) for rate_rps in rates_rps]
        found.append([np.inf if d.status is Status.INFEASIBLE else d.plan.cost_cores for d in decided])
    return np.asarray(found, np.float64).T


def labelling_table(
    answers: Answers, sizes: Sequence[int] = SIZES, repeats: int = REPEATS, seed: int = 0
) -> pd.DataFrame:
    """Return what decisions lose that were taken with the accuracies of so many images.

    Every repeat draws its images at random and judges on all others. Both ways to decide get the same images,
    every rate with every weight of ``ipa.studies.pas_decisions``, and for each combination the fewest cores
    that carry the rate.

    Parameters
    ----------
    answers
        What the combinations get right on all images that there are.
    sizes
        Numbers of images to decide by.
    repeats
        Draws per size.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        Per number of ``images`` what is lost against the best decision, in cores that would make up for it:
        by PAS and by measured accuracies (``lost_by_pas_cores``, ``lost_by_measured_cores``: means; with
        ``_low`` and ``_high`` the 5th and 95th percentile of the draws), and in how many percent of the
        draws measuring loses less.
    """
    rng, cores = np.random.default_rng(seed), cheapest_cores()
    rows = []
    for size in sizes:
        lost = np.array([_lost_once(answers, size, cores, rng) for _ in range(repeats)])
        low, high = np.percentile(lost, LEVEL_PCT, axis=0)
        row: dict[str, float] = {"images": size}
        for place, name in enumerate(("pas", "measured")):
            row[f"lost_by_{name}_cores"] = lost[:, place].mean()
            row[f"lost_by_{name}_low"], row[f"lost_by_{name}_high"] = low[place], high[place]
        rows.append(row | {"measured_better_pct": 100 * float((lost[:, 1] < lost[:, 0]).mean())})
    return pd.DataFrame(rows)


def _lost_once(answers: Answers, size: int, cores: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return what PAS and measured accuracies of some images lose on the others."""
    order = rng.permutation(answers.images)
    known, others = answers.only(order[:size]), answers.only(order[size:])
    truth = others.truth.ravel()
    return _lost(known.pas.ravel(), truth, cores), _lost(known.truth.ravel(), truth, cores)


def _lost(believed: Floats, truth: Floats, cores: Floats) -> float:
    """Return how much less a decision by what is believed is worth than the best one, mean over all."""
    weights = np.array(ALPHAS)[:, None, None]
    value = weights * truth - cores
    chosen = (weights * believed - cores).argmax(axis=2)
    worth = np.take_along_axis(value, chosen[..., None], axis=2)[..., 0]
    return float((value.max(axis=2) - worth).mean())
