"""``lstm``: the paper's forecaster, a small recurrent network; NumPy runs it, only training needs PyTorch.

One layer of 25 LSTM units whose candidate and output are rectified (ReLU) instead of squashed (tanh), then
one linear output. It reads the twelve ten-second maxima of the past two minutes and answers the maximum of
the next 20 s.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ipa.file_stamps import cached_by_content
from ipa.forecast.base import ForecastContext
from ipa.forecast.dataset import Samples, step_maxima
from ipa.forecast.horizon import trained_rule
from ipa.forecast.networks.weights import load_weights, weights_path
from ipa.forecast.window import Prediction, Window, WindowForecaster

UNITS = 25
SHAPES: dict[str, tuple[int, ...]] = {
    "kernel": (1, 4 * UNITS),
    "recurrent": (UNITS, 4 * UNITS),
    "bias": (4 * UNITS,),
    "dense": (UNITS,),
    "dense_bias": (),
    "scale_rps": (),
    "largest_rps": (),
}
"""Arrays of the weights file. Columns of the first three: input gate, forget gate, candidate, output gate."""


@dataclass(frozen=True, slots=True, eq=False)
class LstmModel:
    """Trained weights and the range they were trained in.

    Parameters
    ----------
    kernel, recurrent, bias
        From input and previous output to the four gates, shapes (1, 100), (25, 100) and (100,).
    dense, dense_bias
        From the last output to the prediction, shapes (25,) and ().
    scale_rps
        Rates are divided by this before the network and multiplied after it.
    largest_rps
        Largest input it was trained on.
    """

    kernel: NDArray[np.float64]
    recurrent: NDArray[np.float64]
    bias: NDArray[np.float64]
    dense: NDArray[np.float64]
    dense_bias: NDArray[np.float64]
    scale_rps: NDArray[np.float64]
    largest_rps: NDArray[np.float64]

    def predict(self, maxima_rps: Samples) -> Samples:
        """Predict from ten-second maxima.

        Parameters
        ----------
        maxima_rps
            Oldest first, shape (n, 12).

        Returns
        -------
        NDArray[np.float64]
            Maximum of the next 20 s, shape (n,).
        """
        inputs = maxima_rps / self.scale_rps
        output = np.zeros((len(inputs), UNITS))
        cell = np.zeros_like(output)
        for step in range(inputs.shape[1]):
            gates = inputs[:, step, None] @ self.kernel + output @ self.recurrent + self.bias
            into, keep, candidate, out = np.split(gates, 4, axis=1)
            cell = _sigmoid(keep) * cell + _sigmoid(into) * np.maximum(candidate, 0)
            output = _sigmoid(out) * np.maximum(cell, 0)
        predicted: Samples = (output @ self.dense + self.dense_bias) * self.scale_rps
        return predicted

    def __call__(self, window: Window) -> Prediction:
        """Predict from 120 s; a load beyond the training data is scaled down to it and the answer back up."""
        maxima_rps = step_maxima(window)
        excess = float(maxima_rps.max() / self.largest_rps)
        if excess <= 1:
            return Prediction(float(self.predict(maxima_rps[None])[0]))
        rate_rps = excess * float(self.predict(maxima_rps[None] / excess)[0])
        return Prediction(rate_rps, f"load above the {self.largest_rps:g} rps of the training data: scaled")


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    # Written with tanh, the logistic function cannot overflow.
    result: NDArray[np.float64] = 0.5 * (1 + np.tanh(0.5 * x))
    return result


@cached_by_content
def load_lstm(path: Path) -> LstmModel:
    """Read a trained model; a ConfigError if the file is missing or holds something else."""
    return LstmModel(**load_weights(path, SHAPES))


def lstm(context: ForecastContext) -> WindowForecaster:
    """Predict with the committed weights."""
    rule = trained_rule(load_lstm(weights_path("lstm")), context.horizon_s)
    return WindowForecaster("lstm", rule, guarded=True)
