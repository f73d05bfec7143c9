"""``mlp`` and ``quantile-<level>``: the distribution of the coming maximum, from a small network.

Square roots of the requests per second have the same noise at every load, so the network sees the window as
differences of square roots from a moving average, and answers quantiles of the same kind. That keeps it
useful at loads it was not trained on. ``mlp`` answers the median as a whole number of requests, as a second
holds no other; ``quantile-0.9`` answers the rate that nine of ten coming maxima do not exceed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ipa.errors import InvalidValueError
from ipa.file_stamps import cached_by_content
from ipa.forecast.base import ForecastContext
from ipa.forecast.horizon import trained_rule
from ipa.forecast.networks.features import N_FEATURES, Batch, features, from_root
from ipa.forecast.networks.weights import load_weights, weights_path
from ipa.forecast.window import Prediction, Rule, Window, WindowForecaster

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
"""Quantiles that the network answers; those between are interpolated."""

DEFAULT_LEVEL = 0.9
HIDDEN = 64
SHAPES: dict[str, tuple[int, ...]] = {
    "mean": (N_FEATURES,),
    "spread": (N_FEATURES,),
    "least": (N_FEATURES,),
    "most": (N_FEATURES,),
    "into": (N_FEATURES, HIDDEN),
    "into_bias": (HIDDEN,),
    "hidden": (HIDDEN, HIDDEN),
    "hidden_bias": (HIDDEN,),
    "out": (HIDDEN, len(LEVELS)),
    "out_bias": (len(LEVELS),),
}


@dataclass(frozen=True, slots=True, eq=False)
class QuantileModel:
    """Trained weights and the range they were trained in.

    Parameters
    ----------
    mean, spread
        Of every feature in the training data, shape (n_features,).
    least, most
        Extremes of every feature in the training data, in units of the spread from the mean.
    into, into_bias, hidden, hidden_bias, out, out_bias
        Two hidden layers and one output for each of ``LEVELS``.
    """

    mean: Batch
    spread: Batch
    least: Batch
    most: Batch
    into: Batch
    into_bias: Batch
    hidden: Batch
    hidden_bias: Batch
    out: Batch
    out_bias: Batch

    def quantiles(self, windows_rps: Batch) -> Batch:
        """Predict the quantiles ``LEVELS`` of the maximum of the next 20 s.

        Parameters
        ----------
        windows_rps
            Requests in each of the past 120 s, shape (n, 120).

        Returns
        -------
        NDArray[np.float64]
            Requests per second, shape (n, len(LEVELS)), never falling along the second axis.
        """
        found, level = features(windows_rps)
        return self._rates(np.clip(self._standard(found), self.least, self.most), level)

    def predict(self, window: Window) -> tuple[Batch, str | None]:
        """Predict the quantiles for one window, and say if its load exceeds the training data."""
        found, level = features(window[None])
        standard = self._standard(found)
        inside = np.clip(standard, self.least, self.most)
        # A load steadier or lower than ever seen is no fault. The level is the last feature.
        note = "load above the training data: limited" if standard[0, -1] > self.most[-1] else None
        return self._rates(inside, level)[0], note

    def _standard(self, found: Batch) -> Batch:
        standard: Batch = (found - self.mean) / self.spread
        return standard

    def _rates(self, standard: Batch, level: Batch) -> Batch:
        hidden = _silu(standard @ self.into + self.into_bias)
        hidden = _silu(hidden @ self.hidden + self.hidden_bias)
        steps = hidden @ self.out + self.out_bias
        # The first output is the lowest quantile, the others are rises: quantiles cannot cross.
        steps[:, 1:] = np.logaddexp(0, steps[:, 1:])
        root = level[:, None] + np.cumsum(steps, axis=1)
        return from_root(root)


def _silu(x: Batch) -> Batch:
    # x times the logistic function, which is written with tanh because that cannot overflow.
    result: Batch = x * 0.5 * (1 + np.tanh(0.5 * x))
    return result


@cached_by_content
def load_mlp(path: Path) -> QuantileModel:
    """Read a trained model; a ConfigError if the file is missing or holds something else."""
    return QuantileModel(**load_weights(path, SHAPES))


def quantile_at(window: Window, model: QuantileModel, level: float) -> Prediction:
    """Return one quantile."""
    quantiles, note = model.predict(window)
    return Prediction(float(np.interp(level, LEVELS, quantiles)), note)


def whole(window: Window, rule: Rule) -> Prediction:
    """Return what a rule answers, rounded to a whole number of requests."""
    answer = Prediction.of(rule(window))
    return Prediction(float(np.round(answer.rate_rps)), answer.note)


def mlp(context: ForecastContext) -> WindowForecaster:
    """Predict the median with the committed weights, as a whole number of requests."""
    median = partial(quantile_at, model=load_mlp(weights_path("mlp")), level=0.5)
    rule = partial(whole, rule=trained_rule(median, context.horizon_s))
    return WindowForecaster("mlp", rule, guarded=True)


def quantile(
    context: ForecastContext, level: float = DEFAULT_LEVEL, name: str = "quantile"
) -> WindowForecaster:
    """Predict a quantile with the committed weights: the higher it is, the more load is planned for.

    Parameters
    ----------
    level
        Share of coming maxima that shall not exceed the forecast, between the first and last of ``LEVELS``.
    name
        What the forecaster is called.
    """
    if not LEVELS[0] <= level <= LEVELS[-1]:
        raise InvalidValueError(
            f"the quantile must lie between {LEVELS[0]} and {LEVELS[-1]}, as in quantile-0.95; got {level}"
        )
    rule = partial(quantile_at, model=load_mlp(weights_path("mlp")), level=level)
    return WindowForecaster(name, trained_rule(rule, context.horizon_s), guarded=True)


_QUANTILE = re.compile(r"quantile-([0-9]*\.?[0-9]+)")


def quantile_named(name: object) -> Callable[[ForecastContext], WindowForecaster] | None:
    """Return how to make the forecaster that a name like ``quantile-0.95`` stands for, else None."""
    found = _QUANTILE.fullmatch(name) if isinstance(name, str) else None
    return partial(quantile, level=float(found[1]), name=found[0]) if found else None
