"""From the account of a load to the records that every run has, whoever served it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Floats, Ints
from ipa.pipeline.pipeline import Pipeline
from ipa.results.requests import NONE, RequestRecords, StageRecords
from ipa.serving.load_generator.account import NOT_YET, LoadAccount, Texts

if TYPE_CHECKING:
    import pyarrow as pa

HOP_S = 0.05
"""Longest time from the end of a visit to the one that it leads to; beyond that another led there."""


def request_records(
    pipeline: Pipeline, account: LoadAccount, journal: "pa.Table | None" = None
) -> RequestRecords:
    """Return what happened to each request of a live run, in the form that all runs share.

    Outcomes and latencies are the client's, which count from when a request was due. What happened in the
    stages is the gateway's.

    Parameters
    ----------
    pipeline
        What was served.
    account
        The load generator's account.
    journal
        The gateway's journal of ended requests. Without it only answered requests tell of their stages.
    """
    shape = _Shape(
        tuple((stage.name, tuple(variant.name for variant in stage.variants)) for stage in pipeline.stages),
        tuple((edge.source, edge.target) for edge in pipeline.edges),
    )
    return _records(shape, account, journal)


def records_of_answers(account: LoadAccount) -> RequestRecords:
    """Return what happened to each request of a load on an endpoint of which only its answers are known.

    Parameters
    ----------
    account
        The load generator's account. Stages are those that the answers of a gateway tell of, in the order in
        which requests entered them; the answers of another server tell of none.
    """
    entered = {
        name.removesuffix(".enter_ns"): float(np.mean(values[values != NOT_YET] - account.zero_ns))
        for name, values in account.numbers.items()
        if name.endswith(".enter_ns") and (values != NOT_YET).any()
    }
    stages = tuple((name, _variants_told(account, name)) for name in sorted(entered, key=entered.__getitem__))
    return _records(_Shape(stages), account, None)


def _variants_told(account: LoadAccount, stage: str) -> tuple[str, ...]:
    said = account.texts.get(f"{stage}.variant")
    return tuple(said.names) if said is not None else ()


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the records of a pipeline look like.

    Parameters
    ----------
    stages
        Name and names of the variants of each.
    edges
        Source and target of each, in a graph.
    """

    stages: tuple[tuple[str, tuple[str, ...]], ...]
    edges: tuple[tuple[str, str], ...] = ()


def _records(shape: _Shape, account: LoadAccount, journal: "pa.Table | None") -> RequestRecords:
    told = _Journal.of(account, journal, graph=bool(shape.edges))
    stages = tuple(_stage_records(account, stage, place, told) for place, stage in enumerate(shape.stages))
    ended_in = _ended_in(shape, account, told)
    return RequestRecords(
        arrival_s=_seconds(account.due_ns, account.zero_ns),
        end_s=_seconds(account.end_ns, account.zero_ns),
        outcome=account.outcome.copy(),
        reason=account.reason.copy(),
        dropped_stage=ended_in,
        stages=_with_paths(shape, stages, ended_in) if shape.edges else stages,
        right=account.right.copy() if (account.right != NONE).any() else None,
    )


@dataclass(frozen=True, slots=True)
class _Journal:
    """The rows of a gateway's journal that tell of this load.

    Parameters
    ----------
    request
        Number of the request of each row.
    columns
        By name, one entry per row.
    size
        Requests of the load.
    graph
        Whether requests may visit a stage several times.
    """

    request: Ints
    columns: dict[str, Any]
    size: int
    graph: bool

    @classmethod
    def of(cls, account: LoadAccount, table: "pa.Table | None", *, graph: bool) -> "_Journal":
        if table is None or not table.num_rows:
            return cls(np.empty(0, np.int64), {}, len(account), graph)
        ours = _numbers_of(table.column("id").to_pylist(), account.run_token, len(account))
        rows = np.flatnonzero(ours != NONE)
        kept = table.take(rows)
        return cls(ours[rows], {name: kept.column(name) for name in kept.column_names}, len(account), graph)

    def integers(self, name: str) -> Ints:
        """Return a column per request; 0 where the journal says nothing."""
        return self._spread(name, np.zeros(self.size, np.int64), lambda column: column.to_numpy())

    def texts(self, name: str) -> Texts:
        """Return a column of texts per request."""
        found = Texts(np.full(self.size, NONE, np.int32))
        if name in self.columns:
            for place, text in zip(self.request.tolist(), self.columns[name].to_pylist(), strict=True):
                if text:
                    found.put(place, text)
        return found

    def _spread(self, name: str, values: Ints, read: Callable[[Any], NDArray[Any]]) -> Ints:
        if name in self.columns:
            values[self.request] = read(self.columns[name])
        return values


def _numbers_of(ids: list[str], run_token: str, size: int) -> Ints:
    """Return the number of the request with each id; -1 for one of somebody else."""
    prefix, found = f"{run_token}-", np.full(len(ids), NONE, np.int64)
    for row, text in enumerate(ids):
        digits = text.removeprefix(prefix)
        if text.startswith(prefix) and digits.isascii() and digits.isdecimal() and int(digits) < size:
            found[row] = int(digits)
    return found


def _stage_records(
    account: LoadAccount, stage: tuple[str, tuple[str, ...]], place: int, told: _Journal
) -> StageRecords:
    name, names = stage
    enter, free, start, end, batch, visits = (
        told.integers(f"{place + 1}_{what}")
        for what in ("enter_ns", "free_ns", "start_ns", "end_ns", "batch", "visits")
    )
    variants = told.texts(f"{place + 1}_variant")
    missing = enter == NOT_YET
    for mine, answered in zip((enter, free, start, end, batch), _from_answers(account, name), strict=True):
        mine[missing] = answered[missing]
    if (said := account.texts.get(f"{name}.variant")) is not None:
        _fill(variants, said, missing)
    return StageRecords(
        name,
        names,
        _seconds(enter, account.zero_ns),
        _seconds(start, account.zero_ns),
        _seconds(end, account.zero_ns),
        _seconds(free, account.zero_ns),
        batch.astype(np.int32),
        _codes_in(names, variants),
        visits.astype(np.int32) if told.graph else None,
    )


def _from_answers(account: LoadAccount, stage: str) -> tuple[Ints, ...]:
    """Return when a request entered a stage, its replica was free, service began and ended, and its batch."""
    zeros: Ints = np.zeros(len(account), np.int64)
    enter, queue, wait, service, batch = (
        account.numbers.get(f"{stage}.{what}", zeros)
        for what in ("enter_ns", "queue_ns", "batch_wait_ns", "service_ns", "batch")
    )
    visited = enter != NOT_YET
    free = np.where(visited, enter + queue, NOT_YET)
    start = np.where(visited, free + wait, NOT_YET)
    return enter, free, start, np.where(visited, start + service, NOT_YET), batch


def _fill(texts: Texts, said: Texts, missing: NDArray[np.bool_]) -> None:
    names = list(said.names)
    for place in np.flatnonzero(missing & (said.codes != NONE)).tolist():
        texts.put(place, names[said.codes[place]])


def _codes_in(names: tuple[str, ...], texts: Texts) -> NDArray[np.int16]:
    """Return the codes of texts among other names; -1 for a text that is none of them."""
    known = [names.index(text) if text in names else NONE for text in texts.names]
    return np.array([*known, NONE], np.int16)[texts.codes]


def _ended_in(shape: _Shape, account: LoadAccount, told: _Journal) -> NDArray[np.int16]:
    """Return the stage where a request ended badly: as the client was told, else as the journal says."""
    names = tuple(name for name, _ in shape.stages)
    client, gateway = _codes_in(names, account.stage), _codes_in(names, told.texts("stage"))
    return np.where(client != NONE, client, gateway).astype(np.int16)


def _with_paths(
    shape: _Shape, stages: tuple[StageRecords, ...], ended_in: NDArray[np.int16]
) -> tuple[StageRecords, ...]:
    """Return the records of a graph, with the stages on the slowest path of each request marked."""
    place_of = {stage.stage: place for place, stage in enumerate(stages)}
    before: dict[int, list[int]] = {place: [] for place in place_of.values()}
    for source, target in shape.edges:
        before[place_of[target]].append(place_of[source])
    enter_s = np.array([stage.enter_s for stage in stages])
    left_s = np.array([np.where(np.isnan(stage.end_s), stage.enter_s, stage.end_s) for stage in stages])
    left_s = np.where(np.isnan(left_s), -np.inf, left_s)
    on_path = np.zeros(left_s.shape, dtype=np.bool_)
    last = np.where(ended_in != NONE, ended_in, left_s.argmax(axis=0))
    on_path[last, np.arange(left_s.shape[1])] = left_s.max(axis=0) > -np.inf
    for place in reversed(range(len(stages))):
        _mark_cause(on_path, before[place], place, enter_s, left_s)
    return tuple(_marked(stage, marks) for stage, marks in zip(stages, on_path, strict=True))


def _mark_cause(
    on_path: NDArray[np.bool_], sources: list[int], place: int, enter_s: Floats, left_s: Floats
) -> None:
    """Mark, of the stages that lead to one, the one whose end let the request enter it."""
    if not sources:
        return
    gap_s = enter_s[place] - left_s[sources]
    gap_s = np.where((gap_s >= -HOP_S) & (gap_s <= HOP_S), np.abs(gap_s), np.inf)
    nearest = gap_s.argmin(axis=0)
    requests = np.flatnonzero(on_path[place] & (gap_s.min(axis=0) < np.inf))
    on_path[np.array(sources)[nearest[requests]], requests] = True


def _marked(stage: StageRecords, on_path: NDArray[np.bool_]) -> StageRecords:
    return replace(stage, on_path=on_path)


def _seconds(times_ns: Ints, zero_ns: int) -> Floats:
    return np.where(times_ns == NOT_YET, np.nan, (times_ns - zero_ns) / 1e9)
