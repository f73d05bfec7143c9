"""What shall serve a stage, as the pipeline's object tells its gateways."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ipa.errors import PodSettingsError
from ipa.pipeline.plan import StagePlan


@dataclass(frozen=True, slots=True)
class StageServing:
    """An entry of ``status.serving``.

    Parameters
    ----------
    stage, variant
        Their names.
    cores
        Cores of each replica.
    batch
        Requests in a batch.
    batch_wait_s
        Longest time that a batch waits to fill.
    service
        Service whose EndpointSlices carry the replicas.
    """

    stage: str
    variant: str
    cores: int
    batch: int
    batch_wait_s: float
    service: str

    def plan(self, replicas: int) -> StagePlan:
        """Return the plan of the stage with so many replicas."""
        return StagePlan(self.stage, self.variant, self.batch, replicas, self.cores, self.batch_wait_s)


def read_serving(thing: Mapping[str, Any]) -> tuple[StageServing, ...]:
    """Return what the status of a pipeline's object says shall serve; nothing if it does not say it yet.

    Raises
    ------
    PodSettingsError
        If it cannot be read.
    """
    try:
        return tuple(
            StageServing(
                str(one["stage"]),
                str(one["variant"]),
                int(one["cores"]),
                int(one["batch"]),
                float(one["batchWaitSeconds"]),
                str(one["service"]),
            )
            for one in (thing.get("status") or {}).get("serving") or ()
        )
    except (KeyError, TypeError, ValueError) as error:
        name = thing["metadata"].get("name")
        raise PodSettingsError(f"{name}: status.serving cannot be read: {error!r}") from None


def show_serving(serving: Iterable[StageServing]) -> list[dict[str, Any]]:
    """Return what serves in the form in which the object has it."""
    return [
        {
            "stage": one.stage,
            "variant": one.variant,
            "cores": one.cores,
            "batch": one.batch,
            "batchWaitSeconds": one.batch_wait_s,
            "service": one.service,
        }
        for one in serving
    ]
