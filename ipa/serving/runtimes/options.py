"""What a variant's settings say, as its runtime needs them."""

from ipa.pipeline.task_settings import read_settings
from ipa.serving.replica import ReplicaSettings


def read_options(replica: ReplicaSettings) -> dict[str, int]:
    """Return the settings of a variant that are whole numbers, with their defaults.

    Raises
    ------
    UnknownNameError
        If its task has no such setting.
    InvalidValueError
        If a value is not allowed.
    """
    found = read_settings(replica.task, replica.settings)
    return {name: value for name, value in found.items() if isinstance(value, int)}
