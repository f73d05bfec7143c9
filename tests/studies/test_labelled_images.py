"""What decisions lose that were taken with few labelled images."""

import numpy as np
import pytest

from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.pipeline.accuracy import find_metric
from ipa.pipeline.load import load_pipeline
from ipa.studies import labelled_images
from ipa.studies.pas_truth import Answers


def answers(images: int) -> Answers:
    """Answers of which each is right with a chance of its own."""
    rng = np.random.default_rng(0)
    return Answers(
        rng.random((images, 5)) < np.linspace(0.5, 0.9, 5),
        rng.random((images, 4)) < np.linspace(0.5, 0.9, 4),
        rng.random((images, 5, 4)) < np.outer(np.linspace(0.5, 0.9, 5), np.linspace(0.5, 0.9, 4)),
        ("a", "b", "c", "d", "e"),
        ("w", "x", "y", "z"),
    )


def test_the_cheapest_cores_are_those_that_a_decision_pays() -> None:
    pipeline = load_pipeline("ocr")
    cores = labelled_images.cheapest_cores([20.0, 150.0])
    assert cores.shape == (2, 20)
    measured = pipeline.measured_accuracy
    assert measured is not None
    accuracies = np.array(measured.of_all([[v.name for v in stage.choices] for stage in pipeline.stages]))
    for row, rate_rps in zip(cores, (20.0, 150.0), strict=True):
        for alpha in (10.0, 100.0):
            planner = Planner(pipeline, Objective(find_metric("measured"), alpha), Constraints())
            plan = planner.decide(rate_rps).plan
            best = float((alpha * accuracies - row).max())
            assert alpha * measured.of(plan.variants) - plan.cost_cores == pytest.approx(best, abs=1e-3)


def test_losses_are_never_negative_and_shrink_with_the_images() -> None:
    table = labelled_images.labelling_table(answers(1200), sizes=(20, 1000), repeats=10)
    assert table["images"].tolist() == [20, 1000]
    assert (table[["lost_by_pas_low", "lost_by_measured_low"]] >= 0).all(axis=None)
    assert table["lost_by_pas_cores"][0] > table["lost_by_pas_cores"][1]
    assert table["lost_by_measured_cores"][0] > table["lost_by_measured_cores"][1]
    assert table["measured_better_pct"].between(0, 100).all()
