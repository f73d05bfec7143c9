"""What the shards of a gateway wrote down of ended requests, taken piece by piece."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

NS = 1_000_000_000


class ShardJournal:
    """Ended requests of all shards, those that are gone too.

    Parameters
    ----------
    limit
        Rows to keep, about: the oldest pieces beyond it are forgotten.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[pa.Table] = []
        self._next: dict[str, int] = {}

    def next(self, shard: str) -> int:
        """Return the number of the first request of a shard that is not known."""
        return self._next.get(shard, 0)

    def add(self, shard: str, piece: "pa.Table") -> None:
        """Take what a shard wrote down since it was asked last."""
        if not piece.num_rows:
            return
        self._next[shard] = int(piece.column("number")[-1].as_py()) + 1
        self._pieces.append(piece)
        while sum(kept.num_rows for kept in self._pieces[1:]) > self._limit:
            del self._pieces[0]

    def latencies_s(self, since_unix_ns: int) -> NDArray[np.float64]:
        """Return how long answered requests took that ended since an instant."""
        found: list[NDArray[np.float64]] = []
        for piece in self._pieces:
            end_ns = piece.column("end_ns").to_numpy()
            if end_ns[-1] < since_unix_ns:
                continue
            latency_s = (end_ns - piece.column("arrival_ns").to_numpy()) / NS
            ok = np.array([outcome == "ok" for outcome in piece.column("outcome").to_pylist()], dtype=bool)
            found.append(latency_s[ok & (end_ns >= since_unix_ns)])
        return np.concatenate(found) if found else np.empty(0)

    def table(self) -> "pa.Table | None":
        """Return all that was taken; None if nothing was."""
        import pyarrow as pa

        return pa.concat_tables(self._pieces) if self._pieces else None


def on_clock(journal: "pa.Table", shift_ns: int) -> "pa.Table":
    """Return a journal with its times shifted to another clock; what has not happened stays 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    for name in journal.column_names:
        column = journal.column(name)
        if name.endswith("_ns"):
            column = pc.if_else(pc.equal(column, 0), column, pc.add(column, pa.scalar(shift_ns, pa.int64())))
        columns[name] = column
    return pa.table(columns)
