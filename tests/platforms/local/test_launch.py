"""Servers that should run already: found, waited for, or named as missing."""

import asyncio
import logging
import socket
import time

import pytest

from ipa.errors import LivePipelineError
from ipa.platforms.local.launch import POLL_S, model_ready
from ipa.serving.gateway.messages import ReplicaAddress

pytest.importorskip("mlserver", reason='pip install -e ".[serving]"')


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_where_nobody_listens_is_told_at_once_and_given_up_soon(caplog: pytest.LogCaptureFixture) -> None:
    replica = ReplicaAddress("first-small-1", f"127.0.0.1:{closed_port()}", "theirs")
    began_s = time.monotonic()
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(LivePipelineError, match=r"nobody answered at 127\.0\.0\.1:\d+ for 0\.4 s; start that"),
    ):
        asyncio.run(model_ready(replica, silent_s=0.4))
    assert 0.4 <= time.monotonic() - began_s < 20
    assert [record.getMessage() for record in caplog.records] == [
        f"first-small-1: nobody answers at {replica.address}; asked again for 0.4 s"
    ]


def test_a_server_that_answers_may_take_its_time_to_load() -> None:
    from grpc import aio
    from mlserver.grpc import dataplane_pb2 as pb
    from mlserver.grpc.dataplane_pb2_grpc import (
        GRPCInferenceServiceServicer,
        add_GRPCInferenceServiceServicer_to_server,
    )

    class Loading(GRPCInferenceServiceServicer):  # type: ignore[misc]
        asked = 0

        async def ModelReady(self, _request: object, _context: object) -> pb.ModelReadyResponse:  # noqa: N802
            self.asked += 1
            return pb.ModelReadyResponse(ready=self.asked > 5)

    async def wait() -> tuple[ReplicaAddress, ReplicaAddress]:
        server = aio.server()
        add_GRPCInferenceServiceServicer_to_server(Loading(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            replica = ReplicaAddress("first-small-1", f"127.0.0.1:{port}", "theirs")
            return replica, await model_ready(replica, silent_s=3 * POLL_S)
        finally:
            await server.stop(None)

    asked, found = asyncio.run(wait())
    assert found == asked
