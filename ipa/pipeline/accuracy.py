"""Pipeline accuracy metrics: how the accuracies of the chosen variants combine into one number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.measured_accuracy import MeasuredAccuracy
from ipa.pipeline.pipeline import Pipeline
from ipa.registry import Registry


class Combine(StrEnum):
    """How the scores of the stages combine; ``table``: they do not, each combination was measured."""

    PRODUCT = "product"
    SUM = "sum"
    MEAN = "mean"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class AccuracyMetric:
    """A score per variant and a rule that combines the scores of the stages, or a table of combinations.

    Parameters
    ----------
    name
        Name in the registry, for example ``pas``.
    combine
        Product, sum or mean over stages, or a table.
    ranked
        Score a variant by its rank k/(n-1) among the n variants of its stage (1 if it is alone)
        instead of by its accuracy.
    floor
        Smallest score; keeps one lightest variant from zeroing a product.
    table
        Accuracy of every combination of variants, once the metric is bound to a pipeline; None elsewhere.
    """

    name: str
    combine: Combine
    ranked: bool = False
    floor: float = 0.0
    table: MeasuredAccuracy | None = field(default=None, repr=False)

    @property
    def additive(self) -> bool:
        """Whether the metric is a weighted sum over stages."""
        return self.combine in (Combine.SUM, Combine.MEAN)

    @property
    def tabular(self) -> bool:
        """Whether the accuracies were measured for whole combinations of variants."""
        return self.combine is Combine.TABLE

    def bind(self, pipeline: Pipeline) -> "AccuracyMetric":
        """Return the metric with the table that the pipeline carries, if it needs one.

        Raises
        ------
        InvalidValueError
            If it needs one and the pipeline has none.
        """
        if not self.tabular:
            return self
        if pipeline.measured_accuracy is None:
            raise InvalidValueError(
                f"pipeline {pipeline.name} has no measured accuracies, which the metric {self.name} takes;"
                f" add the key measured_accuracy to its file, or use another metric: {', '.join(METRICS)}"
            )
        return replace(self, table=pipeline.measured_accuracy)

    def stage_scores(self, accuracies: Sequence[float]) -> tuple[float, ...]:
        """Score every variant of one stage.

        Parameters
        ----------
        accuracies
            Accuracy in 0..1 of each variant of the stage.

        Returns
        -------
        tuple of float
            One score per variant, in the order given.

        Examples
        --------
        >>> METRICS["rank-sum"].stage_scores([0.457, 0.641, 0.568])
        (0.0, 1.0, 0.5)
        """
        scores = rank_normalised(accuracies) if self.ranked else tuple(accuracies)
        return tuple(max(score, self.floor) for score in scores)

    def total(self, scores: Sequence[float]) -> float:
        """Combine one score per stage into the accuracy of the pipeline.

        Raises
        ------
        InvalidValueError
            If accuracies are measured for whole combinations.
        """
        if self.tabular:
            raise InvalidValueError(
                f"the metric {self.name} goes by the variants of all stages, not by scores"
            )
        if self.combine is Combine.PRODUCT:
            return math.prod(scores)
        return math.fsum(scores) / (len(scores) if self.combine is Combine.MEAN else 1)

    def accuracy(self, variants: Sequence[str], scores: Sequence[float]) -> float:
        """Return the accuracy of the pipeline with one variant per stage, whose scores are given too."""
        return self.total(scores) if self.table is None else self.table.of(variants)

    def with_floor(self, floor: float) -> "AccuracyMetric":
        """Return the same metric with another smallest score."""
        if not 0 <= floor <= 1:
            raise InvalidValueError(f"the accuracy floor must lie in 0..1, not {floor}")
        return replace(self, floor=floor)


def rank_normalised(accuracies: Sequence[float]) -> tuple[float, ...]:
    """Rank accuracies from 0 (lowest) to 1 (highest) in equal steps; equal accuracies share the lower rank.

    Source: rank-normalised accuracy of the first submission of the paper.
    """
    if len(accuracies) == 1:
        return (1.0,)
    ordered = sorted(accuracies)
    return tuple(ordered.index(accuracy) / (len(accuracies) - 1) for accuracy in accuracies)


METRICS: Registry[AccuracyMetric] = Registry("accuracy metric")
for _metric in (
    AccuracyMetric("pas", Combine.PRODUCT),
    AccuracyMetric("rank-sum", Combine.SUM, ranked=True),
    # The floor of the published runs (data/paper/README.md, trap 3).
    AccuracyMetric("rank-product", Combine.PRODUCT, ranked=True, floor=0.05),
    AccuracyMetric("mean", Combine.MEAN),
):
    METRICS.register(_metric.name, _metric)

MEASURED = AccuracyMetric("measured", Combine.TABLE)
"""The accuracies that the pipeline file states for every combination of variants.

Not one of ``METRICS``, which take any pipeline.
"""


def find_metric(name: str) -> AccuracyMetric:
    """Return a metric by name, ``measured`` included."""
    if name == MEASURED.name:
        return MEASURED
    if name not in METRICS:
        raise UnknownNameError("accuracy metric", name, [*METRICS, MEASURED.name])
    return METRICS[name]
