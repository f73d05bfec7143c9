"""The gateway: the one door of a live pipeline, with a queue per stage and the replicas behind it.

``serve_gateway`` runs it in a process of its own (``GatewaySettings`` says for which pipeline); clients call
it as if the pipeline were one model, over V2 gRPC or REST. Whoever owns the replicas tells it which of them
serve each stage, and how, over a Unix socket of its own: ``GatewayControl`` is the client,
``StageAssignment`` what it is told, ``GatewayState`` what it answers.
"""

from ipa.serving.gateway.control import GatewayControl
from ipa.serving.gateway.messages import (
    GatewayState,
    ReplicaAddress,
    ReplicaState,
    StageAssignment,
    StageState,
)
from ipa.serving.gateway.serve import serve_gateway
from ipa.serving.gateway.settings import GatewaySettings

__all__ = [
    "GatewayControl",
    "GatewaySettings",
    "GatewayState",
    "ReplicaAddress",
    "ReplicaState",
    "StageAssignment",
    "StageState",
    "serve_gateway",
]
