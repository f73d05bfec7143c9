"""What the adapter, and what an experiment, needs of the place where a pipeline runs."""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.results.requests import RequestRecords


@dataclass(frozen=True, slots=True)
class Observation:
    """What a platform knows about its pipeline.

    Parameters
    ----------
    now_s
        Time of the observation on the platform's clock.
    rates_rps
        Requests that arrived in each past second, the latest last; shape (n,), n at most the window shown. A
        second that was not measured is NaN.
    plan
        What every stage runs or is moving to, read from where it runs and not from what was asked for: of a
        plan that was applied in half it shows the half. A plan that waits for room as a whole is not in it.
    ready_replicas
        Replicas of each stage that serve now.
    pending
        What is still to come before all of the plan asked for serves, in words; empty if nothing.
    note
        What was out of the ordinary in measuring this, in words, for the record; empty if nothing.
    """

    now_s: float
    rates_rps: NDArray[np.int64] | NDArray[np.float64]
    plan: Plan
    ready_replicas: tuple[int, ...]
    pending: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What applying a plan did.

    Parameters
    ----------
    started, stopped
        Replicas started and told to stop.
    pending
        Whether nothing has changed yet because the plan waits for room in the cluster.
    reason
        Why the plan waits; empty if it does not.
    """

    started: int
    stopped: int
    pending: bool = False
    reason: str = ""


class Platform(Protocol):
    """Where a pipeline runs: simulated, on this machine or on Kubernetes. The same adapter drives all."""

    def now(self) -> float:
        """Return the seconds since the platform's clock started."""
        ...

    def sleep_until(self, time_s: float) -> None:
        """Return once the platform's clock shows ``time_s``."""
        ...

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:
        """Start a pipeline with a plan and return once it serves."""
        ...

    def observe(self) -> Observation:
        """Return what is known now."""
        ...

    def apply(self, plan: Plan) -> ApplyReport:
        """Reconfigure the running pipeline; the plan that runs already changes nothing.

        The adapter calls it again, step after step, until the plan is observed in force.
        """
        ...

    def teardown(self) -> None:
        """Stop the pipeline."""
        ...


class ExperimentPlatform(Platform, Protocol):
    """A platform on which a whole experiment can be run: it takes load too, and accounts for it.

    The calls come in this order: ``offer``, ``deploy``, then those of the adapter, ``sleep_until`` the end of
    the load, ``core_seconds``, ``drain``, ``records``; and ``teardown`` at the end in any case, also after an
    error, an interrupt, or a ``deploy`` that failed half-way. All return when they are done: a platform that
    serves in threads, processes or an event loop of its own hides them.
    """

    def offer(self, arrivals_s: NDArray[np.float64]) -> None:
        """Take a load, which is sent by itself as the clock moves on, in an open loop.

        Parameters
        ----------
        arrivals_s
            When every request is due, ascending, on the platform's clock, which shows 0 when ``deploy``
            returns; shape (n,).
        """
        ...

    def core_seconds(self) -> float:
        """Return what the replicas held so far, cores times seconds, those that start or stop included."""
        ...

    def drain(self) -> None:
        """Send what is left of the load and return once every request has ended in one way or another."""
        ...

    def records(self) -> RequestRecords:
        """Return the account of every request that was due, in the order of the load."""
        ...


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an experiment asks of a platform, whichever it is.

    Parameters
    ----------
    seed
        Seed of everything that the platform draws.
    drop_after_s
        Age in seconds beyond which a waiting request is dropped; infinity never drops.
    stage_drop_after_s
        An age limit per stage instead of ``drop_after_s``; empty: the same limit in all.
    """

    seed: int = 0
    drop_after_s: float = math.inf
    stage_drop_after_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PlatformSettings(ABC):
    """What one kind of platform needs to know beside the conditions of an experiment.

    Every kind has a frozen dataclass of its own, registered under the platform's name (``PLATFORMS``); all
    its fields have defaults. A field with ``compare=False`` changes how fast a run is, and not what it gives:
    it is no part of the identity of a run.
    """

    @abstractmethod
    def platform(self, conditions: Conditions) -> ExperimentPlatform:
        """Return a platform for one experiment; nothing is started before it is deployed."""

    @property
    def core_limit(self) -> int | None:
        """Most cores that a plan can get here; the planner keeps to it. None: no limit is known."""
        return None

    @property
    def queues(self) -> int:
        """Queues among which the requests of a stage are divided; the planner counts with it."""
        return 1

    @property
    def real_time(self) -> bool:
        """Whether a second on the platform's clock takes a second."""
        return False

    def for_many_runs(self) -> Self:
        """Return the settings for a process that runs many experiments; the results are the same."""
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return what belongs to the identity of a run as plain values."""
        values = asdict(self)
        return {field.name: values[field.name] for field in fields(self) if field.compare}
