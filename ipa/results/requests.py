"""The account of every request of a run, whoever served it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd


OUTCOMES = ("in-flight", "ok", "dropped", "error")
"""Names of the outcome codes 0, 1, 2, 3. Dropped is what was given up on purpose; the rest went wrong."""


IN_FLIGHT, OK, DROPPED, ERROR = range(4)


REASONS = ("expired", "refused", "unavailable", "model-error", "bad-answer", "timeout", "cancelled")
"""Names of the codes of why a request was dropped (the first two) or ended with an error.

``expired``: older than the limit of its stage; ``refused``: a queue was full; ``unavailable``: nobody was
there to serve it; ``model-error``: a model failed on it; ``bad-answer``: a model answered something else than
its outputs; ``timeout``: the client gave up waiting; ``cancelled``: the client went away.
"""


EXPIRED, REFUSED, UNAVAILABLE, MODEL_ERROR, BAD_ANSWER, TIMEOUT, CANCELLED = range(7)


DROP_REASONS = ("expired", "refused")
"""The reasons that make a request dropped; every other one makes it an error."""


NONE = -1
"""Code of a stage, variant or reason that does not apply."""


@dataclass(frozen=True, slots=True)
class StageRecords:
    """What happened to each request in one stage.

    In a graph a request may visit a stage several times. What stands here is the visit on the slowest path of
    the request, the one that leads back from its end to its arrival without a gap; where that path does not
    pass through the stage, the visit that ended last.

    Parameters
    ----------
    stage
        Name of the stage.
    variants
        Names that the codes in ``variant`` stand for.
    enter_s, start_s, end_s
        When it entered the queue, and when its service began and ended, in seconds, shape (n,); NaN if not
        yet.
    free_s
        Since when the replica that served it had been free, in seconds, shape (n,); NaN if not yet.
    batch
        Requests that were served together with it, itself included, shape (n,); 0 if it was not served.
    variant
        Code of the variant that served it, shape (n,); -1 if none did.
    visits
        How often it visited the stage so far, shape (n,); None in a chain.
    on_path
        Whether the stage lies on its slowest path, shape (n,): the times of these stages and the network
        delays add up to its latency, or to its age when it was dropped; None in a chain, where all do.
    """

    stage: str
    variants: tuple[str, ...]
    enter_s: Floats
    start_s: Floats
    end_s: Floats
    free_s: Floats
    batch: NDArray[np.int32]
    variant: NDArray[np.int16]
    visits: NDArray[np.int32] | None = None
    on_path: NDArray[np.bool_] | None = None

    @property
    def batch_wait_s(self) -> Floats:
        """How long it waited for its batch though a replica was free, in seconds, shape (n,)."""
        return self.start_s - np.maximum(self.enter_s, self.free_s)

    @property
    def queue_s(self) -> Floats:
        """How long it waited for a free replica, in seconds, shape (n,)."""
        return np.maximum(self.free_s - self.enter_s, 0.0)

    @property
    def service_s(self) -> Floats:
        """How long its batch was served, in seconds, shape (n,)."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class RequestRecords:
    """What happened to each request, in the order in which they were offered.

    Parameters
    ----------
    arrival_s
        Arrival at the pipeline in seconds, shape (n,).
    end_s
        When it was answered or dropped, or failed, shape (n,); NaN while in flight.
    outcome
        Code of ``OUTCOMES`` ("in-flight", "ok", "dropped", "error"), shape (n,).
    reason
        Code of ``REASONS`` for dropped and failed requests, else -1, shape (n,).
    dropped_stage
        Index of the stage that dropped it or in which it failed, else -1 (also where no stage is known),
        shape (n,).
    stages
        One account per stage, in the pipeline's order.
    right
        Whether its answer was right (1), wrong (0), or nobody knows (-1), shape (n,); None where the right
        answer to no request is known.
    """

    arrival_s: Floats
    end_s: Floats
    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    dropped_stage: NDArray[np.int16]
    stages: tuple[StageRecords, ...]
    right: NDArray[np.int8] | None = None

    @property
    def latency_s(self) -> Floats:
        """Arrival to answer in seconds, shape (n,); NaN for requests without an answer."""
        return np.where(self.outcome == OK, self.end_s - self.arrival_s, np.nan)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per request.

        Returns
        -------
        pandas.DataFrame
            Columns ``request, arrival_s, end_s, latency_s, outcome, reason, dropped_stage``, and per stage,
            counted from 1, ``<i>_<stage>_wait_s`` (until it was served, dropped or failed), ``_service_s``,
            ``_batch``, ``_variant`` and ``_batch_wait_s`` (the part of the wait in which a replica was free
            and its batch not full yet; the rest is the queue); for a graph also ``_visits`` and ``_on_path``
            (``StageRecords`` says which visit the times are of). Where right answers are known also
            ``correct``, which is missing for a request that was not answered.
        """
        import pandas as pd

        stage_names = [f"{i}_{stage.stage}" for i, stage in enumerate(self.stages, 1)]
        columns: dict[str, object] = {
            "request": np.arange(len(self.arrival_s), dtype=np.int32),
            "arrival_s": self.arrival_s,
            "end_s": self.end_s,
            "latency_s": self.latency_s.astype(np.float32),
            "outcome": _name_codes(self.outcome, OUTCOMES),
            "reason": _name_codes(self.reason, REASONS),
            "dropped_stage": _name_codes(self.dropped_stage, stage_names),
        }
        for i, (name, stage) in enumerate(zip(stage_names, self.stages, strict=True)):
            # A request that failed while it was served waited until then only.
            ends_here = (self.dropped_stage == i) & ((self.outcome != ERROR) | np.isnan(stage.start_s))
            left_s = np.where(ends_here, self.end_s, stage.start_s)
            columns[f"{name}_wait_s"] = (left_s - stage.enter_s).astype(np.float32)
            columns[f"{name}_service_s"] = stage.service_s.astype(np.float32)
            columns[f"{name}_batch"] = stage.batch
            columns[f"{name}_variant"] = _name_codes(stage.variant, stage.variants)
            columns[f"{name}_batch_wait_s"] = stage.batch_wait_s.astype(np.float32)
            if stage.visits is not None:
                columns[f"{name}_visits"], columns[f"{name}_on_path"] = stage.visits, stage.on_path
        if self.right is not None:
            columns["correct"] = pd.arrays.BooleanArray(self.right == 1, self.right == NONE)
        return pd.DataFrame(columns)


def _name_codes(codes: NDArray[np.integer[Any]], names: Sequence[str]) -> "pd.Categorical[str]":
    import pandas as pd

    return pd.Categorical.from_codes(codes, pd.Index(names))
