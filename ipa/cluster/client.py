"""The client of a cluster: verbs over plain objects, with time-outs, retries and an account of writes."""

import itertools
import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any, NamedTuple
from urllib.parse import quote

from ipa.cluster.kinds import EVENT, EVERYWHERE, POD, Kind, Object, kind_of, name_of
from ipa.cluster.names import FIELD_MANAGER
from ipa.cluster.refusals import CONFLICT, NOT_FOUND, TOO_MANY, TRANSIENT, is_unknown_kind, refusal
from ipa.cluster.transport import (
    Answer,
    HttpTransport,
    Request,
    Stream,
    Transport,
    TransportError,
    connect_transport,
)
from ipa.errors import ClusterError

RETRY_FOR_S = 15.0
"""Time after which what fails again and again is given up."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0

WRITES_KEPT = 10_000

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Write(NamedTuple):
    """A call that was to change something."""

    verb: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """Objects of a kind.

    Parameters
    ----------
    items
        The objects.
    version
        Of the whole list; a watch goes on from there.
    """

    items: tuple[Object, ...]
    version: str


class ClusterClient:
    """Reads and writes objects of a cluster; may be used by many threads.

    Every call returns plain values and has a time-out. Answers that may be others a moment later (too many
    requests, errors of the server, no connection) are tried again for ``RETRY_FOR_S``.

    Parameters
    ----------
    transport
        Carries the requests.
    namespace
        The one that is meant where none is named.

    Attributes
    ----------
    writes
        The latest calls that were to change something, repetitions of one left out.
    """

    def __init__(self, transport: Transport, namespace: str = "default") -> None:
        self._transport, self.namespace = transport, namespace
        self._closed = Event()
        self.writes: deque[Write] = deque(maxlen=WRITES_KEPT)

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """Return an object; None if there is none of that name."""
        answer = self._ask("get", kind, name, namespace, Request("GET", self._path(kind, namespace, name)))
        return None if answer.status == NOT_FOUND else _object(answer)

    def list(self, kind: Kind, namespace: str = "", *, selector: str = "", fields: str = "") -> Listed:
        """Return the objects of a kind, in one namespace or ``EVERYWHERE``.

        Parameters
        ----------
        kind
            Which objects.
        namespace
            Where; empty: the client's own.
        selector, fields
            Labels, and fields, that they must have.
        """
        query = {"labelSelector": selector, "fieldSelector": fields}
        request = Request("GET", self._path(kind, namespace), _given(query))
        found = _object(self._ask("list", kind, "", namespace, request))
        items = found.get("items") or ()
        # The API leaves out of a list what is the same for all of it.
        return Listed(
            tuple({"apiVersion": kind.api_version, "kind": kind.name, **item} for item in items),
            str(found["metadata"]["resourceVersion"]),
        )

    def stream(
        self,
        kind: Kind,
        namespace: str,
        version: str,
        *,
        selector: str,
        fields: str = "",
        silence_s: float,
        lasts_s: float,
    ) -> Stream:
        """Return the changes of the objects of a kind from a version of their list on, as they come.

        Parameters
        ----------
        kind, namespace, selector, fields
            Which objects.
        version
            Of the list, or of the latest change that was seen.
        silence_s
            Seconds without a word after which it breaks.
        lasts_s
            Seconds after which the server ends it.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": f"{lasts_s:.0f}",
            "labelSelector": selector,
            "fieldSelector": fields,
        }
        path = self._path(kind, namespace)
        return self._transport.open(Request("GET", path, _given(query), timeout_s=silence_s))

    def create(self, thing: Object, namespace: str = "") -> Object:
        """Make an object; one that is there already is an error with status 409."""
        kind = kind_of(thing)
        request = self._write("POST", self._path(kind, _where(thing, namespace)), thing)
        return _object(self._ask("create", kind, _name(thing), _where(thing, namespace), request))

    def replace(self, thing: Object, namespace: str = "") -> Object:
        """Replace an object; if it has changed since that was read, it is an error with status 409."""
        kind, where = kind_of(thing), _where(thing, namespace)
        request = self._write("PUT", self._path(kind, where, name_of(thing)), thing)
        return _object(self._ask("replace", kind, name_of(thing), where, request))

    def apply(
        self, thing: Object, namespace: str = "", *, dry_run: bool = False, manager: str = FIELD_MANAGER
    ) -> Object:
        """Make an object be as it is given, field by field (server-side apply), whoever wrote it last.

        Parameters
        ----------
        thing
            The fields that matter; others stay as they are.
        namespace
            Where, if the object does not say so.
        dry_run
            Only let the server say what would come of it.
        manager
            Who writes; fields that the same one applied before and now leaves out are removed.
        """
        return self._apply(thing, namespace, "", manager, dry_run=dry_run)

    def apply_status(self, thing: Object, namespace: str = "", *, manager: str = FIELD_MANAGER) -> Object:
        """Make fields of the status of an object be as they are given; see ``apply``."""
        return self._apply(thing, namespace, "status", manager, dry_run=False)

    def patch(
        self, kind: Kind, name: str, change: Mapping[str, Any], namespace: str = "", *, part: str = ""
    ) -> Object:
        """Change fields of an object (merge patch), or of a part of it such as ``status``."""
        path = self._path(kind, namespace, name, part)
        request = self._write("PATCH", path, change, MERGE, fieldManager=FIELD_MANAGER)
        return _object(self._ask(f"patch{_of(part)}", kind, name, namespace, request))

    def scale(self, kind: Kind, name: str, replicas: int, namespace: str = "") -> Object:
        """Ask for a number of replicas."""
        path = self._path(kind, namespace, name, "scale")
        request = self._write("PATCH", path, {"spec": {"replicas": replicas}}, MERGE)
        return _object(self._ask("scale", kind, name, namespace, request))

    def delete(self, kind: Kind, name: str, namespace: str = "", *, uid: str = "") -> bool:
        """Delete an object and all that it owns; return whether it was there.

        Parameters
        ----------
        kind, name, namespace
            Which one.
        uid
            Only the one with this identity, and not a later one of the same name.
        """
        options: Object = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        request = self._write("DELETE", self._path(kind, namespace, name), options)
        return self._ask("delete", kind, name, namespace, request).status != NOT_FOUND

    def delete_all(self, kind: Kind, namespace: str = "", *, selector: str) -> None:
        """Delete all objects of a kind that have some labels."""
        query = {"labelSelector": selector}
        request = self._write("DELETE", self._path(kind, namespace), {"propagationPolicy": "Background"})
        request = Request(request.method, request.path, query, request.body)
        self._ask("delete", kind, "", namespace, request)

    def events(self, uid: str, namespace: str = "") -> tuple[Object, ...]:
        """Return the events about an object."""
        return self.list(EVENT, namespace, fields=f"involvedObject.uid={uid}").items

    def log_tail(self, pod: str, namespace: str = "", *, previous: bool = False, lines: int = 20) -> str:
        """Return the last lines that a pod, or its container before, has written; empty if not known."""
        query = {"tailLines": str(lines), "previous": str(previous).lower()}
        request = Request("GET", self._path(POD, namespace, pod, "log"), query)
        try:
            answer = self._transport.send(request)
        except TransportError:
            return ""
        return answer.data.decode(errors="replace").strip() if answer.status < 300 else ""

    def proxy_get(
        self,
        pod: str,
        port: int,
        path: str,
        namespace: str = "",
        *,
        query: Mapping[str, str] | None = None,
        timeout_s: float = 5.0,
    ) -> bytes:
        """Return what a pod answers on a port, asked through the API server; not tried again.

        Raises
        ------
        ClusterError
            If it does not answer, or refuses.
        """
        address = f"{self._path(POD, namespace, f'{pod}:{port}')}/proxy/{quote(path.lstrip('/'))}"
        what = f"pods {self._shown(POD, pod, namespace)} port {port}"
        try:
            answer = self._transport.send(Request("GET", address, query or {}, timeout_s=timeout_s))
        except TransportError as error:
            raise ClusterError(f"ask {what}: {error}") from error
        if answer.status >= 300:
            raise refusal("ask", what, answer)
        return answer.data

    def server_version(self) -> str:
        """Return the version of Kubernetes, for example ``v1.34.4``."""
        answer = self._persist("ask", "the version of the API server", Request("GET", "/version"))
        if answer.status >= 300:
            raise refusal("ask", "the version of the API server", answer)
        return str(json.loads(answer.data)["gitVersion"])

    def official(self) -> Any:
        """Return a client of the official library, for what is more than a request: exec and port-forward.

        Raises
        ------
        ClusterError
            If requests do not go over HTTPS.
        """
        if not isinstance(self._transport, HttpTransport):
            raise ClusterError("this connection carries requests only")
        return self._transport.official()

    def close(self) -> None:
        """Close all connections; calls that wait to be tried again fail at once."""
        self._closed.set()
        self._transport.close()

    def _apply(self, thing: Object, namespace: str, part: str, manager: str, *, dry_run: bool) -> Object:
        kind, where, name = kind_of(thing), _where(thing, namespace), name_of(thing)
        options = {"fieldManager": manager, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        request = self._write("PATCH", self._path(kind, where, name, part), thing, APPLY, **options)
        return _object(self._ask(f"apply{_of(part)}", kind, name, where, request, counted=not dry_run))

    def _path(self, kind: Kind, namespace: str, name: str = "", part: str = "") -> str:
        return kind.path(namespace or self.namespace, name, part=part)

    def _shown(self, kind: Kind, name: str, namespace: str) -> str:
        if not kind.namespaced:
            return name
        where = namespace or self.namespace
        return "of all namespaces" if where == EVERYWHERE else "/".join(filter(None, (where, name)))

    def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        content_type: str = "application/json",
        **query: str,
    ) -> Request:
        return Request(method, path, query, json.dumps(body).encode(), content_type)

    def _ask(
        self, verb: str, kind: Kind, name: str, namespace: str, request: Request, *, counted: bool = True
    ) -> Answer:
        """Return the answer; that an object to be read or deleted is not there is one too."""
        if counted and request.method != "GET":
            self.writes.append(Write(verb, kind.name, name))
        what = f"{kind.resource} {self._shown(kind, name, namespace)}".rstrip()
        answer = self._persist(verb, what, request)
        if answer.status < 300:
            return answer
        missing = answer.status == NOT_FOUND and not is_unknown_kind(answer)
        if missing and verb in ("get", "delete"):
            return answer
        raise refusal(verb, what, answer)

    def _persist(self, verb: str, what: str, request: Request) -> Answer:
        """Send a request again and again until something else than a passing trouble comes of it."""
        began_s = time.monotonic()
        for attempt in itertools.count():
            problem, pause_s = "", min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**attempt)
            try:
                answer = self._transport.send(request)
            except TransportError as error:
                problem = str(error)
            else:
                if not _may_pass(verb, answer):
                    return answer
                pause_s = max(pause_s, _asked_pause_s(answer))
            if time.monotonic() + pause_s - began_s > RETRY_FOR_S or self._closed.wait(pause_s):
                if not problem:
                    return answer
                raise ClusterError(f"{verb} {what}: the API server does not answer: {problem}")
        raise AssertionError("it counts for ever")


def _may_pass(verb: str, answer: Answer) -> bool:
    """Whether the same request may succeed a moment later."""
    if answer.status in TRANSIENT:
        return True
    # Two who apply a new object at once: the second one finds it when it tries again.
    return answer.status == CONFLICT and verb.startswith("apply")


def _asked_pause_s(answer: Answer) -> float:
    """Return for how long a server that has too much to do wants to be left alone."""
    asked = answer.headers.get("retry-after", "")
    return float(asked) if answer.status in (TOO_MANY, 503) and asked.isdecimal() else 0.0


def _object(answer: Answer) -> Object:
    found: Object = json.loads(answer.data)
    return found


def _given(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}


def _where(thing: Object, namespace: str) -> str:
    return namespace or str(thing["metadata"].get("namespace", ""))


def _name(thing: Object) -> str:
    return str(thing["metadata"].get("name") or thing["metadata"].get("generateName", ""))


def _of(part: str) -> str:
    return f"_{part}" if part else ""


def connect(kubeconfig: str | None = None, context: str | None = None) -> ClusterClient:
    """Return a client for a cluster.

    Parameters
    ----------
    kubeconfig
        File with clusters and credentials; None: the account of the pod where this runs in one, else
        ``KUBECONFIG``, else ``~/.kube/config``.
    context
        Which of its contexts; None: the current one.

    Raises
    ------
    MissingExtraError
        If the Kubernetes client is not installed.
    ClusterError
        If there is nothing to connect with.
    """
    transport, namespace = connect_transport(kubeconfig, context)
    return ClusterClient(transport, namespace)
