"""Files of trained weights: arrays in an ``.npz``, the record of their training beside it as JSON."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter

from ipa.errors import ConfigError
from ipa.forecast.networks.training import Fitted, TrainingSettings, Weights
from ipa.paths import data_dir
from ipa.strict_yaml import read_json_model

Arrays = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """What a network was trained on, how, and how it ended.

    Parameters
    ----------
    model
        Name of the forecaster.
    trace_sha256
        SHA-256 of the trace's decompressed text.
    first_day, end_day
        Days of the trace, the second exclusive.
    damping_divisors
        Every second of the trace is divided by each of these, rounded down, for a series of its own.
    n_samples
        Training samples.
    settings
        Epochs, batch size, learning rate and seed.
    loss
        What was minimised.
    losses
        Its mean over each epoch.
    wall_s
        Duration of the training in seconds.
    versions
        Of Python, NumPy and PyTorch.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    model: str
    trace_sha256: str
    first_day: int
    end_day: int
    damping_divisors: tuple[int, ...]
    n_samples: int
    settings: TrainingSettings
    loss: str
    losses: tuple[float, ...]
    wall_s: float
    versions: dict[str, str]


def versions(fitted: Fitted) -> dict[str, str]:
    """Return the versions that a training depends on."""
    return {"python": platform.python_version(), "numpy": np.__version__, "torch": fitted.torch}


def weights_path(model: str) -> Path:
    """Return where the committed weights of a model lie."""
    return data_dir() / "forecast" / f"{model}.npz"


def save_weights(path: Path, weights: Weights, record: NetworkRecord) -> None:
    """Write weights and record; equal weights are equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as archive:
        for name in sorted(weights):
            # numpy.savez would write the time of day into the archive.
            with archive.open(ZipInfo(f"{name}.npy"), "w") as file:
                np.lib.format.write_array(file, np.asarray(weights[name], order="C"), allow_pickle=False)
    content = TypeAdapter(NetworkRecord).dump_json(record, indent=2)
    path.with_suffix(".json").write_bytes(content + b"\n")


def load_weights(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """Read weights for arithmetic in double precision.

    Parameters
    ----------
    path
        A file that :func:`save_weights` wrote.
    shapes
        The arrays it must hold, with their shapes.

    Returns
    -------
    dict of NDArray[np.float64]
        Exactly these arrays.

    Raises
    ------
    ConfigError
        If the file is missing, damaged, lacks an array, or one has another shape or a number that is not
        finite.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name], dtype=np.float64) for name in shapes}
    except OSError as error:
        raise ConfigError(path, "", f"cannot be read: {error}; train it: ipa forecast train") from error
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(path, "", f"is not a file of weights: {error}") from error
    for name, array in arrays.items():
        if array.shape != shapes[name]:
            raise ConfigError(path, name, f"must have the shape {shapes[name]}, not {array.shape}")
        if not np.isfinite(array).all():
            raise ConfigError(path, name, "holds a number that is not finite")
    return arrays


def load_record(path: Path) -> NetworkRecord:
    """Read the record of a training; a missing or broken one is a ConfigError."""
    return read_json_model(path, NetworkRecord)
