"""What a simulation assumes beside the pipeline and its plan."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ipa.errors import InvalidValueError, UnknownNameError

Service = Literal["lognormal", "deterministic"]


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """Assumptions of a simulation.

    Parameters
    ----------
    seed
        Seed of all service times.
    service
        ``lognormal`` draws the time of a batch from the log-normal that has the profile's mean and p99;
        ``deterministic`` takes the mean.
    drop_after_s
        Age in seconds beyond which a waiting request is dropped; infinity never drops.
    network_delay_s
        Seconds on the way into each stage and on the way back to the client.

    Raises
    ------
    InvalidValueError
        If a number lies outside its domain.
    UnknownNameError
        If there is no such kind of service.
    """

    seed: int = 0
    service: Service = "lognormal"
    drop_after_s: float = math.inf
    network_delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.service not in get_args(Service):
            raise UnknownNameError("service", self.service, get_args(Service))
        if self.seed < 0:
            raise InvalidValueError(f"seed is {self.seed}; it must not be negative")
        if not self.drop_after_s > 0:
            raise InvalidValueError(f"drop_after_s is {self.drop_after_s}; it must be positive (inf: never)")
        if not 0 <= self.network_delay_s < math.inf:
            raise InvalidValueError(
                f"network_delay_s is {self.network_delay_s}; it must be finite and not negative"
            )


DEFAULTS = SimulationSettings()
"""Log-normal service, no drops, no network delay."""
