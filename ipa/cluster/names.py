"""How the things of a pipeline are called and labelled in a cluster."""

import hashlib
import re

GROUP = "ipa.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "InferencePipeline"
PLURAL = "inferencepipelines"
FIELD_MANAGER = "ipa"
"""Who writes, as the API server keeps it for every field."""

NAME_LABEL = "app.kubernetes.io/name"
COMPONENT_LABEL = "app.kubernetes.io/component"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
INSTANCE_LABEL = "app.kubernetes.io/instance"
PIPELINE_LABEL = f"{GROUP}/pipeline"
STAGE_LABEL = f"{GROUP}/stage"
VARIANT_LABEL = f"{GROUP}/variant"
CORES_LABEL = f"{GROUP}/cores"

REPLICA, GATEWAY, CONTROLLER = "replica", "gateway", "controller"
"""Components of IPA in a cluster."""

LONGEST = 63
"""Characters of a DNS label, and of the value of a label."""

HASH_CHARACTERS = 10

JOINT = "--"
"""Stands between the parts of a name; no part that is kept as it is holds it."""

_PLAIN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_UNFIT = re.compile(r"[^a-z0-9]+")
_HASH = re.compile(rf"[0-9a-f]{{{HASH_CHARACTERS}}}")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def dns_name(*parts: str) -> str:
    """Return a name for what has these parts: a DNS label that begins with a letter.

    Different parts give different names. A name that had to be changed or shortened ends in a hash.

    Examples
    --------
    >>> dns_name("video", "detect", "yolov5n")
    'video--detect--yolov5n'
    >>> dns_name("Über uns", "a_b")
    'ber-uns--a-b--4de8e3e193'
    """
    name = JOINT.join(parts)
    plain = all(map(_PLAIN.fullmatch, parts)) and not _HASH.fullmatch(parts[-1])
    if plain and name[0].isalpha() and len(name) <= LONGEST:
        return name
    digest = hashlib.sha256("\0".join(f"{len(part)} {part}" for part in parts).encode()).hexdigest()
    readable = JOINT.join(_UNFIT.sub("-", part.lower()).strip("-") or "x" for part in parts)
    readable = readable if readable[0].isalpha() else f"x-{readable}"
    kept = readable[: LONGEST - HASH_CHARACTERS - len(JOINT)].rstrip("-")
    return f"{kept}{JOINT}{digest[:HASH_CHARACTERS]}"


def label_value(text: str) -> str:
    """Return a text as the value of a label: itself where that is allowed."""
    return text if len(text) <= LONGEST and _LABEL_VALUE.fullmatch(text) else dns_name(text)


def replica_set_name(pipeline: str, stage: str, variant: str, cores: int) -> str:
    """Return the name of the replicas of a variant on its cores: of their Deployment and their Service."""
    return dns_name(pipeline, stage, variant, f"{cores}c")


def gateway_name(pipeline: str) -> str:
    """Return the name of the gateway of a pipeline: of its Deployment and its Service."""
    return dns_name(f"{pipeline}-gateway")


def labels(
    pipeline: str, component: str, *, stage: str = "", variant: str = "", cores: int = 0
) -> dict[str, str]:
    """Return the labels of a thing that belongs to a pipeline; of a replica they name what it serves."""
    found = {
        NAME_LABEL: "ipa",
        COMPONENT_LABEL: component,
        MANAGED_BY_LABEL: "ipa",
        INSTANCE_LABEL: label_value(pipeline),
        PIPELINE_LABEL: label_value(pipeline),
    }
    if stage:
        found[STAGE_LABEL] = label_value(stage)
    if variant:
        found[VARIANT_LABEL] = label_value(variant)
    if cores:
        found[CORES_LABEL] = str(cores)
    return found


def selector(pipeline: str, component: str = "") -> str:
    """Return what selects all things of a pipeline, or those of one component."""
    chosen = {MANAGED_BY_LABEL: "ipa", PIPELINE_LABEL: label_value(pipeline)}
    if component:
        chosen[COMPONENT_LABEL] = component
    return ",".join(f"{key}={value}" for key, value in chosen.items())
