"""Observations, plans and reports as JSON: what goes over the control socket of a live pipeline."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from ipa.errors import LivePipelineError, brief
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Observation

Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class About:
    """What a live pipeline tells of itself.

    Parameters
    ----------
    name
        Its name.
    pipeline
        Name or path of its pipeline file.
    source
        Where its weights come from.
    grpc_port, http_port
        Where its gateway answers on 127.0.0.1.
    zero_ns
        When its clock showed 0, on the machine's monotonic clock.
    core_limit
        Cores that its replicas may hold together; None: no limit.
    adapts
        Whether it adapts itself.
    """

    name: str
    pipeline: str
    source: str
    grpc_port: int
    http_port: int
    zero_ns: int
    core_limit: int | None
    adapts: bool


def encode(message: Plan | ApplyReport | About) -> bytes:
    """Return a message as JSON."""
    return json.dumps(asdict(message)).encode()


def decode(kind: type[Message], data: bytes) -> Message:
    """Return a message from its JSON.

    Raises
    ------
    LivePipelineError
        If it is not of that kind.
    """
    try:
        return TypeAdapter(kind).validate_json(data, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise LivePipelineError(
            f"no {kind.__name__}: {where}: {first['msg']}: {brief(str(data), 100)}"
        ) from None


def encode_observation(seen: Observation) -> bytes:
    """Return an observation as JSON; a second that was not measured is null."""
    rates = [None if math.isnan(rate) else rate for rate in seen.rates_rps.tolist()]
    return json.dumps({**asdict(seen), "rates_rps": rates}).encode()


def decode_observation(data: bytes) -> Observation:
    """Return an observation from its JSON."""
    content: dict[str, Any] = json.loads(data)
    rates = np.array([math.nan if rate is None else rate for rate in content["rates_rps"]], np.float64)
    return Observation(
        now_s=content["now_s"],
        rates_rps=rates,
        plan=TypeAdapter(Plan).validate_python(content["plan"]),
        ready_replicas=tuple(content["ready_replicas"]),
        pending=content["pending"],
    )
