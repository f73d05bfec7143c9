"""Lets one controller adapt more and more pipelines, and measures what it takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from infrastructure.scale.usage import Usage, usage_of
from infrastructure.testcluster.cluster import MissingError
from infrastructure.testcluster.ipa_image import provide_ipa_image
from infrastructure.testcluster.layout import Layout
from infrastructure.testcluster.processes import wait_for
from ipa.cluster.client import ClusterClient, connect
from ipa.cluster.installation.install import install, wait_until_ready
from ipa.cluster.installation.manifests import Placement, read_manifests
from ipa.cluster.installation.marks import SELECTOR
from ipa.cluster.installation.uninstall import installed_objects, uninstall
from ipa.cluster.kinds import DEPLOYMENT, EVERYWHERE, NAMESPACE, PIPELINE, POD, Object, name_of
from ipa.cluster.names import COMPONENT_LABEL
from ipa.cluster.resource import read_status, to_object
from ipa.cluster.resource_spec import PipelineOptions
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.profiles import Profile, ProfilePoint

INSTALL_S, GONE_S = 120.0, 300.0

SERVE_S = 240.0
"""Time that a few more pipelines have to serve."""

LOOK_EVERY_S, COUNTED_S = 2.0, 300.0
"""Time between two questions to a kubelet, and that it has to count for as long as is asked for."""

AT_ONCE = 5
"""Pipelines that start together: interpreters that start are what takes longest."""


@dataclass(frozen=True, slots=True)
class ScaleSettings:
    """What is measured.

    Parameters
    ----------
    steps
        Numbers of pipelines, ascending.
    measured_s
        For how long each number of them is watched.
    namespace
        Where they are; made, and deleted.
    """

    steps: tuple[int, ...] = (1, 10, 25, 50)
    measured_s: float = 60.0
    namespace: str = "ipa-scale"


@dataclass(frozen=True, slots=True)
class Step:
    """What the controller takes for so many pipelines.

    Parameters
    ----------
    pipelines
        How many serve.
    ready_s
        Seconds from the first new object until all of them served.
    cores
        Of the controller, on average.
    memory_mb
        Working set of the controller in the end.
    """

    pipelines: int
    ready_s: float
    cores: float
    memory_mb: float


def measure_scale(settings: ScaleSettings, layout: Layout, tell: Callable[[str], None]) -> Iterator[Step]:
    """Install a controller, give it pipelines that serve, and remove all of it in the end.

    Parameters
    ----------
    settings
        What is measured.
    layout
        Of the test cluster, which runs.
    tell
        Told what is done.

    Yields
    ------
    Step
        One for each number of pipelines.

    Raises
    ------
    IpaError, MissingError, RuntimeError
        If IPA is installed already, or something does not come to serve.
    """
    with ExitStack() as stack:
        client = connect(str(layout.kubeconfig))
        stack.callback(client.close)
        image = provide_ipa_image(layout)
        _install(client, settings.namespace, image, stack)
        there = 0
        for number in settings.steps:
            began_s = time.monotonic()
            for first in range(there, number, AT_ONCE):
                last = min(first + AT_ONCE, number)
                tell(f"{last} of {number} pipelines")
                for place in range(first, last):
                    client.create(scale_object(f"p{place}", settings.namespace, image))
                _until_served(client, settings.namespace, last)
            there, ready_s = number, time.monotonic() - began_s
            tell(f"{number} pipelines are watched for {settings.measured_s:g} s")
            yield Step(number, round(ready_s, 1), *_watched(client, settings))


def scale_object(name: str, namespace: str, image: str) -> Object:
    """Return a pipeline of one stage, one variant and one replica."""
    points = (ProfilePoint(1, 0.02, 0.02, 50.0),)
    variant = Variant("emulated", 0.5, 1, (Profile(1, points),), start_up_s=0.0)
    pipeline = Pipeline(name, (Stage("only", (variant,)),), sla_s=1.0)
    return to_object(pipeline, PipelineOptions(image=image), name=name, namespace=namespace)


def _install(client: ClusterClient, namespace: str, image: str, stack: ExitStack) -> None:
    if client.list(DEPLOYMENT, EVERYWHERE, selector=SELECTOR).items:
        raise MissingError("IPA is installed in this cluster already; remove it first: ipa cluster uninstall")
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    stack.callback(_remove, client, namespace)
    objects = read_manifests("testcluster", Placement(namespace, (namespace,), image))
    list(install(client, objects))
    wait_until_ready(client, objects, INSTALL_S)


def _remove(client: ClusterClient, namespace: str) -> None:
    for thing in client.list(PIPELINE, namespace).items:
        client.delete(PIPELINE, name_of(thing), namespace)
    list(uninstall(client, installed_objects(client, keep_definition=True), GONE_S))
    client.delete(NAMESPACE, namespace)
    # It ends by itself; what was measured must not be lost because of a busy cluster.
    with suppress(RuntimeError):
        wait_for(f"the end of {namespace}", lambda: client.get(NAMESPACE, namespace) is None, GONE_S)


def _until_served(client: ClusterClient, namespace: str, number: int) -> None:
    def all_serve() -> bool:
        return sum(_serves(thing) for thing in client.list(PIPELINE, namespace).items) == number

    wait_for(f"{number} pipelines that serve", all_serve, SERVE_S)


def _serves(thing: Object) -> bool:
    return any((one.type, one.status) == ("Ready", "True") for one in read_status(thing).conditions)


def _watched(client: ClusterClient, settings: ScaleSettings) -> tuple[float, float]:
    """Return the cores and the memory that the controller takes."""
    (pod,) = client.list(POD, settings.namespace, selector=f"{COMPONENT_LABEL}=controller").items
    before = _counted(client, pod, 0)
    after = _counted(client, pod, before.at_ns + round(settings.measured_s * 1e9))
    return round(after.cores_since(before), 4), round(after.memory_mb, 1)


def _counted(client: ClusterClient, pod: Object, after_ns: int) -> Usage:
    """Return what the controller took as counted after an instant; kubelets count every ten seconds."""
    end_s = time.monotonic() + COUNTED_S
    while (usage := usage_of(client, pod)) is None or usage.at_ns < after_ns:
        if time.monotonic() > end_s:
            raise RuntimeError(f"the kubelet did not count {name_of(pod)} in {COUNTED_S:g} s")
        time.sleep(LOOK_EVERY_S)
    return usage
