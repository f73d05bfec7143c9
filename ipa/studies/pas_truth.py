"""Is PAS right? The product of the stages' accuracies beside what whole pipelines were measured to get right.

PAS takes it that stages err independently, and that a pipeline is right exactly where all its stages are.
Both can be looked at here, because it is known of every image what each variant and each combination got
right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ipa.arrays import Floats
from ipa.errors import ResultsError
from ipa.results.intervals import wilson_interval
from ipa.studies.ocr_accuracy import combination_column, detection_column, recognition_column

ENOUGH_OVERLAP = 0.5
"""Intersection over union from which on a detection counts as right."""
RESAMPLES = 2000
LEVEL = 0.95

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Answers:
    """What every variant and every combination got right, image by image.

    Parameters
    ----------
    detection
        Whether each detector found the text; shape (images, detectors).
    recognition
        Whether each recogniser read the true rectangle; shape (images, recognisers).
    together
        Whether each combination answered right; shape (images, detectors, recognisers).
    detectors, recognisers
        Names of the variants.
    seed
        Of the bootstrap samples.
    """

    detection: Bits
    recognition: Bits
    together: Bits
    detectors: tuple[str, ...]
    recognisers: tuple[str, ...]
    seed: int = 0

    @classmethod
    def of(cls, items: pd.DataFrame, enough_overlap: float = ENOUGH_OVERLAP, seed: int = 0) -> "Answers":
        """Return the answers of a table of ``ipa.studies.ocr_accuracy.measure_items``."""
        detectors = _names(items, detection_column(""))
        recognisers = _names(items, recognition_column(""))
        found = items[[detection_column(name) for name in detectors]].to_numpy() >= enough_overlap
        reads = items[[recognition_column(name) for name in recognisers]].to_numpy() > 0
        columns = [combination_column(d, r) for d in detectors for r in recognisers]
        if lacking := [column for column in columns if column not in items]:
            raise ResultsError(f"the measured answers lack the column {lacking[0]!r}; measure them again")
        together = items[columns].to_numpy() > 0
        shape = (len(items), len(detectors), len(recognisers))
        return cls(found, reads, together.reshape(shape), detectors, recognisers, seed)

    def only(self, images: NDArray[np.int64]) -> "Answers":
        """Return the answers to some of the images."""
        return replace(
            self,
            detection=self.detection[images],
            recognition=self.recognition[images],
            together=self.together[images],
        )

    @cached_property
    def truth(self) -> Floats:
        """Measured accuracy of every combination; shape (detectors, recognisers)."""
        return np.asarray(self.together.mean(axis=0), np.float64)

    @cached_property
    def pas(self) -> Floats:
        """Product of the accuracies of the stages; shape (detectors, recognisers)."""
        return np.outer(self.detection.mean(axis=0), self.recognition.mean(axis=0))

    @cached_property
    def both(self) -> Floats:
        """Share of the images that both stages, each on its own, get right; shape as ``truth``."""
        together = self.detection.astype(np.float64).T @ self.recognition
        return np.asarray(together / self.images, np.float64)

    @property
    def images(self) -> int:
        """How many images were measured."""
        return len(self.detection)

    @cached_property
    def resampled(self) -> tuple[Floats, Floats]:
        """PAS and measured accuracy on bootstrap samples of the images; shape (samples, combinations).

        The same images are drawn for both, and for all combinations, so that differences are paired.
        """
        rng = np.random.default_rng(self.seed)
        drawn = rng.multinomial(self.images, np.full(self.images, 1 / self.images), RESAMPLES) / self.images
        found, reads = drawn @ self.detection, drawn @ self.recognition
        pas = np.einsum("sd,sr->sdr", found, reads).reshape(RESAMPLES, -1)
        return pas, drawn @ self.together.reshape(self.images, -1)


def stage_table(answers: Answers) -> pd.DataFrame:
    """Return the accuracy of every variant on its own, with its Wilson interval.

    Returns
    -------
    pandas.DataFrame
        Columns ``stage``, ``variant``, ``accuracy``, ``low``, ``high``.
    """
    rows = []
    for stage, names, bits in (
        ("text-detection", answers.detectors, answers.detection),
        ("text-recognition", answers.recognisers, answers.recognition),
    ):
        for name, right in zip(names, bits.T, strict=True):
            low, high = wilson_interval(int(right.sum()), len(right), LEVEL)
            rows.append((stage, name, right.mean(), low, high))
    return pd.DataFrame(rows, columns=["stage", "variant", "accuracy", "low", "high"])


def combination_table(answers: Answers) -> pd.DataFrame:
    """Return PAS and measured accuracy of every combination, and where their difference comes from.

    Returns
    -------
    pandas.DataFrame
        Columns ``detector``, ``recogniser``, ``pas``, ``measured`` with its Wilson interval (``low``,
        ``high``), ``difference`` (measured - PAS) with a bootstrap interval over the images
        (``difference_low``, ``difference_high``), and its two parts: ``dependence`` (how much more often both
        stages are right than if they erred independently) and ``rescue`` (how much more often the pipeline is
        right than both of its stages).
    """
    pas, measured = answers.resampled
    low, high = _percentiles(measured - pas)
    rows = []
    for place, (d, r) in enumerate(np.ndindex(answers.truth.shape)):
        share = answers.truth[d, r]
        wilson = wilson_interval(round(float(share) * answers.images), answers.images, LEVEL)
        rows.append(
            {
                "detector": answers.detectors[d],
                "recogniser": answers.recognisers[r],
                "pas": answers.pas[d, r],
                "measured": share,
                "low": wilson[0],
                "high": wilson[1],
                "difference": share - answers.pas[d, r],
                "difference_low": low[place],
                "difference_high": high[place],
                "dependence": answers.both[d, r] - answers.pas[d, r],
                "rescue": share - answers.both[d, r],
            }
        )
    return pd.DataFrame(rows)


def rank_agreement(answers: Answers) -> pd.DataFrame:
    """Return how well PAS orders the combinations, and whether it finds the best one.

    Returns
    -------
    pandas.DataFrame
        Columns ``quantity``, ``value``, ``low``, ``high``: Spearman's rank correlation, the mean and the
        largest error of PAS in absolute value, and what the combination that PAS puts first loses against the
        truly best one, which is never negative. Intervals are those of a bootstrap over the images.
    """
    drawn_pas, drawn_truth = answers.resampled
    pas, truth = answers.pas.ravel(), answers.truth.ravel()
    error, drawn_error = np.abs(truth - pas), np.abs(drawn_truth - drawn_pas)
    drawn_loss = drawn_truth.max(axis=1) - drawn_truth[np.arange(len(drawn_pas)), drawn_pas.argmax(axis=1)]
    quantities = {
        "Spearman's rank correlation": (spearman(pas, truth), spearman(drawn_pas, drawn_truth)),
        "mean error of PAS": (error.mean(), drawn_error.mean(axis=1)),
        "largest error of PAS": (error.max(), drawn_error.max(axis=1)),
        "accuracy lost by PAS's first choice": (truth.max() - truth[pas.argmax()], drawn_loss),
    }
    rows = [(name, float(value), *_percentiles(drawn)) for name, (value, drawn) in quantities.items()]
    return pd.DataFrame(rows, columns=["quantity", "value", "low", "high"])


def swapped_pairs(answers: Answers) -> pd.DataFrame:
    """Return the pairs of combinations that PAS puts in the wrong order, the surest first.

    Returns
    -------
    pandas.DataFrame
        Columns ``pas_prefers``, ``truly_better``, ``pas_gap`` and ``true_gap`` (both positive), ``low`` and
        ``high`` (paired bootstrap interval of the true gap). Pairs whose interval holds 0 may be chance.
    """
    names = [combination_column(d, r) for d in answers.detectors for r in answers.recognisers]
    pas, truth = answers.pas.ravel(), answers.truth.ravel()
    _, drawn = answers.resampled
    rows = []
    for better, worse in np.argwhere(np.subtract.outer(truth, truth) > 0):
        if pas[better] < pas[worse]:
            low, high = _percentiles(drawn[:, better] - drawn[:, worse])
            gaps = (pas[worse] - pas[better], truth[better] - truth[worse])
            rows.append((names[worse], names[better], *gaps, low, high))
    columns = ["pas_prefers", "truly_better", "pas_gap", "true_gap", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values("low", ascending=False, ignore_index=True)


def dependence_table(answers: Answers) -> pd.DataFrame:
    """Return how often combinations are right after a right and after a wrong detection, per detector.

    Returns
    -------
    pandas.DataFrame
        Columns ``detector``, ``right_after_right``, ``right_after_wrong``, ``reads_after_right`` and
        ``reads_after_wrong`` (the same for recognition of the true rectangle: what is hard to find is hard to
        read), and ``correlation`` of detection and recognition (phi coefficient); means over recognisers.
    """
    rows = []
    for place, name in enumerate(answers.detectors):
        found = answers.detection[:, place]
        together, reads = answers.together[:, place], answers.recognition
        rows.append(
            {
                "detector": name,
                "right_after_right": together[found].mean(),
                "right_after_wrong": together[~found].mean(),
                "reads_after_right": reads[found].mean(),
                "reads_after_wrong": reads[~found].mean(),
                "correlation": np.mean([np.corrcoef(found, column)[0, 1] for column in reads.T]),
            }
        )
    return pd.DataFrame(rows)


def spearman(one: Floats, other: Floats) -> Floats:
    """Return the rank correlation of two arrays, row by row; ties get their mean rank.

    Examples
    --------
    >>> float(spearman(np.array([0.1, 0.2, 0.3]), np.array([5.0, 6.0, 9.0])))
    1.0
    """
    ranks = [pd.DataFrame(np.atleast_2d(values)).rank(axis=1).to_numpy() for values in (one, other)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    found = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.asarray(found if np.ndim(one) > 1 else found[0], np.float64)


def _percentiles(drawn: Floats) -> "Floats":
    return np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0)


def _names(items: pd.DataFrame, prefix: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(prefix) for name in map(str, items) if name.startswith(prefix))


def score_table(
    items: pd.DataFrame, overlaps: Sequence[float] = (0.3, 0.5, 0.7), seed: int = 0
) -> pd.DataFrame:
    """Return how PAS fares when detections are scored more or less strictly; the truth stays what it is.

    Returns
    -------
    pandas.DataFrame
        Per ``overlap`` from which a detection counts as right: mean ``error`` of PAS (measured - PAS), rank
        correlation (``rank_correlation``), the combination that PAS puts first, and what that loses against
        the truly best one (``lost``, with the ends of its bootstrap interval).
    """
    rows = []
    for overlap in overlaps:
        answers = Answers.of(items, overlap, seed)
        found = rank_agreement(answers).set_index("quantity")
        place = np.unravel_index(answers.pas.argmax(), answers.pas.shape)
        lost = found.loc["accuracy lost by PAS's first choice"]
        rows.append(
            {
                "overlap": overlap,
                "error": float((answers.truth - answers.pas).mean()),
                "rank_correlation": found["value"]["Spearman's rank correlation"],
                "first_choice": combination_column(
                    answers.detectors[place[0]], answers.recognisers[place[1]]
                ),
                "lost": lost["value"],
                "lost_low": lost["low"],
                "lost_high": lost["high"],
            }
        )
    return pd.DataFrame(rows)
