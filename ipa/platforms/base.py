"""What the adapter needs of the place where a pipeline runs."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ipa.pipeline import Pipeline
from ipa.plan import Plan


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
        The plan that the platform was last told to run.
    ready_replicas
        Replicas of each stage that serve now.
    """

    now_s: float
    rates_rps: NDArray[np.int64] | NDArray[np.float64]
    plan: Plan
    ready_replicas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What applying a plan did.

    Parameters
    ----------
    started, stopped
        Replicas started and told to stop.
    pending
        Whether nothing has changed yet because the plan waits for room in the cluster.
    """

    started: int
    stopped: int
    pending: bool = False


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
        """Reconfigure the running pipeline; the plan that runs already changes nothing."""
        ...

    def teardown(self) -> None:
        """Stop the pipeline."""
        ...
