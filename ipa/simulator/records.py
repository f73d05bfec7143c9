"""The account of every request of a simulation, as columns."""

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Ints
from ipa.results.requests import RequestRecords, StageRecords
from ipa.simulator.log import RequestLog, StageLog

StageNames = tuple[tuple[str, tuple[str, ...]], ...]
"""Name and variants of each stage."""


def request_records(log: RequestLog, count: int, stages: tuple[StageRecords, ...]) -> RequestRecords:
    """Return the account of the first requests of a log."""
    return RequestRecords(
        log.arrival_s[:count].copy(),
        log.end_s[:count].copy(),
        log.outcome[:count].copy(),
        log.reason[:count].copy(),
        log.dropped_stage[:count].copy(),
        stages,
    )


def stage_records(
    name: str,
    variants: tuple[str, ...],
    log: StageLog,
    visit: "slice | Ints",
    goes_on: NDArray[np.bool_],
    visits: NDArray[np.int32] | None = None,
    on_path: NDArray[np.bool_] | None = None,
) -> StageRecords:
    """Return the account of one visit per request.

    Parameters
    ----------
    name, variants
        Of the stage.
    log
        What the simulation wrote.
    visit
        Which visit of each request.
    goes_on
        Whether its service still goes on, so that the end is not known.
    visits, on_path
        See ``StageRecords``.
    """
    end_s = log.end_s[visit].copy()
    end_s[goes_on] = np.nan
    return StageRecords(
        name,
        variants,
        log.enter_s[visit].copy(),
        log.start_s[visit].copy(),
        end_s,
        log.free_s[visit].copy(),
        log.batch[visit].copy(),
        log.variant[visit].copy(),
        visits,
        on_path,
    )
