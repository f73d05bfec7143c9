"""The account of every request as the client sees it: columns in memory, then a Parquet file."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Ints
from ipa.errors import ResultsError
from ipa.results.requests import DROP_REASONS, DROPPED, ERROR, IN_FLIGHT, NONE, OK, OUTCOMES, REASONS
from ipa.serving.load_generator.report import LoadReport

UNKNOWN, WRONG, RIGHT = -1, 0, 1
"""Whether an answer was the truth."""

NOT_YET = 0
"""A time that has not come."""

METADATA_KEY = b"ipa.load"

SENT_AGAIN = "sent_again"
"""Name of the numbers that say how often a request was sent again."""


@dataclass(slots=True, eq=False)
class Texts:
    """Texts of one column, each kept once.

    Parameters
    ----------
    codes
        Index into ``names`` per request, -1 for none, shape (n,).
    names
        The texts, in the order in which they were first seen.
    """

    codes: NDArray[np.int32]
    names: dict[str, int] = field(default_factory=dict)

    def put(self, place: int, text: str) -> None:
        """Write the text of a request."""
        self.codes[place] = self.names.setdefault(text, len(self.names))


class LoadAccount:
    """What became of every request of a load.

    Parameters
    ----------
    due_ns
        When each was due, on ``time.monotonic_ns``, shape (n,).
    zero_ns
        The clock's zero.
    run_token
        How the ids of the requests begin.

    Attributes
    ----------
    sent_ns, end_ns
        When it was sent, and when its answer or its error came; 0: not. Shape (n,).
    outcome, reason
        Codes of ``OUTCOMES`` and ``REASONS``, shape (n,).
    right
        1 if the answer was the truth, 0 if not, -1 where that is not known, shape (n,).
    stage
        Name of the stage where it ended badly, where the server says so.
    numbers, texts
        What the servers said beside their answers, by name; numbers are 0 where nothing was said.
    """

    def __init__(self, due_ns: Ints, zero_ns: int, run_token: str) -> None:
        size = len(due_ns)
        self.due_ns, self.zero_ns, self.run_token = due_ns, zero_ns, run_token
        self.sent_ns: Ints = np.full(size, NOT_YET, np.int64)
        self.end_ns: Ints = np.full(size, NOT_YET, np.int64)
        self.outcome: NDArray[np.int8] = np.full(size, IN_FLIGHT, np.int8)
        self.reason: NDArray[np.int8] = np.full(size, NONE, np.int8)
        self.right: NDArray[np.int8] = np.full(size, UNKNOWN, np.int8)
        self.stage = Texts(np.full(size, NONE, np.int32))
        self.numbers: dict[str, Ints] = {}
        self.texts: dict[str, Texts] = {}

    def __len__(self) -> int:
        return len(self.due_ns)

    def id(self, place: int) -> str:
        """Return the id of a request."""
        return f"{self.run_token}-{place}"

    def sent(self, place: int, now_ns: int) -> None:
        """Write that a request goes out, for the first time or again."""
        if self.sent_ns[place] == NOT_YET:
            self.sent_ns[place] = now_ns
        else:
            self._number(SENT_AGAIN)[place] += 1

    def answered(self, place: int, end_ns: int, parameters: Mapping[str, Any], right: bool | None) -> None:
        """Write a request that was answered, and what the server said beside the answer."""
        self.end_ns[place], self.outcome[place] = end_ns, OK
        self.right[place] = UNKNOWN if right is None else int(right)
        for name, value in parameters.items():
            if isinstance(value, str):
                self._text(name).put(place, value)
            else:
                self._number(name)[place] = value

    def failed(self, place: int, end_ns: int, reason: str, stage: str = "") -> None:
        """Write a request that was dropped or ended with an error."""
        self.end_ns[place], self.reason[place] = end_ns, REASONS.index(reason)
        self.outcome[place] = DROPPED if reason in DROP_REASONS else ERROR
        if stage:
            self.stage.put(place, stage)

    def first(self, count: int) -> "LoadAccount":
        """Return the account of the first requests, for a load that was stopped."""
        cut = LoadAccount(self.due_ns[:count], self.zero_ns, self.run_token)
        for name in ("sent_ns", "end_ns", "outcome", "reason", "right"):
            setattr(cut, name, getattr(self, name)[:count])
        cut.stage = Texts(self.stage.codes[:count], self.stage.names)
        cut.numbers = {name: values[:count] for name, values in self.numbers.items()}
        cut.texts = {name: Texts(texts.codes[:count], texts.names) for name, texts in self.texts.items()}
        return cut

    def report(self) -> LoadReport:
        """Return what the load came to."""
        sent, ok = self.sent_ns != NOT_YET, self.outcome == OK
        latency_s = (self.end_ns - self.due_ns)[ok] / 1e9
        lateness_s = (self.sent_ns - self.due_ns)[sent] / 1e9
        codes, counts = np.unique(self.reason[self.reason != NONE], return_counts=True)
        ended = self.end_ns[self.end_ns != NOT_YET]
        return LoadReport(
            requests=len(self),
            sent=int(sent.sum()),
            ok=int(ok.sum()),
            dropped=int((self.outcome == DROPPED).sum()),
            errors=int((self.outcome == ERROR).sum()),
            reasons={REASONS[code]: int(count) for code, count in zip(codes, counts, strict=True)},
            right=int((self.right == RIGHT).sum()),
            judged=int((self.right != UNKNOWN).sum()),
            latency_mean_s=float(latency_s.mean()) if len(latency_s) else math.nan,
            latency_p50_s=_quantile(latency_s, 0.5),
            latency_p99_s=_quantile(latency_s, 0.99),
            latency_max_s=_quantile(latency_s, 1.0),
            lateness_p50_s=_quantile(lateness_s, 0.5),
            lateness_p99_s=_quantile(lateness_s, 0.99),
            lateness_max_s=_quantile(lateness_s, 1.0),
            seconds=float(ended.max() - self.due_ns[0]) / 1e9 if len(ended) else 0.0,
            sent_again=int((self.numbers[SENT_AGAIN] > 0).sum()) if SENT_AGAIN in self.numbers else 0,
        )

    def write(self, file: Path, about: Mapping[str, Any]) -> None:
        """Write the account as Parquet.

        Parameters
        ----------
        file
            Where to; replaced only by a whole new one.
        about
            Plain values that say what the load was; kept beside the columns, with the report.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {
            "request": pa.array(np.arange(len(self), dtype=np.int32)),
            "id": pa.array([self.id(place) for place in range(len(self))]),
            "due_ns": pa.array(self.due_ns),
            "sent_ns": pa.array(self.sent_ns),
            "end_ns": pa.array(self.end_ns),
            "outcome": _dictionary(self.outcome, OUTCOMES),
            "reason": _dictionary(self.reason, REASONS),
            "stage": _dictionary(self.stage.codes, tuple(self.stage.names)),
            "correct": pa.array(self.right == RIGHT, mask=self.right == UNKNOWN),
        }
        columns |= {name: pa.array(values) for name, values in self.numbers.items()}
        columns |= {name: _dictionary(found.codes, tuple(found.names)) for name, found in self.texts.items()}
        kept = {
            "zero_ns": self.zero_ns,
            "run_token": self.run_token,
            **about,
            "report": asdict(self.report()),
        }
        table = pa.table(columns).replace_schema_metadata({METADATA_KEY: json.dumps(kept).encode()})
        draft = file.with_name(f".{file.name}.draft")
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, draft, compression="zstd")
        draft.replace(file)

    def _number(self, name: str) -> Ints:
        if name not in self.numbers:
            self.numbers[name] = np.zeros(len(self), np.int64)
        return self.numbers[name]

    def _text(self, name: str) -> Texts:
        if name not in self.texts:
            self.texts[name] = Texts(np.full(len(self), NONE, np.int32))
        return self.texts[name]


def read_account(file: Path) -> LoadAccount:
    """Read the account of a load.

    Raises
    ------
    ResultsError
        If the file is missing, or no account.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file)
        about = json.loads((table.schema.metadata or {})[METADATA_KEY])
        return _account(table, about)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise ResultsError(f"{file} is no account of a load: {error}") from None


def _account(table: Any, about: Mapping[str, Any]) -> LoadAccount:
    columns = {name: table.column(name) for name in table.column_names}
    found = LoadAccount(_integers(columns.pop("due_ns")), about["zero_ns"], about["run_token"])
    found.sent_ns, found.end_ns = _integers(columns.pop("sent_ns")), _integers(columns.pop("end_ns"))
    found.outcome = _codes(columns.pop("outcome"), OUTCOMES).astype(np.int8)
    found.reason = _codes(columns.pop("reason"), REASONS).astype(np.int8)
    correct = columns.pop("correct").to_pylist()
    found.right = np.array([UNKNOWN if value is None else int(value) for value in correct], np.int8)
    found.stage = _texts(columns.pop("stage"))
    del columns["request"], columns["id"]
    for name, column in columns.items():
        if _is_text(column):
            found.texts[name] = _texts(column)
        else:
            found.numbers[name] = _integers(column)
    return found


def _dictionary(codes: NDArray[Any], names: tuple[str, ...]) -> Any:
    import pyarrow as pa

    indices = pa.array(codes.astype(np.int32), mask=codes == NONE)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))


def _is_text(column: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(column.type))


def _integers(column: Any) -> Ints:
    return np.array(column.to_numpy(), np.int64)


def _texts(column: Any) -> Texts:
    found = Texts(np.full(len(column), NONE, np.int32))
    for place, text in enumerate(column.to_pylist()):
        if text is not None:
            found.put(place, text)
    return found


def _codes(column: Any, names: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([NONE if text is None else names.index(text) for text in column.to_pylist()], np.int64)


def _quantile(values: NDArray[np.float64], share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else math.nan
