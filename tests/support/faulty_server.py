"""A V2 server that goes wrong on demand; a variant's ``server: {command: [...]}`` starts it.

``python -m tests.support.faulty_server --port {port}`` answers like an emulated variant. It does one of
``FAULTS`` to a call with an element of BYTES that holds ``fault:NAME``, and to every call while the file
given by ``--switch`` exists and holds that name.
"""

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import grpc
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

from ipa.serving.digest import digest_items
from ipa.serving.v2 import Tensor
from ipa.serving.v2.client import CHANNEL_OPTIONS
from ipa.serving.v2.messages import Call, make_response, read_request

Context = grpc.aio.ServicerContext[pb.ModelInferRequest, pb.ModelInferResponse]

MARK = b"fault:"


def _torn(answer: pb.ModelInferResponse) -> None:
    answer.raw_output_contents[0] = answer.raw_output_contents[0][:-3]


def _longer(answer: pb.ModelInferResponse) -> None:
    answer.outputs[0].shape[0] += 1
    answer.raw_output_contents[0] += answer.raw_output_contents[0][-8:]


def _empty(answer: pb.ModelInferResponse) -> None:
    del answer.outputs[:]
    del answer.raw_output_contents[:]


def _foreign(answer: pb.ModelInferResponse) -> None:
    answer.id = f"not-{answer.id}"


def _renamed(answer: pb.ModelInferResponse) -> None:
    answer.outputs[0].name = "surprise"


SPOILED: Mapping[str, Callable[[pb.ModelInferResponse], None]] = {
    "torn": _torn,
    "wrong-shape": _longer,
    "no-outputs": _empty,
    "wrong-id": _foreign,
    "wrong-name": _renamed,
}
"""Answers that are none."""

FAULTS = (*SPOILED, "raise", "hang", "freeze", "exit", "unavailable")
"""Beside spoiled answers: fail the batch, never answer, answer nothing at all any more, die, refuse."""


class FaultyServer(GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers with digests, or goes wrong.

    Parameters
    ----------
    service_s
        How long a batch takes.
    switch
        File that says what goes wrong with all calls while it exists.
    """

    def __init__(self, service_s: float, switch: Path | None) -> None:
        self._service_s, self._switch = service_s, switch
        self._one_batch = asyncio.Lock()

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:  # noqa: N802
        call = read_request(request)
        fault = self._fault(call)
        async with self._one_batch:
            await asyncio.sleep(self._service_s)
        if fault in {"raise", "unavailable"}:
            code = grpc.StatusCode.INTERNAL if fault == "raise" else grpc.StatusCode.UNAVAILABLE
            await context.abort(code, f"asked to {fault}")
        elif fault == "hang":
            await asyncio.Event().wait()
        elif fault == "freeze":
            time.sleep(3600)
        elif fault == "exit":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = make_response(call.model, [digest_items(call.tensors)], call.id)
        SPOILED.get(fault, lambda _: None)(answer)
        return answer

    async def ModelReady(self, _request: pb.ModelReadyRequest, _context: Context) -> pb.ModelReadyResponse:  # noqa: N802
        return pb.ModelReadyResponse(ready=True)

    async def ModelMetadata(  # noqa: N802
        self, request: pb.ModelMetadataRequest, _context: Context
    ) -> pb.ModelMetadataResponse:
        return pb.ModelMetadataResponse(name=request.name, platform="faulty")

    def _fault(self, call: Call) -> str:
        if self._switch is not None and self._switch.exists():
            return self._switch.read_text(encoding="utf-8").strip()
        elements = [part for tensor in call.tensors if isinstance(tensor.data, tuple) for part in tensor.data]
        marked = [part.split(MARK, 1)[1].decode() for part in elements if MARK in part]
        return marked[0] if marked else ""


async def serve(port: int, service_s: float, switch: Path | None) -> None:
    """Serve until SIGTERM."""
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    add_GRPCInferenceServiceServicer_to_server(FaultyServer(service_s, switch), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    asked_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_stop.set)
    await asked_to_stop.wait()
    await server.stop(grace=None)


def marked(fault: str) -> list[Tensor]:
    """Return an item that lets the server go wrong; without a fault one that does not."""
    assert fault in ("", *FAULTS)
    return [Tensor.of("text", [MARK + fault.encode() if fault else b"fine"])]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--service-s", type=float, default=0.0)
    parser.add_argument("--switch", type=Path)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.service_s, given.switch))
