"""The account of every request of a simulation, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ipa.simulator.log import IN_FLIGHT, OK, OUTCOMES, REASONS, Floats, RequestLog, StageLog


@dataclass(frozen=True, slots=True)
class StageRecords:
    """What happened to each request in one stage.

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
    """

    stage: str
    variants: tuple[str, ...]
    enter_s: Floats
    start_s: Floats
    end_s: Floats
    free_s: Floats
    batch: NDArray[np.int32]
    variant: NDArray[np.int16]

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
        When it was answered or dropped, shape (n,); NaN while in flight.
    outcome
        Code of ``OUTCOMES`` ("in-flight", "ok", "dropped"), shape (n,).
    reason
        Code of ``REASONS`` ("expired") for dropped requests, else -1, shape (n,).
    dropped_stage
        Index of the stage that dropped it, else -1, shape (n,).
    stages
        One account per stage, in the pipeline's order.
    """

    arrival_s: Floats
    end_s: Floats
    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    dropped_stage: NDArray[np.int16]
    stages: tuple[StageRecords, ...]

    @property
    def latency_s(self) -> Floats:
        """Arrival to answer in seconds, shape (n,); NaN for requests without an answer."""
        return np.where(self.outcome == OK, self.end_s - self.arrival_s, np.nan)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per request.

        Returns
        -------
        pandas.DataFrame
            Columns ``request, arrival_s, end_s, latency_s, outcome, reason, dropped_stage``, and per stage,
            counted from 1, ``<i>_<stage>_wait_s`` (until it was served or dropped), ``_service_s``,
            ``_batch``, ``_variant`` and ``_batch_wait_s`` (the part of the wait in which a replica was free
            and its batch not full yet; the rest is the queue).
        """
        stage_names = [f"{i}_{stage.stage}" for i, stage in enumerate(self.stages, 1)]
        columns: dict[str, object] = {
            "request": np.arange(len(self.arrival_s), dtype=np.int32),
            "arrival_s": self.arrival_s,
            "end_s": self.end_s,
            "latency_s": self.latency_s.astype(np.float32),
            "outcome": _named(self.outcome, OUTCOMES),
            "reason": _named(self.reason, REASONS),
            "dropped_stage": _named(self.dropped_stage, stage_names),
        }
        for i, (name, stage) in enumerate(zip(stage_names, self.stages, strict=True)):
            left_s = np.where(self.dropped_stage == i, self.end_s, stage.start_s)
            columns[f"{name}_wait_s"] = (left_s - stage.enter_s).astype(np.float32)
            columns[f"{name}_service_s"] = stage.service_s.astype(np.float32)
            columns[f"{name}_batch"] = stage.batch
            columns[f"{name}_variant"] = _named(stage.variant, stage.variants)
            columns[f"{name}_batch_wait_s"] = stage.batch_wait_s.astype(np.float32)
        return pd.DataFrame(columns)


def _named(codes: NDArray[np.integer[Any]], names: Sequence[str]) -> "pd.Categorical[str]":
    return pd.Categorical.from_codes(codes, pd.Index(names))


def records_at(
    log: RequestLog, now_s: float, stages: tuple[tuple[str, tuple[str, ...]], ...], count: int | None = None
) -> RequestRecords:
    """Return what a log knows at a time; the end of a service that is still going on is not known.

    Parameters
    ----------
    log
        What the simulation wrote.
    now_s
        The time now, in seconds.
    stages
        Name and variants of each stage.
    count
        Only the first requests; all by default.
    """
    n = log.requests if count is None else count
    in_flight = log.outcome[:n] == IN_FLIGHT
    return RequestRecords(
        log.arrival_s[:n].copy(),
        log.end_s[:n].copy(),
        log.outcome[:n].copy(),
        log.reason[:n].copy(),
        log.dropped_stage[:n].copy(),
        tuple(
            _stage_records(name, variants, stage, in_flight, now_s)
            for (name, variants), stage in zip(stages, log.stages, strict=True)
        ),
    )


def _stage_records(
    name: str, variants: tuple[str, ...], log: StageLog, in_flight: NDArray[np.bool_], now_s: float
) -> StageRecords:
    n = len(in_flight)
    end_s = log.end_s[:n].copy()
    end_s[in_flight & (end_s >= now_s)] = np.nan
    return StageRecords(
        name,
        variants,
        log.enter_s[:n].copy(),
        log.start_s[:n].copy(),
        end_s,
        log.free_s[:n].copy(),
        log.batch[:n].copy(),
        log.variant[:n].copy(),
    )
