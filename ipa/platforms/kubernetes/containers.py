"""The pods of a pipeline: what runs in them, with what, as whom, and how it is watched over."""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ipa.pipeline.external_server import ExternalServer
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
SCRATCH_FOLDER = "/tmp"  # noqa: S108 (of the pod alone)

PRE_STOP_S = 3
"""Time that a replica which is to end serves on, so that gateways let it go first."""

STOP_S = 5
"""Time that a server takes to end once it is asked to."""

GONE_GRACE = {"terminationGracePeriodSeconds": PRE_STOP_S + STOP_S}
"""Time that a replica has to end which does not live any more: no batch of it is worth waiting for."""

GATEWAY_GRACE_S = 40
"""Time that a gateway has to end: up to 12 s for new requests, 20 s for those it has, 3 s for its journal."""

HANG_AFTER_S, HANG_P99_FACTOR = 5.0, 20.0
"""A batch that takes longer than both, the second a multiple of its p99, is given up by the gateway."""

EMULATED_CPU = "20m"
"""What an emulated replica asks for: it waits more than it computes."""

SCRATCH_SIZE, FOREIGN_SCRATCH_SIZE = "256Mi", "2Gi"
"""What may be written in a pod: next to nothing by IPA, unpacked models and caches by others."""

GATEWAY_CPU, GATEWAY_MEMORY, GATEWAY_MEMORY_LIMIT = "100m", "256Mi", "1Gi"

GATEWAY_ACCOUNT = "ipa-gateway"
"""Account that may read what a gateway has to know."""

Spec = dict[str, Any]


def replica_pod(settings: ClusterServing, variant: Variant, stage: str, cores: int, config: str) -> Spec:
    """Return the specification of the pods that serve a variant.

    Parameters
    ----------
    settings
        Of the platform.
    variant
        What they serve: with a model server of IPA, unless it brings a server of its own.
    stage
        Name of the stage, which is that of the model of a server of IPA.
    cores
        Of each.
    config
        Name of the ConfigMap with the settings of a server of IPA.
    """
    server = variant.server
    container = (
        _own_server(settings, stage, cores) if server is None else _foreign_server(settings, server, cores)
    )
    container["lifecycle"] = {"preStop": {"sleep": {"seconds": PRE_STOP_S}}}
    longest_s = longest_batch_s(settings, variant, cores)
    volumes = [_settings_volume(config)] if server is None else []
    volumes.append(_scratch_volume(SCRATCH_SIZE if server is None else FOREIGN_SCRATCH_SIZE))
    if settings.models_claim:
        container["volumeMounts"] += [{"name": "models", "mountPath": MODELS_FOLDER, "readOnly": True}]
        claim = {"claimName": settings.models_claim, "readOnly": True}
        volumes.append({"name": "models", "persistentVolumeClaim": claim})
    user = USER if server is None or server.user is None else server.user
    return _pod([container], volumes, grace_s=PRE_STOP_S + STOP_S + math.ceil(longest_s), user=user) | {
        "automountServiceAccountToken": False
    }


def longest_batch_s(settings: ClusterServing, variant: Variant, cores: int) -> float:
    """Return after how many seconds any batch of a variant is given up."""
    points = variant.profile_on(cores).points
    return settings.hang_after_s or max(
        HANG_AFTER_S, *(HANG_P99_FACTOR * point.latency_p99_s for point in points)
    )


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
    volumes = [_settings_volume(config), _scratch_volume(SCRATCH_SIZE)]
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


def _own_server(settings: ClusterServing, stage: str, cores: int) -> Spec:
    """Return the container of a model server of IPA."""
    emulated = settings.source == "emulated"
    memory_mb = settings.memory_mb(emulated=emulated)
    return _container("replica", settings, ["ipa.serving.pod", "replica"]) | {
        "env": _environment(settings, cores),
        "resources": _emulated_resources(memory_mb) if emulated else _resources(cores, memory_mb),
        **_replica_probes(settings, stage),
    }


def _foreign_server(settings: ClusterServing, server: ExternalServer, cores: int) -> Spec:
    """Return the container of a server of somebody else's, which computes whatever the source."""
    memory_mb = server.memory_mb or settings.memory_mb(emulated=False)
    doors = {"http": HTTP_PORT} if server.has_http else {}
    doors |= {"grpc": GRPC_PORT} | ({"metrics": METRICS_PORT} if server.has_metrics else {})
    container = _plain_container("replica", settings, server.image or settings.image, doors) | {
        # Whoever looks for a home finds none that may be written.
        "env": [*_threads(cores), {"name": "HOME", "value": SCRATCH_FOLDER}],
        "resources": _resources(cores, memory_mb),
        **(_replica_probes(settings, server.model) if server.has_http else _door_probes(settings)),
    }
    if server.writable_root:
        container["securityContext"]["readOnlyRootFilesystem"] = False
    if server.command:
        words = server.command_on(GRPC_PORT, HTTP_PORT, METRICS_PORT)
        # Kubernetes would put variables where it finds $(NAME), which is nobody's wish on one machine.
        container["command"] = [word.replace("$", "$$") for word in words]
    return container


def _container(name: str, settings: ClusterServing, command: Sequence[str]) -> Spec:
    """Return a container that runs a command of IPA with a file of settings."""
    doors = {"http": HTTP_PORT, "grpc": GRPC_PORT, "metrics": METRICS_PORT}
    container = _plain_container(name, settings, settings.image, doors)
    mount = {"name": "settings", "mountPath": SETTINGS_FOLDER, "readOnly": True}
    return container | {
        "args": [*command, "--settings", f"{SETTINGS_FOLDER}/{SETTINGS_KEY}"],
        "volumeMounts": [mount, *container["volumeMounts"]],
    }


def _plain_container(name: str, settings: ClusterServing, image: str, doors: Mapping[str, int]) -> Spec:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": settings.pull_policy,
        "ports": [
            {"name": door, "containerPort": number, "protocol": "TCP"} for door, number in doors.items()
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": SCRATCH_FOLDER}],
    }


def _pod(containers: list[Spec], volumes: list[Spec], *, grace_s: int, user: int = USER) -> Spec:
    return {
        "containers": containers,
        "volumes": volumes,
        "terminationGracePeriodSeconds": grace_s,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _environment(settings: ClusterServing, cores: int) -> list[Spec]:
    """Return the environment of a replica; what a container sees of the machine says nothing of its cores."""
    models = [{"name": "XDG_CACHE_HOME", "value": MODELS_FOLDER}] if settings.models_claim else []
    return [_field_of_the_pod(POD_NAME, "metadata.name"), *_threads(cores), *models]


def _threads(cores: int) -> list[Spec]:
    return [{"name": variable, "value": str(cores)} for variable in VARIABLES]


def _emulated_resources(memory_mb: int) -> Spec:
    return {"requests": {"cpu": EMULATED_CPU, "memory": "128Mi"}, "limits": {"memory": f"{memory_mb}Mi"}}


def _resources(cores: int, memory_mb: int) -> Spec:
    whole = {"cpu": str(cores), "memory": f"{memory_mb}Mi"}
    return {"requests": whole, "limits": whole}


def _field_of_the_pod(name: str, path: str) -> Spec:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _replica_probes(settings: ClusterServing, model: str) -> Spec:
    """Return how it is found out over REST whether a model serves."""
    ready = f"/v2/models/{quote(model, safe='')}/ready"
    return {
        "startupProbe": _http_probe(ready, period_s=1, timeout_s=1, failures=round(settings.start_timeout_s)),
        "readinessProbe": _http_probe(ready, period_s=2, timeout_s=2, failures=3),
        "livenessProbe": _http_probe("/v2/health/live", period_s=5, timeout_s=5, failures=4) | GONE_GRACE,
    }


def _door_probes(settings: ClusterServing) -> Spec:
    """Return how it is found out whether a server without REST takes connections.

    V2 over gRPC has no health that a kubelet can ask for; gateways ask whether the model is ready.
    """
    asked = {"tcpSocket": {"port": GRPC_PORT}}
    return {
        "startupProbe": asked | _patience(1, 1, round(settings.start_timeout_s)),
        "readinessProbe": asked | _patience(2, 2, 3),
        "livenessProbe": asked | _patience(5, 5, 4) | GONE_GRACE,
    }


def _http_probe(path: str, *, period_s: int, timeout_s: int, failures: int) -> Spec:
    asked = {"httpGet": {"path": path, "port": HTTP_PORT, "scheme": "HTTP"}}
    return asked | _patience(period_s, timeout_s, failures)


def _patience(period_s: int, timeout_s: int, failures: int) -> Spec:
    return {"periodSeconds": period_s, "timeoutSeconds": timeout_s, "failureThreshold": failures}


def _settings_volume(config: str) -> Spec:
    return {"name": "settings", "configMap": {"name": config}}


def _scratch_volume(size: str) -> Spec:
    return {"name": "tmp", "emptyDir": {"sizeLimit": size}}
