"""Trains the paper's LSTM on the first 14 days of the trace."""

from types import ModuleType
from typing import Any

import numpy as np

from ipa.forecast.dataset import DAMPING_DIVISOR, TRAINING_DAYS, Rates, samples, training_rates
from ipa.forecast.networks.lstm import UNITS
from ipa.forecast.networks.training import Progress, Tensors, TrainingSettings, Weights, fit
from ipa.forecast.networks.weights import NetworkRecord, versions

LSTM_SETTINGS = TrainingSettings(epochs=12, batch=1024, learning_rate=8e-3)


def starting_weights(seed: int) -> Weights:
    """Draw weights to start from: uniform by fan-in and fan-out, orthogonal recurrence, open forget gates."""
    rng = np.random.default_rng([seed, 0])
    bias = np.zeros(4 * UNITS)
    bias[UNITS : 2 * UNITS] = 1
    recurrent = [np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0] for _ in range(4)]
    start = {
        "kernel": _glorot(rng, 1, 4 * UNITS),
        "recurrent": np.concatenate(recurrent, axis=1),
        "bias": bias,
        "dense": _glorot(rng, UNITS, 1)[:, 0],
        "dense_bias": np.zeros(()),
    }
    return {name: value.astype(np.float32) for name, value in start.items()}


def _glorot(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def forward(torch: ModuleType, weights: Tensors, inputs: Any) -> Any:
    """Run the network in PyTorch, as ``LstmModel.predict`` does in NumPy, on inputs in units of the scale."""
    output = torch.zeros(len(inputs), UNITS, dtype=inputs.dtype)
    cell = torch.zeros_like(output)
    for step in range(inputs.shape[1]):
        gates = inputs[:, step, None] @ weights["kernel"] + output @ weights["recurrent"] + weights["bias"]
        into, keep, candidate, out = gates.chunk(4, dim=1)
        cell = torch.sigmoid(keep) * cell + torch.sigmoid(into) * torch.relu(candidate)
        output = torch.sigmoid(out) * torch.relu(cell)
    return output @ weights["dense"] + weights["dense_bias"]


def squared_error(torch: ModuleType, outputs: Any, targets: Any) -> Any:
    """Return the mean squared error."""
    return torch.nn.functional.mse_loss(outputs, targets)


def train_lstm(
    trace_rps: Rates,
    *,
    trace_sha256: str,
    settings: TrainingSettings = LSTM_SETTINGS,
    progress: Progress | None = None,
) -> tuple[Weights, NetworkRecord]:
    """Train on the damped, gapless training days.

    Parameters
    ----------
    trace_rps
        Requests in each second of the whole trace, shape (n_s,), undamped.
    trace_sha256
        SHA-256 of its text, for the record.
    settings
        How.
    progress
        Called every few batches.

    Returns
    -------
    tuple of Weights and NetworkRecord
        What ``ipa.forecast.networks.weights.save_weights`` writes.

    Raises
    ------
    MissingExtraError
        If PyTorch is not installed.
    """
    inputs, targets = samples(training_rates(trace_rps))
    scale_rps = float(inputs.mean())
    fitted = fit(
        starting_weights(settings.seed),
        forward,
        squared_error,
        (inputs / scale_rps, targets / scale_rps),
        settings,
        progress,
    )
    weights = fitted.weights | {
        "scale_rps": np.array(scale_rps, dtype=np.float32),
        "largest_rps": np.array(inputs.max(), dtype=np.float32),
    }
    record = NetworkRecord(
        model="lstm",
        trace_sha256=trace_sha256,
        first_day=TRAINING_DAYS[0],
        end_day=TRAINING_DAYS[1],
        damping_divisors=(DAMPING_DIVISOR,),
        n_samples=len(targets),
        settings=settings,
        loss=f"mean squared error in units of {scale_rps:.4f} rps",
        losses=fitted.losses,
        wall_s=round(fitted.wall_s, 1),
        versions=versions(fitted),
    )
    return weights, record
