"""What it costs to decide by PAS where the accuracy of whole pipelines is what counts.

The pipeline file holds accuracies of one set of images; what a decision is worth is measured on another, so
that nobody profits from the luck of the set it was decided on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ipa.optimizer.decision import Status
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.pipeline.accuracy import find_metric
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.measured_accuracy import Combination, MeasuredAccuracy
from ipa.pipeline.pipeline import Pipeline
from ipa.studies.ocr_accuracy import PIPELINE
from ipa.studies.pas_truth import Answers
from ipa.studies.tradeoffs import plan_line

RATES_RPS = (5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 120.0, 150.0, 200.0, 250.0, 300.0)
ALPHAS = (5.0, 10.0, 20.0, 30.0, 50.0, 70.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0)
"""Weights of the accuracy; a core weighs 1."""

PAS, MEASURED, TRUTH = "pas", "measured", "truth"


def measured_accuracy(answers: Answers) -> MeasuredAccuracy:
    """Return the measured accuracies as a pipeline holds them."""
    return MeasuredAccuracy(
        tuple(
            Combination((answers.detectors[d], answers.recognisers[r]), float(answers.truth[d, r]))
            for d, r in np.ndindex(answers.truth.shape)
        )
    )


def decision_table(
    test: Answers, rates_rps: Iterable[float] = RATES_RPS, alphas: Sequence[float] = ALPHAS
) -> pd.DataFrame:
    """Decide by PAS, by the measured accuracies of the pipeline file, and by those of the test set itself.

    Parameters
    ----------
    test
        What the combinations get right on the images that decisions are judged on.
    rates_rps, alphas
        Arrival rates, and weights of the accuracy, each with each.

    Returns
    -------
    pandas.DataFrame
        One row per rate, weight and ``decided_by`` (``pas``, ``measured``, ``truth``: the best there is):
        ``combination``, ``plan``, ``cost_cores``, ``expected`` (accuracy under the metric decided by),
        ``accuracy`` (on the test set) and ``value`` (alpha · accuracy - cost). Rates that nothing carries
        within the SLA are left out.
    """
    pipeline, truth = load_pipeline(PIPELINE), measured_accuracy(test)
    rows = []
    for rate_rps in rates_rps:
        for alpha in alphas:
            for name, planner in _planners(pipeline, truth, alpha).items():
                decision = planner.decide(rate_rps)
                if decision.status is Status.INFEASIBLE:
                    continue
                plan, metric = decision.plan, planner.objective.metric
                accuracy, cost_cores = truth.of(plan.variants), plan.cost_cores
                rows.append(
                    {
                        "rate_rps": rate_rps,
                        "alpha": alpha,
                        "decided_by": name,
                        "combination": " + ".join(plan.variants),
                        "plan": plan_line(plan),
                        "cost_cores": cost_cores,
                        "expected": plan.accuracy(planner.pipeline, metric),
                        "accuracy": accuracy,
                        "value": alpha * accuracy - cost_cores,
                    }
                )
    return pd.DataFrame(rows)


def _planners(pipeline: Pipeline, truth: MeasuredAccuracy, alpha: float) -> dict[str, Planner]:
    by_truth = replace(pipeline, measured_accuracy=truth)
    chosen = ((PAS, pipeline, "pas"), (MEASURED, pipeline, "measured"), (TRUTH, by_truth, "measured"))
    return {
        name: Planner(of, Objective(find_metric(metric), alpha), Constraints()) for name, of, metric in chosen
    }


def loss_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Return what decisions by PAS lose, per weight of the accuracy and over all.

    Parameters
    ----------
    decisions
        Rows of :func:`decision_table`.

    Returns
    -------
    pandas.DataFrame
        Per ``alpha`` (the last row: all): decisions; in how many percent PAS and measured accuracies choose
        the same combination; mean accuracy on the test set and mean cost of both; and how much of the value
        of the best decision each loses, in cores that would make up for it.
    """
    wide = decisions.pivot_table(
        index=["rate_rps", "alpha"],
        columns="decided_by",
        values=["combination", "accuracy", "cost_cores", "value"],
        aggfunc="first",
    )
    groups = [(f"{alpha:g}", rows) for alpha, rows in wide.groupby(level="alpha")]
    return pd.DataFrame([_loss(name, rows) for name, rows in [*groups, ("all", wide)]])


def _loss(name: str, rows: pd.DataFrame) -> dict[str, object]:
    same = rows["combination", PAS] == rows["combination", MEASURED]

    def mean(what: str, by: str) -> float:
        return float(rows[what, by].mean())

    return {
        "alpha": name,
        "decisions": len(rows),
        "same_pct": 100 * float(same.mean()),
        "accuracy_by_pas": mean("accuracy", PAS),
        "accuracy_by_measured": mean("accuracy", MEASURED),
        "cores_by_pas": mean("cost_cores", PAS),
        "cores_by_measured": mean("cost_cores", MEASURED),
        "lost_by_pas_cores": mean("value", TRUTH) - mean("value", PAS),
        "lost_by_measured_cores": mean("value", TRUTH) - mean("value", MEASURED),
    }


def changed_decisions(decisions: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions in which PAS and measured accuracies choose different combinations.

    Returns
    -------
    pandas.DataFrame
        Per rate and weight what each chooses, the accuracies on the test set, and the costs.
    """
    keys = ["rate_rps", "alpha"]
    sides = [decisions[decisions["decided_by"] == name].set_index(keys) for name in (PAS, MEASURED)]
    both = sides[0].join(sides[1], lsuffix="_by_pas", rsuffix="_by_measured")
    changed = both[both["combination_by_pas"] != both["combination_by_measured"]]
    columns = ["combination", "accuracy", "cost_cores"]
    return changed[[f"{what}_by_{by}" for what in columns for by in (PAS, MEASURED)]].reset_index()
