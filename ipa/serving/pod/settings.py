"""What the pods of a pipeline are told: files of JSON in a ConfigMap, ports, and names in the environment."""

import json
import math
from dataclasses import asdict
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from ipa.errors import PodSettingsError
from ipa.serving.doors import Doors
from ipa.serving.gateway.settings import ServedPipeline
from ipa.serving.replica import ReplicaSettings

POD_DOORS = Doors(
    "0.0.0.0",  # noqa: S104 (a pod's own)
    http_port=8080,
    grpc_port=8081,
    metrics_port=8082,
    connection_age_s=10.0,
)

POD_NAME, POD_NAMESPACE, PIPELINE = "POD_NAME", "POD_NAMESPACE", "IPA_PIPELINE"
"""Environment variables: the pod's name and namespace, and the name of the pipeline's object."""

GRPC_PORT_NAME = "grpc"
"""Name of the port of a replica's Service that speaks V2 over gRPC."""

Settings = TypeVar("Settings", ReplicaSettings, ServedPipeline)


def encode(settings: ReplicaSettings | ServedPipeline) -> str:
    """Return the settings of a replica or a gateway as JSON.

    The name of a replica is that of its pod, whatever stands here.

    Examples
    --------
    >>> told = ReplicaSettings("", "detect", "small", cores=2)
    >>> decode(ReplicaSettings, encode(told)) == told
    True
    """
    content = asdict(settings)
    if isinstance(settings, ServedPipeline):
        # JSON has no infinity; pydantic reads this word as one.
        content["drop_after_s"] = [
            "inf" if limit_s == math.inf else limit_s for limit_s in settings.drop_after_s
        ]
    return json.dumps(content, indent=1, allow_nan=False)


def decode(kind: type[Settings], text: str | bytes) -> Settings:
    """Return settings from their JSON.

    Raises
    ------
    PodSettingsError
        If it is not of that kind, or a value is not allowed.
    """
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise PodSettingsError(f"no {kind.__name__}: {where}: {first['msg']}") from None
