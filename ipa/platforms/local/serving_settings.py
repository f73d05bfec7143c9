"""How a pipeline is served by processes on this machine."""

from dataclasses import dataclass
from typing import Literal, get_args

from ipa import limits
from ipa.errors import InvalidValueError, UnknownNameError
from ipa.platforms.base import PlatformSettings

Source = Literal["emulated", "packaged", "random", "pretrained"]
LiveService = Literal["lognormal", "deterministic"]


@dataclass(frozen=True, slots=True)
class ServingSettings(PlatformSettings):
    """How a pipeline is served by processes on this machine.

    Parameters
    ----------
    source
        Where weights come from. ``emulated``: replicas wait as long as the profile says, drawn as the
        simulator draws it. ``packaged``: weights that come with a package. ``random``: the architecture of
        the variant without its weights. ``pretrained``: what ``ipa models fetch`` has fetched.
    service
        How the service times of emulated replicas vary: log-normal or deterministic.
    emulate_start_up
        Whether an emulated replica takes as long to start as the pipeline file says of its variant, counted
        from when it is asked for; else it takes what it takes here, about a second.
    queue_limit
        Visits that may wait in front of a stage; more are refused.
    payload
        What requests carry, a name of ``ipa.serving.payloads``; empty: what the pipeline takes.
    payload_settings
        What the payload takes, as names and values.
    hang_after_s
        Seconds after which a replica that does not answer counts as hung; None: the larger of 5 s and 20
        times the p99 that the profile has for the batch.
    timeout_s
        Seconds after which a request that was not answered counts as lost.
    core_limit
        Cores that all replicas may hold together, on paper where they are emulated; None: no limit.

    Raises
    ------
    IpaError
        If a value is not allowed.
    """

    source: Source = "emulated"
    service: LiveService = "lognormal"
    emulate_start_up: bool = False
    queue_limit: int = 10_000
    payload: str = ""
    payload_settings: tuple[tuple[str, str | int | float], ...] = ()
    hang_after_s: float | None = None
    timeout_s: float = 60.0
    core_limit: int | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("source", get_args(Source)), ("service", get_args(LiveService))):
            if getattr(self, name) not in allowed:
                raise UnknownNameError(name, getattr(self, name), allowed)
        if self.queue_limit < 1:
            raise InvalidValueError(f"queue_limit is {self.queue_limit}; it must be at least 1")
        limits.LATENCY_S.check("timeout_s", self.timeout_s)
        if self.hang_after_s is not None:
            limits.LATENCY_S.check("hang_after_s", self.hang_after_s)
        if self.core_limit is not None:
            limits.CORES.check("core_limit", self.core_limit)

    @property
    def real_time(self) -> bool:
        """Whether a second on the platform's clock takes a second: it does."""
        return True
