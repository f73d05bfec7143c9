"""An API server in memory, for what no real one can be brought to: faults at every call, old versions."""

import json
import queue
from collections.abc import Callable, Iterator
from threading import RLock
from typing import Any
from urllib.parse import unquote

from ipa.cluster.kinds import KINDS, Kind, Object
from ipa.cluster.transport import Answer, Request, Stream, TransportError

Fault = Callable[[Request], Answer | None]
"""What happens instead of a request; None: the request itself. It may raise a TransportError."""


def status(code: int, reason: str, message: str, **headers: str) -> Answer:
    """Return a refusal as the API server words it."""
    said = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return Answer(code, json.dumps(said).encode(), headers)


class MemoryStream:
    """A watch."""

    def __init__(self, code: int = 200) -> None:
        self.status = code
        self.events: queue.Queue[bytes | Exception | None] = queue.Queue()

    def lines(self) -> Iterator[bytes]:
        while (event := self.events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def close(self) -> None:
        self.events.put(None)

    def tell(self, what: str, thing: Object) -> None:
        self.events.put(json.dumps({"type": what, "object": thing}).encode())


class MemoryCluster:
    """Objects by kind, namespace and name, with versions, watches, and what belongs to whom."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._objects: dict[tuple[Kind, str, str], Object] = {}
        self._watches: list[tuple[Kind, str, dict[str, str], MemoryStream]] = []
        self._gone: set[str] = set()
        self._version = 100
        self.requests: list[Request] = []
        self.fault: Fault = lambda _request: None
        self.forgotten = 0
        """Versions up to this one are too old for a watch."""

    def close(self) -> None:
        for stream in self.streams():
            stream.close()

    def streams(self) -> list[MemoryStream]:
        with self._lock:
            return [stream for *_, stream in self._watches]

    def send(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            if (instead := self.fault(request)) is not None:
                return instead
            kind, namespace, name, part = _place(request.path)
            if kind is None:
                return Answer(404, b"404 page not found\n")
            work = getattr(self, f"_{request.method.lower()}")
            answer: Answer = work(kind, namespace, name, part, request)
            return answer

    def open(self, request: Request) -> Stream:
        with self._lock:
            self.requests.append(request)
            if (instead := self.fault(request)) is not None:
                stream = MemoryStream(instead.status)
                stream.events.put(instead.data)
                stream.events.put(None)
                return stream
            kind, namespace, _, _ = _place(request.path)
            assert kind is not None
            stream, version = MemoryStream(), int(request.query["resourceVersion"])
            if version < self.forgotten:
                stream.tell("ERROR", {"code": 410, "message": "too old resource version"})
                stream.events.put(None)
                return stream
            chosen = _selector(request)
            for thing in self.all(kind, namespace):
                if int(thing["metadata"]["resourceVersion"]) > version and _matches(thing, chosen):
                    stream.tell("ADDED", thing)
            self._watches.append((kind, namespace, chosen, stream))
            return stream

    def break_watches(self) -> None:
        """Let all watches break."""
        with self._lock:
            broken, self._watches = self._watches, []
        for *_, stream in broken:
            stream.events.put(TransportError("the connection was reset"))

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        """Return the objects of a kind; they must not be changed."""
        with self._lock:
            return [
                thing
                for (found, where, _), thing in sorted(self._objects.items(), key=lambda item: item[0][1:])
                if found == kind and namespace in ("", where)
            ]

    def one(self, kind: Kind, name: str, namespace: str = "default") -> Object:
        return _copy(self._objects[kind, namespace, name])

    def put(self, kind: Kind, name: str, thing: Object, namespace: str = "default") -> Object:
        """Put an object, as if somebody else had written it."""
        with self._lock:
            return self._store(kind, namespace, name, thing)

    def remove(self, kind: Kind, name: str, namespace: str = "default") -> None:
        """Remove an object and all that it owns."""
        with self._lock:
            thing = _copy(self._objects.pop((kind, namespace, name)))
            self._version += 1
            thing["metadata"]["resourceVersion"] = str(self._version)
            self._tell(kind, namespace, "DELETED", thing)
            self._gone.add(thing["metadata"]["uid"])
            for (owned, where, called), other in list(self._objects.items()):
                owners = other["metadata"].get("ownerReferences", ())
                if any(owner["uid"] == thing["metadata"]["uid"] for owner in owners):
                    self.remove(owned, called, where)

    def _get(self, kind: Kind, namespace: str, name: str, _part: str, request: Request) -> Answer:
        if name:
            thing = self._objects.get((kind, namespace, name))
            return _missing(kind, name) if thing is None else _answer(thing)
        items = [thing for thing in self.all(kind, namespace) if _matches(thing, _selector(request))]
        return _answer({"metadata": {"resourceVersion": str(self._version)}, "items": items})

    def _post(self, kind: Kind, namespace: str, _name: str, _part: str, request: Request) -> Answer:
        thing = _body(request)
        name = thing["metadata"]["name"]
        if (kind, namespace, name) in self._objects:
            return status(409, "AlreadyExists", f'{kind.plural} "{name}" already exists')
        return _answer(self._store(kind, namespace, name, thing), 201)

    def _put(self, kind: Kind, namespace: str, name: str, _part: str, request: Request) -> Answer:
        thing, known = _body(request), self._objects.get((kind, namespace, name))
        if known is None:
            return _missing(kind, name)
        version = thing["metadata"].get("resourceVersion", "")
        if version not in ("", known["metadata"]["resourceVersion"]):
            return status(409, "Conflict", "the object has been modified")
        return _answer(self._store(kind, namespace, name, thing))

    def _patch(self, kind: Kind, namespace: str, name: str, part: str, request: Request) -> Answer:
        known, change = self._objects.get((kind, namespace, name)), _body(request)
        applies = "apply-patch" in request.content_type
        if known is None and (part or not applies):
            return _missing(kind, name)
        if part == "status":
            change = {"status": change["status"]}
        elif applies:
            change.pop("status", None)
        merged = _merge(known or {}, change)
        if request.query.get("dryRun"):
            return _answer(merged)
        return _answer(self._store(kind, namespace, name, merged))

    def _delete(self, kind: Kind, namespace: str, name: str, _part: str, request: Request) -> Answer:
        if name:
            thing = self._objects.get((kind, namespace, name))
            uid = (_body(request).get("preconditions") or {}).get("uid", "")
            if thing is None:
                return _missing(kind, name)
            if uid not in ("", thing["metadata"]["uid"]):
                return status(409, "Conflict", "the UID in the precondition is another one")
            self.remove(kind, name, namespace)
            return _answer({"kind": "Status", "status": "Success"})
        for thing in self.all(kind, namespace):
            if _matches(thing, _selector(request)):
                self.remove(kind, thing["metadata"]["name"], namespace)
        return _answer({"kind": "Status", "status": "Success"})

    def _store(self, kind: Kind, namespace: str, name: str, thing: Object) -> Object:
        known = self._objects.get((kind, namespace, name))
        thing = _copy(thing)
        place = {"name": name} | ({"namespace": namespace} if kind.namespaced else {})
        kept = known["metadata"] if known else {"uid": f"uid-{self._version}", "generation": 1}
        thing = {"apiVersion": kind.api_version, "kind": kind.name, **thing}
        same = ("uid", "generation", "resourceVersion", "deletionTimestamp")
        given = {key: value for key, value in thing.get("metadata", {}).items() if key not in same}
        thing["metadata"] = {**{key: kept[key] for key in same if key in kept}, **given, **place}
        if known == thing:
            return _copy(thing)
        if known is not None and known.get("spec") != thing.get("spec"):
            thing["metadata"]["generation"] = kept["generation"] + 1
        self._version += 1
        thing["metadata"]["resourceVersion"] = str(self._version)
        self._objects[kind, namespace, name] = thing
        self._tell(kind, namespace, "MODIFIED" if known else "ADDED", thing)
        if any(owner["uid"] in self._gone for owner in thing["metadata"].get("ownerReferences", ())):
            # As the garbage collector does with what was on its way when its owner went.
            self.remove(kind, name, namespace)
        return _copy(thing)

    def _tell(self, kind: Kind, namespace: str, what: str, thing: Object) -> None:
        for watched, where, chosen, stream in self._watches:
            if watched == kind and where in ("", namespace) and _matches(thing, chosen):
                stream.tell(what, thing)


def _place(path: str) -> tuple[Kind | None, str, str, str]:
    """Return kind, namespace, name and part that an address names."""
    steps = [unquote(step) for step in path.strip("/").split("/")]
    version, rest = ("/".join(steps[1:3]), steps[3:]) if steps[0] == "apis" else (steps[1], steps[2:])
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    kind = next((k for k in KINDS.values() if (k.api_version, k.plural) == (version, rest[0])), None)
    name, part, *_ = [*rest[1:], "", ""]
    return kind, namespace, name, part


def _selector(request: Request) -> dict[str, str]:
    """Return the labels that are asked for; empty values where only the label has to be there."""
    pairs = filter(None, request.query.get("labelSelector", "").split(","))
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _matches(thing: Object, chosen: dict[str, str]) -> bool:
    labels = thing["metadata"].get("labels") or {}
    return all(labels.get(name) == value if value else name in labels for name, value in chosen.items())


def _merge(known: Any, change: Any) -> Any:
    if not (isinstance(known, dict) and isinstance(change, dict)):
        return change
    merged = {key: _merge(known.get(key), value) for key, value in change.items() if value is not None}
    return {key: value for key, value in known.items() if key not in change} | merged


def _body(request: Request) -> Object:
    found: Object = json.loads(request.body or b"{}")
    return found


def _copy(thing: Object) -> Object:
    found: Object = json.loads(json.dumps(thing))
    return found


def _answer(thing: Object, code: int = 200) -> Answer:
    return Answer(code, json.dumps(thing).encode())


def _missing(kind: Kind, name: str) -> Answer:
    return status(404, "NotFound", f'{kind.resource} "{name}" not found')
