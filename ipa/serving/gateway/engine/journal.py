"""What became of each request: a bounded memory, in columns."""

import math
from array import array
from collections import deque
from typing import TYPE_CHECKING

from ipa.pipeline.pipeline import Pipeline
from ipa.results.requests import OUTCOMES
from ipa.serving.gateway.engine.request import Request, Visit

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 4096
"""Rows that are forgotten together."""

TIMES = ("enter", "free", "start", "end")


def nanoseconds(time_s: float) -> int:
    """Return a time as whole nanoseconds; 0 for one that has not come."""
    return 0 if math.isnan(time_s) else round(time_s * 1e9)


class _StageColumns:
    """What happened to each request in one stage."""

    def __init__(self) -> None:
        self.times = [array("q") for _ in TIMES]
        self.batch, self.visits, self.on_path = array("i"), array("i"), array("b")
        self.variant: list[str] = []

    def append(self, visit: Visit | None, visits: int, *, on_path: bool) -> None:
        enter, free, start, end = self.times
        if visit is None:
            for column in self.times:
                column.append(0)
        else:
            enter.append(nanoseconds(visit.enter_s))
            free.append(nanoseconds(visit.free_s))
            start.append(nanoseconds(visit.start_s))
            end.append(nanoseconds(visit.end_s))
        self.batch.append(visit.batch if visit else 0)
        self.variant.append(visit.variant if visit else "")
        self.visits.append(visits)
        self.on_path.append(on_path)

    def columns(self, place: int, skipped: int) -> "dict[str, pa.Array]":
        import pyarrow as pa

        times = {
            f"{place}_{name}_ns": pa.array(column[skipped:], pa.int64())
            for name, column in zip(TIMES, self.times, strict=True)
        }
        return times | {
            f"{place}_batch": pa.array(self.batch[skipped:], pa.int32()),
            f"{place}_variant": pa.array(self.variant[skipped:], pa.string()),
            f"{place}_visits": pa.array(self.visits[skipped:], pa.int32()),
            f"{place}_on_path": pa.array([bool(on) for on in self.on_path[skipped:]], pa.bool_()),
        }


class _Chunk:
    """Some rows, one list or array per column."""

    def __init__(self, stages: tuple[str, ...]) -> None:
        self.names = stages
        self.ids: list[str] = []
        self.arrival, self.end = array("q"), array("q")
        self.outcome, self.place = array("b"), array("h")
        self.reason: list[str] = []
        self.stages = [_StageColumns() for _ in stages]

    def __len__(self) -> int:
        return len(self.ids)

    def append(self, request: Request) -> None:
        self.ids.append(request.id)
        self.arrival.append(nanoseconds(request.arrival_s))
        self.end.append(nanoseconds(request.end_s))
        self.outcome.append(OUTCOMES.index(request.outcome))
        self.reason.append(request.reason)
        self.place.append(request.place)
        told, slowest = request.path()
        for stage, visit, visits in zip(self.stages, told, request.visits, strict=True):
            stage.append(visit, len(visits), on_path=visit in slowest)

    def batch(self, first: int, skipped: int) -> "pa.RecordBatch":
        """Return its rows but the first few, numbered from ``first`` on, which is the number of row 0."""
        import pyarrow as pa

        outcomes, places = self.outcome[skipped:], self.place[skipped:]
        columns = {
            "number": pa.array(range(first + skipped, first + len(self)), pa.int64()),
            "id": pa.array(self.ids[skipped:], pa.string()),
            "arrival_ns": pa.array(self.arrival[skipped:], pa.int64()),
            "end_ns": pa.array(self.end[skipped:], pa.int64()),
            "outcome": pa.array([OUTCOMES[code] for code in outcomes], pa.string()),
            "reason": pa.array(self.reason[skipped:], pa.string()),
            "stage": pa.array([self.names[at] if at >= 0 else "" for at in places], pa.string()),
        }
        for place, stage in enumerate(self.stages, 1):
            columns |= stage.columns(place, skipped)
        return pa.record_batch(columns)


class Journal:
    """The requests that settled last.

    Parameters
    ----------
    pipeline
        What they visited.
    limit
        Requests that are remembered at least; a few thousand more may be.
    """

    def __init__(self, pipeline: Pipeline, limit: int) -> None:
        self._stages = tuple(stage.name for stage in pipeline.stages)
        self._chunks = deque([_Chunk(self._stages)], maxlen=-(-limit // CHUNK) + 1)
        self._forgotten = 0

    def append(self, request: Request) -> None:
        """Write a request of which nothing is in the pipeline any more."""
        if len(self._chunks[-1]) >= CHUNK:
            if len(self._chunks) == self._chunks.maxlen:
                self._forgotten += len(self._chunks[0])
            self._chunks.append(_Chunk(self._stages))
        self._chunks[-1].append(request)

    def table(self, after: int = 0) -> "pa.Table":
        """Return the requests from a number on, in the order in which they settled.

        Parameters
        ----------
        after
            Number of the first one; the column ``number`` counts them.
        """
        import pyarrow as pa

        batches, first = [], self._forgotten
        for chunk in self._chunks:
            if first + len(chunk) > after or chunk is self._chunks[-1]:
                # Whoever reads often asks for a few rows of a large piece.
                batches.append(chunk.batch(first, min(max(0, after - first), len(chunk))))
            first += len(chunk)
        return pa.Table.from_batches(batches)
