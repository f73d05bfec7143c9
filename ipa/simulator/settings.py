"""What a simulation assumes beside the pipeline and its plan."""

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.limits import DELAY_S, FACTOR

Service = Literal["lognormal", "exponential", "deterministic"]
Switching = Literal["make-before-break", "stop-start"]
EngineName = Literal["python", "numba", "auto"]

SHORTEST_LIFE_S = 10.0
"""A replica that dies more often than this would hardly ever finish a batch."""


def _require(holds: bool, name: str, value: float, rule: str) -> None:
    if not holds:
        raise InvalidValueError(f"{name} is {value}; it {rule}")


def _require_delay(name: str, value: float) -> None:
    longest_s = DELAY_S.high
    _require(0 <= value <= longest_s, name, value, f"must not be negative and at most {longest_s:g} seconds")


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What a real cluster does to a pipeline; the defaults are a cluster that does none of it.

    Parameters
    ----------
    start_up_s
        Seconds from asking for a replica until it serves, for every variant; None: each variant has its own.
    switching
        How a stage moves to another variant or other cores. ``make-before-break``: the old replicas serve
        until all new ones are ready. ``stop-start``: the old ones finish their batches and stop at once, and
        nobody serves until the new ones are ready.
    mean_life_s
        Mean of the exponential time from when a replica is up until it dies; infinity never. A dead replica
        is up again after its start-up time. The batch it was serving is served anew by it then.
    straggler_share
        Probability that a new replica is a slow one.
    straggler_factor
        How many times as long a slow replica takes for a batch.
    profile_error
        How many times as long every batch takes as the profile says.
    router_delay_s
        Seconds that every request spends in the router before it enters the first stage.
    dispatch_s
        Seconds that a replica is occupied by every batch in addition to serving it (forming and sending it).
    core_limit
        Cores that all replicas may hold together; a plan that does not fit stays pending. None: no limit.

    Raises
    ------
    InvalidValueError
        If a number lies outside its domain.
    UnknownNameError
        If there is no such way of switching.

    Examples
    --------
    >>> str(ClusterSettings(mean_life_s=600.0, switching="stop-start"))
    'switching=stop-start+mean_life_s=600.0'
    """

    start_up_s: float | None = None
    switching: Switching = "make-before-break"
    mean_life_s: float = math.inf
    straggler_share: float = 0.0
    straggler_factor: float = 3.0
    profile_error: float = 1.0
    router_delay_s: float = 0.0
    dispatch_s: float = 0.0
    core_limit: int | None = None

    def __post_init__(self) -> None:
        if self.switching not in get_args(Switching):
            raise UnknownNameError("switching", self.switching, get_args(Switching))
        for name, value in (
            ("start_up_s", self.start_up_s or 0.0),
            ("router_delay_s", self.router_delay_s),
            ("dispatch_s", self.dispatch_s),
        ):
            _require_delay(name, value)
        _require(
            self.mean_life_s >= SHORTEST_LIFE_S,
            "mean_life_s",
            self.mean_life_s,
            "must be at least 10 seconds",
        )
        _require(
            0 <= self.straggler_share <= 1,
            "straggler_share",
            self.straggler_share,
            "must lie between 0 and 1",
        )
        for name, value in (
            ("straggler_factor", self.straggler_factor),
            ("profile_error", self.profile_error),
        ):
            _require(FACTOR.holds(value), name, value, f"must {FACTOR}")
        if self.core_limit is not None:
            _require(self.core_limit >= 1, "core_limit", self.core_limit, "must be at least 1")

    def __str__(self) -> str:
        default = type(self)()
        return "+".join(
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(default, field.name)
        )

    @property
    def replicas_differ(self) -> bool:
        """Whether it matters which replica serves a batch: some are slow, or some die."""
        return self.straggler_share > 0 or self.mean_life_s < math.inf


IDEAL = ClusterSettings()
"""Replicas are all alike and never die, there is room for every plan, and nothing but models takes time."""


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """Assumptions of a simulation.

    Parameters
    ----------
    seed
        Seed of all service times.
    service
        ``lognormal`` draws the time of a batch from the log-normal that has the profile's mean and p99;
        ``exponential`` from the exponential with its mean; ``deterministic`` takes the mean.
    drop_after_s
        Age in seconds beyond which a waiting request is dropped; infinity never drops.
    network_delay_s
        Seconds on the way into each stage and on the way back to the client.
    stage_drop_after_s
        An age limit per stage instead of ``drop_after_s``; empty: the same limit in all.
    cluster
        What the cluster does to the pipeline.
    engine
        ``python``; ``numba``, which computes the same bytes several times faster once it is compiled and
        needs the extra ``fast``; or ``auto``: numba where it is installed.

    Raises
    ------
    InvalidValueError
        If a number lies outside its domain.
    UnknownNameError
        If there is no such kind of service or engine.
    """

    seed: int = 0
    service: Service = "lognormal"
    drop_after_s: float = math.inf
    network_delay_s: float = 0.0
    stage_drop_after_s: tuple[float, ...] = ()
    cluster: ClusterSettings = IDEAL
    engine: EngineName = "python"

    def __post_init__(self) -> None:
        if self.service not in get_args(Service):
            raise UnknownNameError("service", self.service, get_args(Service))
        if self.engine not in get_args(EngineName):
            raise UnknownNameError("engine", self.engine, get_args(EngineName))
        _require(self.seed >= 0, "seed", self.seed, "must not be negative")
        for limit_s in (self.drop_after_s, *self.stage_drop_after_s):
            _require(limit_s > 0, "drop_after_s", limit_s, "must be positive (inf: never)")
        _require_delay("network_delay_s", self.network_delay_s)

    def drop_limit_s(self, stage: int) -> float:
        """Return the age in seconds beyond which a request is dropped at a stage."""
        return self.stage_drop_after_s[stage] if self.stage_drop_after_s else self.drop_after_s


DEFAULTS = SimulationSettings()
"""Log-normal service, no drops, no network delay, an ideal cluster."""
