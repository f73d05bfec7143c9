"""Fits the weights of a small network with PyTorch, the same every time on the same machine.

Starting weights and the order of samples come from NumPy, and one thread does the arithmetic, so that a seed
fixes the result on a machine. Another machine or another version of PyTorch may round sums in another order,
and small differences grow over the epochs: the weights of ``lstm`` are not the same bit for bit on every
machine. That is why the weights are committed.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError, MissingExtraError
from ipa.forecast.dataset import Samples

Weights = dict[str, NDArray[np.float32]]
Tensors = Mapping[str, Any]
Forward = Callable[[ModuleType, Tensors, Any], Any]
"""(torch, weights, inputs) -> outputs."""
Loss = Callable[[ModuleType, Any, Any], Any]
"""(torch, outputs, targets) -> mean loss."""
Progress = Callable[[int, int, str], None]
"""(batches done, batches in all, loss so far) -> None."""

REPORT_EVERY = 50


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How weights are fitted, with Adam under a one-cycle learning rate.

    Parameters
    ----------
    epochs
        Passes over the samples.
    batch
        Samples a step.
    learning_rate
        Its largest value.
    seed
        Of starting weights and the order of samples.
    """

    epochs: int
    batch: int
    learning_rate: float
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or not 0 < self.learning_rate < math.inf or self.seed < 0:
            raise InvalidValueError(
                "training needs at least 1 epoch, 1 sample a batch, a learning rate above 0 and a seed of at"
                f" least 0, got {self}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The outcome of a training.

    Parameters
    ----------
    weights
        Arrays by name.
    losses
        Mean training loss of each epoch.
    wall_s
        Duration in seconds.
    torch
        Version of PyTorch.
    """

    weights: Weights
    losses: tuple[float, ...]
    wall_s: float
    torch: str


def load_torch() -> ModuleType:
    """Return PyTorch; without it a MissingExtraError holds the install line."""
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingExtraError("PyTorch, which trains the forecasters,", "lstm") from error


def fit(
    start: Weights,
    forward: Forward,
    loss: Loss,
    data: tuple[Samples, Samples],
    settings: TrainingSettings,
    progress: Progress | None = None,
) -> Fitted:
    """Fit weights to samples.

    Parameters
    ----------
    start
        Starting weights.
    forward, loss
        The network and what is minimised.
    data
        Inputs and targets, first axis the samples.
    settings
        How.
    progress
        Called every few batches.

    Returns
    -------
    Fitted
        The weights after the last batch.

    Raises
    ------
    InvalidValueError
        If there are fewer samples than a batch, or the loss stops being a number.
    """
    torch = load_torch()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _fit(torch, start, forward, loss, data, settings, progress)
    finally:
        torch.set_num_threads(threads)


def _fit(
    torch: ModuleType,
    start: Weights,
    forward: Forward,
    loss: Loss,
    data: tuple[Samples, Samples],
    settings: TrainingSettings,
    progress: Progress | None,
) -> Fitted:
    started_s = time.perf_counter()
    inputs, targets = (torch.tensor(part, dtype=torch.float32) for part in data)
    batches = len(inputs) // settings.batch
    if not batches:
        raise InvalidValueError(f"{len(inputs)} samples are fewer than a batch of {settings.batch}")
    weights = {name: torch.tensor(value, requires_grad=True) for name, value in start.items()}
    optimiser = torch.optim.Adam(weights.values(), lr=settings.learning_rate)
    total = settings.epochs * batches
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=total)
    rng = np.random.default_rng([settings.seed, 1])
    losses: list[float] = []
    for epoch in range(settings.epochs):
        order = torch.tensor(rng.permutation(len(inputs)))
        seen = 0.0
        for batch in range(batches):
            chosen = order[batch * settings.batch : (batch + 1) * settings.batch]
            optimiser.zero_grad()
            value = loss(torch, forward(torch, weights, inputs[chosen]), targets[chosen])
            value.backward()
            # ReLU cells have no upper bound: without this one batch can throw the weights far away.
            torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
            optimiser.step()
            schedule.step()
            seen += float(value.detach())
            done = epoch * batches + batch + 1
            if progress is not None and (done % REPORT_EVERY == 0 or done == total):
                progress(done, total, f"loss {seen / (batch + 1):.5f}")
        losses.append(seen / batches)
        if not math.isfinite(losses[-1]):
            raise InvalidValueError(
                f"the loss is {losses[-1]} after epoch {epoch + 1}; lower the learning rate"
            )
    fitted = {name: value.detach().numpy().copy() for name, value in weights.items()}
    return Fitted(fitted, tuple(losses), time.perf_counter() - started_s, str(torch.__version__))
