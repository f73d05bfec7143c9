"""A model behind a REST door."""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
from mlserver import types

from ipa.errors import EndpointError, TensorError, brief
from ipa.serving.load_generator.endpoint import Failure, Stamp, failure, pause_s
from ipa.serving.load_generator.grpc_endpoint import ASK_S
from ipa.serving.payloads import Input
from ipa.serving.v2 import Answer, Tensor
from ipa.serving.v2.mlserver_types import read_response

REASON_OF_STATUS = {429: "refused", 503: "unavailable", 504: "expired", 499: "cancelled"}
"""Why a request failed if the endpoint gives no reason; every other status is an error of the model."""

CONNECTIONS = 900
"""Most connections at a time: ``select`` waits for 1024 files at most."""


class RestEndpoint:
    """A model behind a REST door.

    Parameters
    ----------
    address
        ``http://HOST:PORT``.
    model
        Name of the model.
    timeout_s
        Seconds after which a request is given up.
    """

    def __init__(self, address: str, model: str, timeout_s: float) -> None:
        self._address, self._model = address.rstrip("/"), model
        self._url = f"{self._address}/v2/models/{quote(model, safe='')}"
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            headers={"Content-Type": "application/json"},
        )
        self._items: list[bytes] = []

    async def inputs(self) -> tuple[Input, ...]:
        """Return the inputs that the model describes."""
        await self._ask("/ready")
        described = await self._ask("")
        return tuple(
            Input(str(item.get("name")), str(item.get("datatype")), tuple(item.get("shape", ())))
            for item in described.get("inputs") or ()
        )

    def prepare(self, items: Sequence[Sequence[Tensor]]) -> None:
        """Write the payloads as JSON once, all but the id."""
        self._items = [json.dumps(_inputs(tensors)).encode() for tensors in items]

    async def send(self, item: int, request_id: str, stamp: Stamp) -> Answer | Failure:
        """Send one request and return what came of it."""
        body = b'{"id": %b, "inputs": %b}' % (json.dumps(request_id).encode(), self._items[item])
        stamp()
        try:
            async with self._session.post(f"{self._url}/infer", data=body) as response:
                said = await response.read()
        except TimeoutError:
            return Failure("timeout")
        except aiohttp.ClientError as error:
            return Failure("unavailable", "", str(error), 0.0)
        if response.status != 200:
            again_after_s = pause_s(response.headers.get("Retry-After"), None)
            return failure(_error(said), REASON_OF_STATUS.get(response.status, "model-error"), again_after_s)
        try:
            return read_response(types.InferenceResponse.model_validate_json(said))
        except (TensorError, ValueError) as error:
            return Failure("bad-answer", "", str(error))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _ask(self, path: str) -> Mapping[str, Any]:
        """Return what the model says at a path."""
        try:
            async with asyncio.timeout(ASK_S), self._session.get(self._url + path) as response:
                said = await response.read()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            why = brief(str(error) or "no answer", 120)
            raise EndpointError(
                f"nobody answers V2 over REST at {self._address} ({why}); is it up, and is that its REST"
                " port? A gRPC door is given as HOST:PORT"
            ) from None
        if response.status != 200:
            raise EndpointError(
                f"no model {brief(self._model)!r} is ready at {self._address} (status {response.status}:"
                f" {brief(_error(said), 120)}); check --model, or wait until it is loaded"
            )
        try:
            found = json.loads(said or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise EndpointError(f"{self._address} does not answer as V2 over REST: {brief(said, 120)}")
        return found


def _inputs(tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    return [
        {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape), **_data(tensor)}
        for tensor in tensors
    ]


def _data(tensor: Tensor) -> dict[str, Any]:
    if isinstance(tensor.data, bytes):
        return {"data": tensor.numpy().ravel().tolist()}
    try:
        return {"data": [element.decode() for element in tensor.data]}
    except UnicodeDecodeError:
        encoded = [base64.b64encode(element).decode() for element in tensor.data]
        return {"data": encoded, "parameters": {"content_type": "base64"}}


def _error(said: bytes) -> str:
    """Return the message in the body of an error; the body itself if it has no such form."""
    try:
        found = json.loads(said)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return str(found.get("error") or found.get("detail") or "")
    return said.decode(errors="replace")
