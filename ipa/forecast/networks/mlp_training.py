"""Trains the quantile network on the first 14 days of the trace, at several dampings.

The paper's load is the trace divided by 8, which has far less noise than a Poisson process of that rate. The
network also sees the trace undamped and divided by other numbers, so that it learns to take the noise from
the window and holds for other services.
"""

from types import ModuleType
from typing import Any

import numpy as np

from ipa.forecast.dataset import DAMPING_DIVISOR, TRAINING_DAYS, Rates, Samples, days, windows
from ipa.forecast.networks.features import N_FEATURES, features, to_root
from ipa.forecast.networks.mlp import HIDDEN, LEVELS
from ipa.forecast.networks.training import Progress, Tensors, TrainingSettings, Weights, fit
from ipa.forecast.networks.weights import NetworkRecord, versions

MLP_SETTINGS = TrainingSettings(epochs=14, batch=2048, learning_rate=8e-3)
EVERY_S = {DAMPING_DIVISOR: 2, 1: 12, 2: 24, 4: 24, 16: 24}
"""Seconds between samples at each damping divisor."""


def starting_weights(seed: int) -> Weights:
    """Draw weights to start from, uniform by fan-in."""
    rng = np.random.default_rng([seed, 0])
    start: Weights = {}
    shapes = {"into": (N_FEATURES, HIDDEN), "hidden": (HIDDEN, HIDDEN), "out": (HIDDEN, len(LEVELS))}
    for name, shape in shapes.items():
        limit = 1 / np.sqrt(shape[0])
        start[name] = rng.uniform(-limit, limit, shape).astype(np.float32)
        start[f"{name}_bias"] = rng.uniform(-limit, limit, shape[1]).astype(np.float32)
    return start


def forward(torch: ModuleType, weights: Tensors, inputs: Any) -> Any:
    """Run the network in PyTorch, as ``QuantileModel`` does in NumPy, from standardised features to roots."""
    silu, softplus = torch.nn.functional.silu, torch.nn.functional.softplus
    hidden = silu(inputs @ weights["into"] + weights["into_bias"])
    hidden = silu(hidden @ weights["hidden"] + weights["hidden_bias"])
    steps = hidden @ weights["out"] + weights["out_bias"]
    return torch.cumsum(torch.cat([steps[:, :1], softplus(steps[:, 1:])], dim=1), dim=1)


def pinball(torch: ModuleType, outputs: Any, targets: Any) -> Any:
    """Return the mean pinball loss over all quantiles."""
    levels = torch.tensor(LEVELS, dtype=outputs.dtype)
    error = targets[:, None] - outputs
    return torch.maximum(levels * error, (levels - 1) * error).mean()


def training_samples(trace_rps: Rates) -> tuple[Samples, Samples]:
    """Return features, shape (n, N_FEATURES), and the roots of the coming maxima less the level, (n,)."""
    parts = []
    for divisor, every_s in EVERY_S.items():
        past, coming = windows(days(trace_rps, *TRAINING_DAYS, divisor), every_s)
        found, level = features(past)
        parts.append((found, to_root(coming.max(axis=1)) - level))
    return np.concatenate([found for found, _ in parts]), np.concatenate([target for _, target in parts])


def train_mlp(
    trace_rps: Rates,
    *,
    trace_sha256: str,
    settings: TrainingSettings = MLP_SETTINGS,
    progress: Progress | None = None,
) -> tuple[Weights, NetworkRecord]:
    """Train on the gapless training days; parameters and result are those of ``train_lstm``."""
    inputs, targets = training_samples(trace_rps)
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    standard = (inputs - mean) / spread
    fitted = fit(starting_weights(settings.seed), forward, pinball, (standard, targets), settings, progress)
    bounds = {"mean": mean, "spread": spread, "least": standard.min(axis=0), "most": standard.max(axis=0)}
    record = NetworkRecord(
        model="mlp",
        trace_sha256=trace_sha256,
        first_day=TRAINING_DAYS[0],
        end_day=TRAINING_DAYS[1],
        damping_divisors=tuple(EVERY_S),
        n_samples=len(targets),
        settings=settings,
        loss="mean pinball loss of the quantiles, in square roots of rps",
        losses=fitted.losses,
        wall_s=round(fitted.wall_s, 1),
        versions=versions(fitted),
    )
    return fitted.weights | {name: value.astype(np.float32) for name, value in bounds.items()}, record
