"""Read the YAML files of this package into checked models."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from ipa.errors import ConfigError

Model = TypeVar("Model")


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read a YAML file and check it against a model.

    Parameters
    ----------
    path
        The file to read.
    model
        A type that pydantic can check, for example ``dict[str, SyntheticShape]``.

    Returns
    -------
    Model
        What the file holds.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML or does not fit the model; names the first offending key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(path, "", f"cannot be read: {error}") from error
    try:
        return TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(path, ".".join(map(str, first["loc"])), first["msg"]) from error
