"""Keeps the objects of a kind at hand as they are in the cluster: listed once, then watched."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Event, Thread
from typing import Literal

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import Kind, Object, name_of
from ipa.cluster.refusals import GONE, refusal
from ipa.cluster.transport import Answer, Stream, TransportError
from ipa.errors import ClusterError

ChangeKind = Literal["added", "modified", "deleted"]

SILENCE_S = 90.0
"""Seconds without a word after which a watch is opened anew; the API server sends a bookmark every minute."""

LASTS_S = 300.0
"""Seconds after which the API server ends a watch in order; the next one goes on where it ended."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Time before a watch that broke is opened anew, and where it breaks again and again the longest one."""

UNKNOWN_VERSION = (GONE, 504)
"""Answers to a version that is not kept any more, or, after a restore of the cluster, not reached yet."""

SYNC_TIMEOUT_S = 30.0

Key = tuple[str, str]
"""Namespace and name of an object."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """An object that has come, changed or gone.

    Parameters
    ----------
    kind
        What happened.
    object
        As it is now; one that has gone, as it was last.
    """

    kind: ChangeKind
    object: Object


class Informer:
    """The objects of a kind as the cluster has them, from a thread of its own.

    Parameters
    ----------
    client
        Of the cluster.
    kind
        Which objects.
    namespace
        Where, or ``EVERYWHERE``; empty: the client's own.
    selector
        Labels that they must have.
    changed
        Called after every change, in the thread of the informer; it must not take long.
    fields
        Fields that they must have, for example ``metadata.name=video``.
    """

    def __init__(
        self,
        client: ClusterClient,
        kind: Kind,
        namespace: str = "",
        selector: str = "",
        changed: Callable[[Change], None] | None = None,
        fields: str = "",
    ) -> None:
        self._client, self._kind = client, kind
        self._namespace, self._selector, self._fields = namespace, selector, fields
        self._changed = changed
        self._objects: dict[Key, Object] = {}
        self._changes = 0
        self._index: dict[str, tuple[Object, ...]] = {}
        self._indexed: tuple[str, int] = ("", -1)
        self._condition = Condition()
        self._stopped = Event()
        self._stream: Stream | None = None
        self._version, self._problem = "", ""
        self._synced, self._heard_s = False, 0.0
        self._thread = Thread(target=self._run, name=f"watch {kind.plural}", daemon=True)

    def start(self) -> "Informer":
        """Begin; the objects are known once ``wait`` returns."""
        self._thread.start()
        return self

    def wait(self, timeout_s: float = SYNC_TIMEOUT_S) -> "Informer":
        """Return once all objects are known.

        Raises
        ------
        ClusterError
            If they are not in time.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self.synced, timeout_s):
                why = self._problem or "no answer"
                raise ClusterError(f"watch {self._kind.resource}: not listed within {timeout_s:g} s: {why}")
        return self

    @property
    def synced(self) -> bool:
        """Whether all objects have been listed once."""
        return self._synced

    @property
    def problem(self) -> str:
        """Why the objects may be out of date just now; empty if they are not."""
        return self._problem

    @property
    def heard_s(self) -> float:
        """When the cluster was heard of last, on ``time.monotonic``; 0: never."""
        return self._heard_s

    def objects(self) -> tuple[Object, ...]:
        """Return the objects, in the order of their names; they must not be changed."""
        with self._condition:
            return tuple(self._objects[key] for key in sorted(self._objects))

    def labelled(self, label: str, value: str) -> tuple[Object, ...]:
        """Return the objects with a value of a label, in the order of their names; they must not be changed.

        Who asks for many values of the same label costs no more than who asks for one.
        """
        with self._condition:
            if self._indexed != (label, self._changes):
                index: dict[str, list[Object]] = {}
                for key in sorted(self._objects):
                    thing = self._objects[key]
                    index.setdefault((thing["metadata"].get("labels") or {}).get(label, ""), []).append(thing)
                self._index = {one: tuple(things) for one, things in index.items()}
                self._indexed = (label, self._changes)
            return self._index.get(value, ())

    def get(self, name: str, namespace: str = "") -> Object | None:
        """Return one of the objects; None if there is none of that name."""
        with self._condition:
            return self._objects.get((namespace or self._home, name))

    def note(self, thing: Object) -> None:
        """Take in what a write of our own answered, so that it is known before the watch tells of it."""
        with self._condition:
            known = self._objects.get(_key(thing))
            if known is None or not _is_older(thing, known):
                self._objects[_key(thing)] = thing
                self._changes += 1

    def forget(self, thing: Object) -> None:
        """Take out what a call of our own has deleted, before the watch tells of it."""
        with self._condition:
            known = self._objects.get(_key(thing))
            if known is not None and known["metadata"].get("uid") == thing["metadata"].get("uid"):
                del self._objects[_key(thing)]
                self._changes += 1

    def stop(self) -> None:
        """End it; nothing is called any more once this has returned."""
        self._stopped.set()
        self._client_stream_closed()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    @property
    def _home(self) -> str:
        if not self._kind.namespaced:
            return ""
        return self._namespace or self._client.namespace

    def _client_stream_closed(self) -> None:
        stream = self._stream
        if stream is not None:
            stream.close()

    def _run(self) -> None:
        pause_s, listed_anew = FIRST_PAUSE_S, False
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                self._watch()
                pause_s, listed_anew = FIRST_PAUSE_S, False
            except Exception as error:
                # Whatever it was: who ends here leaves others for ever with what was known last.
                if self._stopped.is_set():
                    return
                self._tell_problem(error)
                forgotten = isinstance(error, ClusterError) and error.status in UNKNOWN_VERSION
                if forgotten:
                    self._version = ""
                # A server that is there again has forgotten the versions of before: that is worth no pause.
                self._stopped.wait(0.0 if forgotten and not listed_anew else pause_s)
                listed_anew = forgotten
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    def _tell_problem(self, error: Exception) -> None:
        if self._problem != (problem := str(error) or type(error).__name__):
            expected = isinstance(error, ClusterError | TransportError)
            _log.info("watch %s: %s", self._kind.resource, problem, exc_info=None if expected else error)
        self._problem = problem

    def _list(self) -> None:
        """Take all objects anew, and tell of what has changed since they were known last."""
        listed = self._client.list(self._kind, self._namespace, selector=self._selector, fields=self._fields)
        found = {_key(thing): thing for thing in listed.items}
        with self._condition:
            before, self._objects = self._objects, found
            self._changes += 1
            self._version, self._problem, self._heard_s = listed.version, "", time.monotonic()
            self._synced = True
            self._condition.notify_all()
        for key, thing in before.items():
            # One of the same name that was made meanwhile is another one.
            if key not in found or _uid(found[key]) != _uid(thing):
                self._tell("deleted", thing)
        for key, thing in found.items():
            if key not in before or _uid(before[key]) != _uid(thing):
                self._tell("added", thing)
            elif _version(before[key]) != _version(thing):
                self._tell("modified", thing)

    def _watch(self) -> None:
        """Take in changes until the watch ends."""
        self._stream = stream = self._client.stream(
            self._kind,
            self._namespace,
            self._version,
            selector=self._selector,
            fields=self._fields,
            silence_s=SILENCE_S,
            lasts_s=LASTS_S,
        )
        # It may have been stopped before there was a stream to close.
        if self._stopped.is_set():
            stream.close()
        if stream.status >= 300:
            raise refusal("watch", self._kind.resource, Answer(stream.status, b"".join(stream.lines())))
        self._heard_s, self._problem = time.monotonic(), ""
        for line in stream.lines():
            self._heard_s = time.monotonic()
            if self._stopped.is_set():
                return
            self._take(json.loads(line))

    def _take(self, event: Object) -> None:
        what, thing = event["type"], event["object"]
        if what == "ERROR":
            # The versions that were asked for are not kept any more, or the server is in trouble.
            raise ClusterError(
                f"watch {self._kind.resource}: {thing.get('message')}", int(thing.get("code", 0))
            )
        if what != "BOOKMARK":
            self._put(what, thing)
        self._version = _version(thing)

    def _put(self, what: str, thing: Object) -> None:
        key = _key(thing)
        with self._condition:
            known = self._objects.get(key)
            if known is not None and _is_older(thing, known):
                return
            if what == "DELETED":
                self._objects.pop(key, None)
            else:
                self._objects[key] = thing
            self._changes += 1
        if what == "DELETED":
            self._tell("deleted", thing)
        else:
            self._tell("modified" if known is not None else "added", thing)

    def _tell(self, kind: ChangeKind, thing: Object) -> None:
        if self._changed is None or self._stopped.is_set():
            return
        try:
            self._changed(Change(kind, thing))
        except Exception:
            _log.exception("%s %s: who was told of it failed", self._kind.name, name_of(thing))


def watch(
    client: ClusterClient,
    kind: Kind,
    namespace: str = "",
    selector: str = "",
    changed: Callable[[Change], None] | None = None,
) -> Informer:
    """Return a running informer once it knows all objects; ``stop`` ends it."""
    informer = Informer(client, kind, namespace, selector, changed).start()
    try:
        return informer.wait()
    except BaseException:
        informer.stop()
        raise


def on_loop(loop: asyncio.AbstractEventLoop, changed: Callable[[Change], None]) -> Callable[[Change], None]:
    """Return what an informer can call so that ``changed`` is called in an event loop, while that is open."""

    def tell(change: Change) -> None:
        if not loop.is_closed():
            try:
                loop.call_soon_threadsafe(changed, change)
            except RuntimeError:
                _log.debug("the event loop was closed while it was told of a change")

    return tell


def _key(thing: Object) -> Key:
    return str(thing["metadata"].get("namespace", "")), name_of(thing)


def _uid(thing: Object) -> str:
    return str(thing["metadata"].get("uid", ""))


def _version(thing: Object) -> str:
    return str(thing["metadata"]["resourceVersion"])


def _is_older(thing: Object, known: Object) -> bool:
    """Whether an object is an earlier state of one that is known."""
    versions = _version(thing), _version(known)
    return all(map(str.isdecimal, versions)) and int(versions[0]) < int(versions[1])
