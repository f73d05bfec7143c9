"""What monitoring and the adapter may ask a shard of the gateway: a door at which nothing changes."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ipa.errors import GatewayError, IpaError
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.rest_door import QuietServer, listen
from ipa.serving.pod.pod_metrics import ArrivalTimes

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SECONDS = 86_400

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Clocks:
    """The machine's monotonic clock against that of the world, as they stood at one instant.

    Parameters
    ----------
    unix_minus_monotonic_ns
        What is to be added to the former.
    """

    unix_minus_monotonic_ns: int

    @classmethod
    def now(cls) -> "Clocks":
        """Return how they stand now."""
        return cls(time.time_ns() - time.monotonic_ns())

    def monotonic_s(self, unix_ns: int) -> float:
        """Return an instant of the world on the monotonic clock."""
        return (unix_ns - self.unix_minus_monotonic_ns) / NS

    def in_unix_time(self, table: "pa.Table") -> "pa.Table":
        """Return a journal with its instants in nanoseconds since 1970; 0 stays for what has not happened."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for place, name in enumerate(table.column_names):
            if name.endswith("_ns"):
                told = table.column(name)
                shifted = pc.add(told, pa.scalar(self.unix_minus_monotonic_ns, pa.int64()))
                table = table.set_column(place, name, pc.if_else(pc.equal(told, 0), told, shifted))
        return table


class Monitoring:
    """Serves metrics, state, arrivals and journal.

    Parameters
    ----------
    host, port
        Where.
    engine
        What is told of.
    times
        When requests arrived.
    state
        Returns what is told under ``/state``.
    clocks
        By which arrivals are counted and the journal tells time.
    first_number
        Number of the first request of the journal. A container that is started anew in the same pod has to
        begin beyond all numbers of the one before: readers ask from the last one on that they know.

    Raises
    ------
    OSError
        If the port is taken.
    """

    def __init__(
        self,
        host: str,
        port: int,
        engine: Engine,
        times: ArrivalTimes,
        state: Callable[[], dict[str, object]],
        clocks: Clocks,
        first_number: int = 0,
    ) -> None:
        self._engine, self._times, self._state_of, self._clocks = engine, times, state, clocks
        self._first_number = first_number
        routes = [
            _route("/metrics", self._metrics),
            _route("/state", self._state),
            _route("/arrivals", self._arrivals),
            _route("/journal", self._journal),
            _route("/now", self._now),
        ]
        config = uvicorn.Config(Starlette(routes=routes), access_log=False, log_config=None, lifespan="off")
        self._server = QuietServer(config)
        self._socket: socket.socket = listen(host, port)
        self._told: int | None = None
        self._telling = asyncio.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Serve until ``close``."""
        await self._server.serve([self._socket])

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.should_exit = True

    async def until_told(self, timeout_s: float) -> None:
        """Return once whoever reads the journal has all of it, or after a time; at once if nobody does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._told is not None and self._told < self._engine.account.settled:
                    self._telling.clear()
                    await self._telling.wait()

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    async def _state(self, _request: Request) -> Response:
        return JSONResponse(self._state_of())

    async def _now(self, _request: Request) -> Response:
        return JSONResponse(time.time_ns())

    async def _arrivals(self, request: Request) -> Response:
        asked = request.query_params
        first_s, end_s = int(asked["first_s"]), int(asked["end_s"])
        if not 0 <= end_s - first_s <= MOST_SECONDS:
            raise GatewayError(f"{end_s - first_s} seconds of arrivals; 0 to {MOST_SECONDS} can be asked for")
        zero_s = self._clocks.monotonic_s(int(asked["zero_unix_ns"]))
        return JSONResponse(self._times.counts(zero_s, first_s, end_s, time.monotonic()))

    async def _journal(self, request: Request) -> Response:
        import pyarrow as pa

        after = max(0, int(request.query_params.get("after", "0")) - self._first_number)
        table = self._clocks.in_unix_time(self._engine.journal.table(after))
        self._told = table["number"][-1].as_py() + 1 if len(table) else after
        self._telling.set()
        table = self._numbered(table)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return Response(sink.getvalue().to_pybytes(), media_type="application/vnd.apache.arrow.stream")

    def _numbered(self, table: "pa.Table") -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        place = table.column_names.index("number")
        numbers = pc.add(table.column(place), pa.scalar(self._first_number, pa.int64()))
        return table.set_column(place, "number", numbers)


def _route(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
    async def guarded(request: Request) -> Response:
        try:
            return await answer(request)
        except KeyError as error:
            return PlainTextResponse(f"the parameter {error} is missing", 400)
        except (IpaError, ValueError) as error:
            return PlainTextResponse(str(error), 400)

    return Route(path, guarded, methods=["GET"])
