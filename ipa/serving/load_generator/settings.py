"""What a load generator has to know."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ipa import limits
from ipa.errors import InvalidValueError

TIMEOUT_S = 60.0
"""Seconds that a request may take before the client gives it up, by default."""

IN_FLIGHT_LIMIT = 20_000
"""Requests that may wait for their answers at the same time, by default."""


MOST_CONNECTIONS = 256


@dataclass(frozen=True, slots=True, eq=False)
class LoadSettings:
    """One load on one endpoint; can be sent to another process.

    Parameters
    ----------
    address
        ``HOST:PORT`` of a gRPC door, or the ``http://`` address of a REST door.
    model
        Name of the model.
    arrivals_s
        When every request is due, ascending, in seconds after the clock's zero, shape (n,).
    output
        Parquet file for the account; None writes none.
    zero_ns
        The clock's zero on ``time.monotonic_ns``; None: as soon as the generator is ready.
    timeout_s
        Seconds after which a request is given up.
    payload
        Name in ``PAYLOADS``; empty chooses by what the model says about its inputs.
    payload_settings
        What the payload takes beside the seed.
    seed
        Of the payload.
    run_token
        Begins the id of every request; empty makes one up.
    in_flight_limit
        Requests that may wait for their answers at once; one that is due beyond that is not sent, and ends
        as ``unavailable``, so that a dead endpoint does not fill the memory.
    retries
        How often a request is sent again, under the same id, that failed and may be.
    connections
        Connections among which requests take turns; behind a Service of Kubernetes each leads to one server.

    Raises
    ------
    InvalidValueError
        If a value lies outside its domain.
    """

    address: str
    model: str
    arrivals_s: NDArray[np.float64]
    output: Path | None = None
    zero_ns: int | None = None
    timeout_s: float = TIMEOUT_S
    payload: str = ""
    payload_settings: Mapping[str, str | int | float] = field(default_factory=dict)
    seed: int = 0
    run_token: str = ""
    in_flight_limit: int = IN_FLIGHT_LIMIT
    retries: int = 0
    connections: int = 1

    def __post_init__(self) -> None:
        arrivals_s = self.arrivals_s
        if not (np.isfinite(arrivals_s).all() and (np.diff(arrivals_s) >= 0).all()):
            raise InvalidValueError("the times at which requests are due must be finite and ascending")
        limits.REQUESTS.check("the number of requests", len(arrivals_s))
        if not 0 < self.timeout_s < math.inf:
            raise InvalidValueError(f"timeout_s is {self.timeout_s}; it must be positive and finite")
        if self.in_flight_limit < 1:
            raise InvalidValueError(f"in_flight_limit is {self.in_flight_limit}; it must be at least 1")
        if self.retries < 0:
            raise InvalidValueError(f"retries is {self.retries}; it must be at least 0")
        if not 1 <= self.connections <= MOST_CONNECTIONS:
            raise InvalidValueError(
                f"connections is {self.connections}; it must be from 1 to {MOST_CONNECTIONS}"
            )

    @property
    def uses_rest(self) -> bool:
        """Whether the address is that of a REST door."""
        return self.address.startswith(("http://", "https://"))
