"""``linear``: least squares on the inputs and target of the paper's LSTM.

The coefficients lie in ``data/forecast/linear.json`` with a record of their training. To renew them::

    fit_linear(load_trace(path, published=True), trace_sha256=...).save(linear_path())
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter

from ipa.file_stamps import cached_by_content
from ipa.forecast.base import ForecastContext
from ipa.forecast.dataset import (
    DAMPING_DIVISOR,
    N_INPUTS,
    TRAINING_DAYS,
    Rates,
    samples,
    step_maxima,
    training_rates,
)
from ipa.forecast.horizon import trained_rule
from ipa.forecast.window import Window, WindowForecaster
from ipa.paths import data_dir
from ipa.strict_yaml import read_json_model


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What a model was trained on and how well it fits there.

    Parameters
    ----------
    trace_sha256
        SHA-256 of the trace's decompressed text.
    first_day, end_day
        Days of the trace, the second exclusive.
    damping_divisor
        Integer division of every second.
    n_samples
        Training samples.
    loss_mse_rps2
        Mean squared error on them.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    trace_sha256: str
    first_day: int
    end_day: int
    damping_divisor: int
    n_samples: int
    loss_mse_rps2: float


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A linear forecast: ten-second maxima times weights plus an intercept.

    Parameters
    ----------
    weights
        One per ten-second maximum of the past 120 s, oldest first.
    intercept_rps
        Constant term.
    training
        Where they come from.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    weights: Annotated[tuple[float, ...], Field(min_length=N_INPUTS, max_length=N_INPUTS)]
    intercept_rps: float
    training: TrainingRecord

    def predict(self, window: Window) -> float:
        """Predict the maximum of the next 20 s.

        Parameters
        ----------
        window
            Requests in each of the past 120 s, shape (120,).

        Returns
        -------
        float
            Requests per second.
        """
        return float(step_maxima(window) @ np.array(self.weights)) + self.intercept_rps

    def save(self, path: Path) -> None:
        """Write the model as JSON."""
        path.write_bytes(TypeAdapter(LinearModel).dump_json(self, indent=2) + b"\n")


def fit_linear(trace_rps: Rates, *, trace_sha256: str) -> LinearModel:
    """Fit the model on the training days of a trace.

    Parameters
    ----------
    trace_rps
        Requests in each second of the whole trace, shape (n_s,), undamped.
    trace_sha256
        SHA-256 of its text, for the record.

    Returns
    -------
    LinearModel
        The least-squares solution.

    Raises
    ------
    InvalidValueError
        If the trace is shorter than the training days.
    """
    inputs, targets = samples(training_rates(trace_rps))
    design = np.column_stack([inputs, np.ones(len(inputs))])
    solution = np.linalg.lstsq(design, targets, rcond=None)[0]
    residuals = design @ solution - targets
    record = TrainingRecord(
        trace_sha256=trace_sha256,
        first_day=TRAINING_DAYS[0],
        end_day=TRAINING_DAYS[1],
        damping_divisor=DAMPING_DIVISOR,
        n_samples=len(targets),
        loss_mse_rps2=float(np.mean(residuals**2)),
    )
    return LinearModel(tuple(map(float, solution[:-1])), float(solution[-1]), record)


def linear_path() -> Path:
    """Return where the committed coefficients lie."""
    return data_dir() / "forecast" / "linear.json"


@cached_by_content
def load_linear(path: Path) -> LinearModel:
    """Read a model.

    Parameters
    ----------
    path
        A file that :meth:`LinearModel.save` wrote.

    Returns
    -------
    LinearModel
        The model.

    Raises
    ------
    ConfigError
        If the file is missing or holds something else.
    """
    return read_json_model(path, LinearModel)


def linear(context: ForecastContext) -> WindowForecaster:
    """Predict with the committed coefficients."""
    rule = trained_rule(load_linear(linear_path()).predict, context.horizon_s)
    return WindowForecaster("linear", rule, guarded=True)
