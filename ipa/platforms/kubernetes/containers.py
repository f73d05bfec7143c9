"""The pods of a pipeline: what runs in them, with what, as whom, and how it is watched over."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ipa.pipeline.pipeline import Variant
from ipa.platforms.kubernetes.serving_settings import ClusterServing
from ipa.serving.pod.settings import PIPELINE, POD_DOORS, POD_NAME, POD_NAMESPACE
from ipa.serving.threads import VARIABLES

HTTP_PORT, GRPC_PORT, METRICS_PORT = POD_DOORS.http_port, POD_DOORS.grpc_port, POD_DOORS.metrics_port
"""Doors of every pod: V2 over REST, V2 over gRPC, and what is only looked at."""

USER = 65532
"""Nobody in particular."""

SETTINGS_FOLDER, SETTINGS_KEY = "/etc/ipa", "settings.json"
MODELS_FOLDER = "/models"

PRE_STOP_S = 3
"""Time that a replica which is to end serves on, so that gateways let it go first."""

STOP_S = 5
"""Time that a server takes to end once it is asked to."""

GATEWAY_GRACE_S = 40
"""Time that a gateway has to end: up to 12 s for new requests, 20 s for those it has, 3 s for its journal."""

HANG_AFTER_S, HANG_P99_FACTOR = 5.0, 20.0
"""A batch that takes longer than both, the second a multiple of its p99, is given up by the gateway."""

EMULATED_CPU = "20m"
"""What an emulated replica asks for: it waits more than it computes."""

GATEWAY_CPU, GATEWAY_MEMORY, GATEWAY_MEMORY_LIMIT = "100m", "256Mi", "1Gi"

GATEWAY_ACCOUNT = "ipa-gateway"
"""Account that may read what a gateway has to know."""

Spec = dict[str, Any]


def replica_pod(settings: ClusterServing, variant: Variant, stage: str, cores: int, config: str) -> Spec:
    """Return the specification of the pods that serve a variant with a model server of IPA.

    Parameters
    ----------
    settings
        Of the platform.
    variant
        What they serve.
    stage
        Name of the stage, which is that of their model.
    cores
        Of each.
    config
        Name of the ConfigMap with their settings.
    """
    ready = f"/v2/models/{stage}/ready"
    container = _container("replica", settings, ["ipa.serving.pod", "replica"]) | {
        "env": _environment(settings, cores),
        "resources": _resources(settings, cores),
        "startupProbe": _http_probe(ready, period_s=1, timeout_s=1, failures=round(settings.start_timeout_s)),
        "readinessProbe": _http_probe(ready, period_s=2, timeout_s=2, failures=3),
        "livenessProbe": _http_probe("/v2/health/live", period_s=5, timeout_s=5, failures=4),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_S}}},
    }
    longest_s = max(
        settings.hang_after_s or max(HANG_AFTER_S, HANG_P99_FACTOR * point.latency_p99_s)
        for point in variant.profile_on(cores).points
    )
    volumes = [_settings_volume(config), _scratch_volume()]
    if settings.models_claim:
        container["volumeMounts"] += [{"name": "models", "mountPath": MODELS_FOLDER, "readOnly": True}]
        claim = {"claimName": settings.models_claim, "readOnly": True}
        volumes.append({"name": "models", "persistentVolumeClaim": claim})
    return _pod([container], volumes, grace_s=PRE_STOP_S + STOP_S + math.ceil(longest_s)) | {
        "automountServiceAccountToken": False
    }


def gateway_pod(settings: ClusterServing, pipeline: str, config: str) -> Spec:
    """Return the specification of the pods of a gateway.

    Parameters
    ----------
    settings
        Of the platform.
    pipeline
        Name of the object whose status tells it its plan.
    config
        Name of the ConfigMap with its settings.
    """
    live = "/v2/health/live"
    container = _container("gateway", settings, ["ipa.serving.pod", "gateway"]) | {
        "env": [
            _field_of_the_pod(POD_NAME, "metadata.name"),
            _field_of_the_pod(POD_NAMESPACE, "metadata.namespace"),
            {"name": PIPELINE, "value": pipeline},
        ],
        "resources": {
            "requests": {"cpu": GATEWAY_CPU, "memory": GATEWAY_MEMORY},
            "limits": {"memory": GATEWAY_MEMORY_LIMIT},
        },
        "startupProbe": _http_probe(live, period_s=1, timeout_s=2, failures=60),
        "readinessProbe": _http_probe("/v2/health/ready", period_s=1, timeout_s=2, failures=3),
        "livenessProbe": _http_probe(live, period_s=5, timeout_s=5, failures=4),
    }
    volumes = [_settings_volume(config), _scratch_volume()]
    return _pod([container], volumes, grace_s=GATEWAY_GRACE_S) | {"serviceAccountName": GATEWAY_ACCOUNT}


def spread_over_nodes(pods: Mapping[str, str]) -> list[Spec]:
    """Return what lets pods with these labels be on different nodes where that is possible."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(pods)},
        }
    ]


def _container(name: str, settings: ClusterServing, command: Sequence[str]) -> Spec:
    return {
        "name": name,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "args": [*command, "--settings", f"{SETTINGS_FOLDER}/{SETTINGS_KEY}"],
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "settings", "mountPath": SETTINGS_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (of the pod alone)
        ],
    }


def _pod(containers: list[Spec], volumes: list[Spec], *, grace_s: int) -> Spec:
    return {
        "containers": containers,
        "volumes": volumes,
        "terminationGracePeriodSeconds": grace_s,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _environment(settings: ClusterServing, cores: int) -> list[Spec]:
    """Return the environment of a replica; what a container sees of the machine says nothing of its cores."""
    models = [{"name": "XDG_CACHE_HOME", "value": MODELS_FOLDER}] if settings.models_claim else []
    threads = [{"name": variable, "value": str(cores)} for variable in VARIABLES]
    return [_field_of_the_pod(POD_NAME, "metadata.name"), *threads, *models]


def _resources(settings: ClusterServing, cores: int) -> Spec:
    memory = f"{settings.memory_mb}Mi"
    if settings.source == "emulated":
        return {"requests": {"cpu": EMULATED_CPU, "memory": "128Mi"}, "limits": {"memory": memory}}
    whole = {"cpu": str(cores), "memory": memory}
    return {"requests": whole, "limits": whole}


def _field_of_the_pod(name: str, path: str) -> Spec:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _http_probe(path: str, *, period_s: int, timeout_s: int, failures: int) -> Spec:
    return {
        "httpGet": {"path": path, "port": HTTP_PORT, "scheme": "HTTP"},
        "periodSeconds": period_s,
        "timeoutSeconds": timeout_s,
        "failureThreshold": failures,
    }


def _settings_volume(config: str) -> Spec:
    return {"name": "settings", "configMap": {"name": config}}


def _scratch_volume() -> Spec:
    return {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}
