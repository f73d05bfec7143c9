"""Puts IPA into a cluster."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ipa.cluster.client import ClusterClient
from ipa.cluster.installation.health import definition_problem, deployment_problem
from ipa.cluster.installation.manifests import CONTROLLER
from ipa.cluster.installation.marks import SELECTOR, is_marked
from ipa.cluster.kinds import DEPLOYMENT, EVERYWHERE, NAMESPACE, Object, kind_of, name_of
from ipa.errors import ClusterError

LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to an object, or would be.

    Parameters
    ----------
    action
        ``created``, ``changed``, ``unchanged``, ``kept`` (it was there before IPA) or ``deleted``.
    what
        Kind, namespace and name.
    """

    action: str
    what: str


def shown(thing: Object) -> str:
    """Return how an object is called.

    Examples
    --------
    >>> shown({"kind": "Deployment", "metadata": {"namespace": "ipa-system", "name": "ipa-controller"}})
    'deployment ipa-system/ipa-controller'
    """
    metadata = thing["metadata"]
    return f"{thing['kind'].lower()} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"


def install(client: ClusterClient, objects: Sequence[Object], *, dry_run: bool = False) -> Iterator[Change]:
    """Make objects be as they are given, one after the other; yield what that did.

    A namespace that was there before keeps being somebody else's: it is used, and never changed or deleted.

    Parameters
    ----------
    client
        Of the cluster.
    objects
        In the order in which they can be made.
    dry_run
        Only let the API server say what would come of it.

    Raises
    ------
    ClusterError
        If a namespace that is to take pipelines does not exist, if there is a controller in another one, or
        if the API server refuses something.
    """
    _check_namespaces(client, objects)
    _check_controllers(client, objects)
    to_be_made: set[str] = set()
    for thing in objects:
        kind, name, namespace = kind_of(thing), name_of(thing), thing["metadata"].get("namespace", "")
        before = client.get(kind, name, namespace)
        if kind == NAMESPACE and before is not None and not is_marked(before):
            yield Change("kept", shown(thing))
            continue
        if dry_run and namespace in to_be_made:
            # Nobody can say more about what is in a namespace that is not there.
            yield Change("created", shown(thing))
            continue
        if kind == NAMESPACE and before is None:
            to_be_made.add(name)
        after = client.apply(thing, dry_run=dry_run)
        yield Change(_action(before, after), shown(thing))


def _check_namespaces(client: ClusterClient, objects: Iterable[Object]) -> None:
    """Look before anything is written, so that nothing is left half installed."""
    made = {name_of(one) for one in objects if kind_of(one) == NAMESPACE}
    used = {one["metadata"]["namespace"] for one in objects if "namespace" in one["metadata"]}
    for name in sorted(used - made):
        if client.get(NAMESPACE, name) is None:
            raise ClusterError(
                f"there is no namespace {name}; make it first, `kubectl create namespace {name}`, or name"
                " others that shall take pipelines: --pipelines NAMESPACE"
            )


def _check_controllers(client: ClusterClient, objects: Iterable[Object]) -> None:
    """Two controllers that know nothing of each other would adapt the same pipelines."""
    ours = {one["metadata"]["namespace"] for one in objects if kind_of(one) == DEPLOYMENT}
    found = client.list(DEPLOYMENT, EVERYWHERE, selector=SELECTOR).items if ours else ()
    for other in found:
        where = other["metadata"]["namespace"]
        if name_of(other) == CONTROLLER and where not in ours:
            raise ClusterError(
                f"IPA is installed in namespace {where} already: --namespace {where} renews it there, and"
                " `ipa cluster uninstall --keep-crd` removes it and leaves the pipelines"
            )


def _action(before: Object | None, after: Object) -> str:
    if before is None:
        return "created"
    return "unchanged" if _content(before) == _content(after) else "changed"


def _content(thing: Object) -> Object:
    """Return an object without what the API server keeps of its history."""
    history = {"managedFields", "resourceVersion", "generation"}
    metadata = {key: value for key, value in thing["metadata"].items() if key not in history}
    return {key: value for key, value in thing.items() if key != "status"} | {"metadata": metadata}


def wait_until_ready(client: ClusterClient, objects: Iterable[Object], timeout_s: float) -> None:
    """Return once what was installed works.

    Raises
    ------
    ClusterError
        If it does not within ``timeout_s``; says what is wrong with it.
    """
    deadline_s = time.monotonic() + timeout_s
    for thing in objects:
        problem_of = PROBLEMS.get(thing["kind"])
        while problem_of and (problem := problem_of(client, thing)):
            if time.monotonic() > deadline_s:
                raise ClusterError(f"{shown(thing)} is not ready after {timeout_s:g} s: {problem}")
            time.sleep(LOOK_EVERY_S)


PROBLEMS: dict[str, Callable[[ClusterClient, Object], str]] = {
    "CustomResourceDefinition": definition_problem,
    "Deployment": deployment_problem,
}
"""Kind -> what says why an object of it does not work yet; empty once it does."""
