"""What the adapter needs of the place where a pipeline runs."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan


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
    """

    now_s: float
    rates_rps: NDArray[np.int64] | NDArray[np.float64]
    plan: Plan
    ready_replicas: tuple[int, ...]
    pending: str = ""


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
