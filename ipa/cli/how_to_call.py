"""How a live pipeline is called: lines to copy."""

import json
import urllib.request
from typing import Any

from ipa.platforms.local.wire import About

TIMEOUT_S = 10.0

NUMPY = {"FP32": "float32", "FP64": "float64", "INT64": "int64", "INT32": "int32", "UINT8": "uint8"}
"""What NumPy calls the datatypes of the protocol that pipelines take."""

CURL = """\
curl -s {rest}/v2/models/{model}/infer -H 'Content-Type: application/json' -d '
{body}'"""

CLIENT = """\
python - <<'END'
import numpy as np
import tritonclient.grpc as grpc
client = grpc.InferenceServerClient("{grpc}")
{inputs}
print(client.infer("{model}", [{names}]).get_response())
END"""

INPUT = """\
{variable} = grpc.InferInput("{name}", {shape}, "{datatype}")
{variable}.set_data_from_numpy({value})"""


def described_inputs(about: About, model: str) -> list[dict[str, Any]]:
    """Return the inputs of a live pipeline, asked for as any client of the protocol would."""
    url = f"http://127.0.0.1:{about.http_port}/v2/models/{model}"
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        described: list[dict[str, Any]] = json.load(answer).get("inputs") or []
    return described or [{"name": "input", "datatype": "BYTES", "shape": [1]}]


def with_curl(about: About, model: str, inputs: list[dict[str, Any]]) -> str:
    """Return a command that sends one request over REST."""
    tensors = [
        {
            "name": wanted["name"],
            "datatype": wanted["datatype"],
            "shape": _shape(wanted),
            "data": ["hello"] if wanted["datatype"] == "BYTES" else [0] * _size(wanted),
        }
        for wanted in inputs
    ]
    rest = f"http://127.0.0.1:{about.http_port}"
    return CURL.format(rest=rest, model=model, body=json.dumps({"id": "1", "inputs": tensors}))


def with_client(about: About, model: str, inputs: list[dict[str, Any]]) -> str:
    """Return a command that sends one request over gRPC with Triton's client."""
    variables = [f"input_{place}" for place in range(len(inputs))]
    lines = [
        INPUT.format(
            variable=variable,
            name=wanted["name"],
            shape=_shape(wanted),
            datatype=wanted["datatype"],
            value='np.array([b"hello"], dtype=object)'
            if wanted["datatype"] == "BYTES"
            else f'np.zeros({_shape(wanted)}, "{NUMPY.get(wanted["datatype"], "float32")}")',
        )
        for variable, wanted in zip(variables, inputs, strict=True)
    ]
    return CLIENT.format(
        grpc=f"127.0.0.1:{about.grpc_port}", model=model, inputs="\n".join(lines), names=", ".join(variables)
    )


def _shape(wanted: dict[str, Any]) -> list[int]:
    """Return the shape of one item: any length is 1."""
    return [max(1, length) for length in wanted.get("shape") or [1]]


def _size(wanted: dict[str, Any]) -> int:
    size = 1
    for length in _shape(wanted):
        size *= length
    return size
