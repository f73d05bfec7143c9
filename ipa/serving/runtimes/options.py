"""What a variant's settings say, checked against what its runtime knows."""

from collections.abc import Mapping

from ipa.errors import UnknownNameError
from ipa.limits import Range
from ipa.serving.replica import ReplicaSettings


def read_options(replica: ReplicaSettings, allowed: Mapping[str, tuple[int, Range]]) -> dict[str, int]:
    """Return the settings of a variant that are whole numbers.

    Parameters
    ----------
    replica
        Holds the settings.
    allowed
        Default and range of each by name.

    Raises
    ------
    UnknownNameError
        If the runtime has no such setting.
    InvalidValueError
        If a value lies outside its range.
    """
    for name in replica.settings:
        if name not in allowed:
            raise UnknownNameError(f"setting of task {replica.task}", name, allowed)
    return {
        name: int(permitted.check(name, replica.settings.get(name, default)))  # type: ignore[type-var]
        for name, (default, permitted) in allowed.items()
    }
