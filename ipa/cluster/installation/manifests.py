"""The manifests that come with the package, and how they are fitted to a cluster.

They are written in ``infrastructure/kubernetes``; kubectl renders the overlays into ``rendered/`` beside this
module (``make manifests``), so that an installed package has them too and needs no kubectl.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import yaml

from ipa.cluster.kinds import Object
from ipa.errors import InvalidValueError, UnknownNameError

FOLDER = Path(__file__).parent / "rendered"

SYSTEM_NAMESPACE = "ipa-system"
"""Where the manifests put the controller."""

PIPELINES_NAMESPACE = "default"
"""Where the manifests put what a namespace needs that takes pipelines."""

CONTROLLER = "ipa-controller"
"""Name of the controller's Deployment, account, roles and lease."""

GIVEN_IMAGE = "ipa:latest"
"""Image of the overlays that know of none that can be had."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the parts of IPA go.

    Parameters
    ----------
    namespace
        Of the controller.
    pipelines
        Namespaces that take pipelines.
    image
        Of the controller; empty: the one that the overlay names.
    """

    namespace: str = SYSTEM_NAMESPACE
    pipelines: tuple[str, ...] = (PIPELINES_NAMESPACE,)
    image: str = ""


def overlay_names() -> list[str]:
    """Return the names of the overlays there are manifests for."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def read_manifests(overlay: str, placement: Placement, *, definition_only: bool = False) -> list[Object]:
    """Return the objects of an overlay, in the order in which they are to be made.

    Parameters
    ----------
    overlay
        One of ``overlay_names``.
    placement
        Where they go.
    definition_only
        Only what defines InferencePipeline, which is enough where no controller runs.

    Raises
    ------
    UnknownNameError
        If there is no such overlay.
    InvalidValueError
        If an image is needed and none is given.
    """
    if overlay not in overlay_names():
        raise UnknownNameError("overlay", overlay, overlay_names())
    text = (FOLDER / f"{overlay}.yaml").read_text(encoding="utf-8")
    objects = [placed for one in yaml.safe_load_all(text) for placed in _placed(one, placement)]
    if definition_only:
        return [one for one in objects if one["kind"] == "CustomResourceDefinition"]
    if any(GIVEN_IMAGE in _images(one) for one in objects):
        raise InvalidValueError(
            f"the overlay {overlay} needs an image that the nodes of the cluster can pull: build and push one"
            " (infrastructure/images/build --push REGISTRY/ipa:TAG) and give it: --image REGISTRY/ipa:TAG"
        )
    return objects


def _placed(thing: Object, placement: Placement) -> Iterator[Object]:
    """Yield an object where it belongs: once, or in every namespace that takes pipelines."""
    where = thing["metadata"].get("namespace")
    for namespace in placement.pipelines if where == PIPELINES_NAMESPACE else (PIPELINES_NAMESPACE,):
        moved = {SYSTEM_NAMESPACE: placement.namespace, PIPELINES_NAMESPACE: namespace}
        placed = deepcopy(thing)
        metadata = placed["metadata"]
        if where in moved:
            metadata["namespace"] = moved[where]
        if placed["kind"] == "Namespace":
            metadata["name"] = moved.get(metadata["name"], metadata["name"])
        for subject in placed.get("subjects", ()):
            subject["namespace"] = moved.get(subject["namespace"], subject["namespace"])
        if placement.image and metadata["name"] == CONTROLLER and placed["kind"] == "Deployment":
            _take_image(placed["spec"]["template"]["spec"]["containers"][0], placement.image)
        yield placed


def _take_image(container: Object, image: str) -> None:
    """Let the controller run an image, and what it makes too."""
    container["image"] = image
    for variable in container["env"]:
        if variable["name"] == "IPA_IMAGE":
            variable["value"] = image


def _images(thing: Object) -> list[str]:
    if thing["kind"] != "Deployment":
        return []
    return [container["image"] for container in thing["spec"]["template"]["spec"]["containers"]]
