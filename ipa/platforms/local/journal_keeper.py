"""The gateway's journal of ended requests, fetched piece by piece: little is lost when a gateway dies."""

import asyncio
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ipa.platforms.local.gateway_keeper import GatewayKeeper

if TYPE_CHECKING:
    import pyarrow as pa


NS = 1_000_000_000


class JournalKeeper:
    """What all gateways of a pipeline wrote down.

    Parameters
    ----------
    gateway
        The one that is up.
    limit
        Rows to keep, about: the oldest pieces beyond it are forgotten.
    """

    def __init__(self, gateway: GatewayKeeper, limit: int) -> None:
        self._gateway, self._limit = gateway, limit
        self._pieces: list[pa.Table] = []
        self._since_ns, self._rows = 0, 0
        self._fetching = asyncio.Lock()

    async def fetch(self) -> None:
        """Take what is new.

        Raises
        ------
        GatewayError
            If the gateway does not answer.
        """
        import pyarrow as pa

        async with self._fetching:
            if self._since_ns != self._gateway.since_ns:
                self._since_ns, self._rows = self._gateway.since_ns, 0
            after = self._rows
            data = await self._gateway.call(lambda control: control.journal(after))
            self._keep(pa.ipc.open_stream(data).read_all())

    def _keep(self, piece: "pa.Table") -> None:
        if piece.num_rows:
            self._pieces.append(piece)
            while sum(kept.num_rows for kept in self._pieces[1:]) > self._limit:
                del self._pieces[0]
            self._rows = int(piece.column("number")[-1].as_py()) + 1

    def latencies_s(self, since_ns: int) -> NDArray[np.float64]:
        """Return how long answered requests took that ended since an instant of the monotonic clock."""
        found: list[NDArray[np.float64]] = []
        for piece in reversed(self._pieces):
            end_ns = piece.column("end_ns").to_numpy()
            latency_s = (end_ns - piece.column("arrival_ns").to_numpy()) / NS
            ok = np.array([outcome == "ok" for outcome in piece.column("outcome").to_pylist()], dtype=bool)
            found.append(latency_s[ok & (end_ns >= since_ns)])
            if end_ns[0] < since_ns:
                break
        return np.concatenate(found) if found else np.empty(0)

    def table(self) -> "pa.Table | None":
        """Return all that was taken; None if nothing was."""
        import pyarrow as pa

        return pa.concat_tables(self._pieces) if self._pieces else None
