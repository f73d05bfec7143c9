"""An informer knows what the cluster has, whatever happens to its watch."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from ipa.cluster import watch as watch_module
from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import CONFIG_MAP, EVERYWHERE, Object
from ipa.cluster.transport import Answer, Request
from ipa.cluster.watch import Change, Informer, on_loop, watch
from ipa.errors import ClusterError
from tests.support.memory_cluster import MemoryCluster, status

SOON_S = 10.0


class Heard:
    """What an informer told of."""

    def __init__(self) -> None:
        self.changes: queue.Queue[Change] = queue.Queue()

    def __call__(self, change: Change) -> None:
        self.changes.put(change)

    def next(self) -> tuple[str, str]:
        change = self.changes.get(timeout=SOON_S)
        return change.kind, change.object["metadata"]["name"]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryCluster]:
    monkeypatch.setattr(watch_module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(watch_module, "LONGEST_PAUSE_S", 0.001)
    made = MemoryCluster()
    yield made
    made.close()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def start(cluster: MemoryCluster, heard: Heard) -> Iterator[Callable[[], Informer]]:
    started: list[Informer] = []

    def begin(namespace: str = "", selector: str = "") -> Informer:
        started.append(watch(ClusterClient(cluster), CONFIG_MAP, namespace, selector, heard))
        return started[-1]

    yield begin
    for informer in started:
        informer.stop()


def settings(value: str = "1", **labels: str) -> Object:
    return {"metadata": {"labels": labels}, "data": {"value": value}}


def values(informer: Informer) -> dict[str, str]:
    return {thing["metadata"]["name"]: thing["data"]["value"] for thing in informer.objects()}


def test_it_knows_what_was_there_and_what_changes(
    cluster: MemoryCluster, heard: Heard, start: Callable[[], Informer]
) -> None:
    cluster.put(CONFIG_MAP, "old", settings())
    informer = start()
    assert heard.next() == ("added", "old")
    cluster.put(CONFIG_MAP, "new", settings())
    assert heard.next() == ("added", "new")
    cluster.put(CONFIG_MAP, "old", settings("2"))
    assert heard.next() == ("modified", "old")
    assert values(informer) == {"old": "2", "new": "1"}
    cluster.remove(CONFIG_MAP, "old")
    assert heard.next() == ("deleted", "old")
    assert values(informer) == {"new": "1"}
    assert informer.get("new") is not None
    assert informer.get("old") is None
    assert informer.heard_s > 0


def test_it_keeps_to_its_namespace_and_labels(cluster: MemoryCluster, start: Callable[..., Informer]) -> None:
    cluster.put(CONFIG_MAP, "here", settings(a="1"))
    cluster.put(CONFIG_MAP, "there", settings(a="1"), "other")
    cluster.put(CONFIG_MAP, "unlabelled", settings())
    informer = start(selector="a=1")
    everywhere = start(EVERYWHERE, "a=1")
    assert set(values(informer)) == {"here"}
    assert set(values(everywhere)) == {"here", "there"}
    assert everywhere.get("there", "other") is not None


def test_a_watch_that_breaks_goes_on_where_it_was(
    cluster: MemoryCluster, heard: Heard, start: Callable[[], Informer]
) -> None:
    informer = start()
    cluster.put(CONFIG_MAP, "first", settings())
    assert heard.next() == ("added", "first")
    cluster.break_watches()
    cluster.put(CONFIG_MAP, "second", settings())
    assert heard.next() == ("added", "second")
    assert values(informer) == {"first": "1", "second": "1"}
    lists = [request for request in cluster.requests if "watch" not in request.query]
    assert len(lists) == 1


@pytest.mark.parametrize("as_event", [True, False])
def test_a_version_that_is_too_old_lets_it_list_anew_and_tell_what_it_missed(
    cluster: MemoryCluster, heard: Heard, start: Callable[[], Informer], *, as_event: bool
) -> None:
    for name in ("kept", "changed", "removed"):
        cluster.put(CONFIG_MAP, name, settings())
    informer = start()
    assert {heard.next() for _ in range(3)} == {("added", name) for name in ("kept", "changed", "removed")}

    def gone(request: Request) -> Answer | None:
        return status(410, "Expired", "too old") if request.query.get("resourceVersion") == "103" else None

    if not as_event:
        cluster.fault = gone
    cluster.forgotten = 104
    with cluster._lock:  # all of it happens while nobody watches
        cluster.break_watches()
        cluster.put(CONFIG_MAP, "changed", settings("2"))
        cluster.remove(CONFIG_MAP, "removed")
        cluster.put(CONFIG_MAP, "new", settings())
    told = {heard.next() for _ in range(3)}
    assert told == {("modified", "changed"), ("deleted", "removed"), ("added", "new")}
    assert values(informer) == {"kept": "1", "changed": "2", "new": "1"}
    assert informer.synced


def test_one_that_was_made_anew_while_nobody_watched_is_another_one(
    cluster: MemoryCluster, heard: Heard, start: Callable[[], Informer]
) -> None:
    first = cluster.put(CONFIG_MAP, "it", settings("1"))
    start()
    heard.next()
    cluster.forgotten = 102
    with cluster._lock:  # all of it happens while nobody watches
        cluster.break_watches()
        cluster.remove(CONFIG_MAP, "it")
        second = cluster.put(CONFIG_MAP, "it", settings("1"))
    told = [heard.changes.get(timeout=SOON_S) for _ in range(2)]
    assert [(one.kind, one.object["metadata"]["uid"]) for one in told] == [
        ("deleted", first["metadata"]["uid"]),
        ("added", second["metadata"]["uid"]),
    ]


def test_a_write_of_our_own_is_known_before_the_watch_tells_of_it(
    cluster: MemoryCluster, heard: Heard, start: Callable[[], Informer]
) -> None:
    cluster.put(CONFIG_MAP, "it", settings("1"))
    informer = start()
    heard.next()
    cluster.fault = lambda request: status(503, "Unavailable", "no watch now") if request.query else None
    cluster.break_watches()
    older = cluster.put(CONFIG_MAP, "it", settings("2"))
    newer = cluster.put(CONFIG_MAP, "it", settings("3"))
    informer.note(newer)
    informer.note(older)
    assert values(informer) == {"it": "3"}
    cluster.fault = lambda _request: None
    cluster.put(CONFIG_MAP, "other", settings())
    while heard.next() != ("added", "other"):
        pass
    assert values(informer) == {"it": "3", "other": "1"}


def test_trouble_is_told_until_it_is_over(
    cluster: MemoryCluster, heard: Heard, start: Callable[[], Informer]
) -> None:
    informer = start()
    assert informer.problem == ""
    asked = queue.Queue[None]()

    def fault(_request: Request) -> Answer:
        asked.put(None)
        return status(403, "Forbidden", 'User "x" cannot watch')

    cluster.fault = fault
    cluster.break_watches()
    for _ in range(3):
        asked.get(timeout=SOON_S)
    assert "the right is missing: watch configmaps" in informer.problem
    cluster.fault = lambda _request: None
    cluster.put(CONFIG_MAP, "it", settings())
    heard.next()
    assert informer.problem == ""


def test_no_fault_whatever_ends_a_watch(
    cluster: MemoryCluster, heard: Heard, start: Callable[[], Informer]
) -> None:
    informer = start()
    faults = [RuntimeError("the token file is empty"), TypeError(), AttributeError("no socket")]
    told: list[str] = []

    def fault(_request: Request) -> Answer | None:
        told.append(informer.problem)
        if faults:
            raise faults.pop(0)
        return None

    cluster.fault = fault
    cluster.break_watches()
    cluster.put(CONFIG_MAP, "it", settings())
    assert heard.next() == ("added", "it")
    assert told == ["the connection was reset", "the token file is empty", "TypeError", "no socket"]
    assert informer.problem == ""


def test_a_server_that_is_there_again_is_asked_anew_at_once_and_not_again_and_again(
    cluster: MemoryCluster, start: Callable[[], Informer], monkeypatch: pytest.MonkeyPatch
) -> None:
    informer = start()
    pauses: list[float] = []
    wait = informer._stopped.wait

    def pause(timeout_s: float) -> bool:
        pauses.append(timeout_s)
        return wait(min(timeout_s, 0.001))

    monkeypatch.setattr(informer._stopped, "wait", pause)
    monkeypatch.setattr(watch_module, "LONGEST_PAUSE_S", 1.0)
    refused = [status(503, "Unavailable", "it starts")] * 9 + [status(410, "Expired", "too old")] * 3
    over = threading.Event()

    def fault(request: Request) -> Answer | None:
        if "watch" not in request.query:
            return None
        if not refused:
            over.set()
        return refused.pop(0) if refused else None

    cluster.fault = fault
    cluster.break_watches()
    assert over.wait(SOON_S)
    # The connection, nine times not yet, then thrice a version that is forgotten.
    assert len(pauses) == 13
    assert pauses[9] < pauses[11] == pauses[12] == 1.0
    assert pauses[10] == 0.0


def test_what_cannot_be_listed_in_time_is_an_error(cluster: MemoryCluster) -> None:
    cluster.fault = lambda _request: status(403, "Forbidden", "no")
    informer = Informer(ClusterClient(cluster), CONFIG_MAP).start()
    with pytest.raises(ClusterError, match=r"watch configmaps: not listed within 0.2 s: list configmaps"):
        informer.wait(0.2)
    informer.stop()


def test_one_that_is_told_and_fails_does_not_end_the_watch(cluster: MemoryCluster, heard: Heard) -> None:
    def fail_first(change: Change) -> None:
        if change.object["metadata"]["name"] == "first":
            raise ValueError("not this one")
        heard(change)

    informer = watch(ClusterClient(cluster), CONFIG_MAP, changed=fail_first)
    cluster.put(CONFIG_MAP, "first", settings())
    cluster.put(CONFIG_MAP, "second", settings())
    assert heard.next() == ("added", "second")
    informer.stop()


def test_nothing_is_told_after_the_end(cluster: MemoryCluster, heard: Heard) -> None:
    informer = watch(ClusterClient(cluster), CONFIG_MAP, changed=heard)
    informer.stop()
    cluster.put(CONFIG_MAP, "late", settings())
    assert heard.changes.empty()


def test_an_event_loop_hears_of_changes_in_its_own_thread(cluster: MemoryCluster) -> None:
    async def hear() -> list[str]:
        names: list[str] = []
        three = asyncio.Event()

        def changed(change: Change) -> None:
            names.append(change.object["metadata"]["name"])
            if len(names) == 3:
                three.set()

        tell = on_loop(asyncio.get_running_loop(), changed)
        informer = await asyncio.to_thread(watch, ClusterClient(cluster), CONFIG_MAP, changed=tell)
        for name in "abc":
            cluster.put(CONFIG_MAP, name, settings())
        await asyncio.wait_for(three.wait(), SOON_S)
        await asyncio.to_thread(informer.stop)
        return names

    assert asyncio.run(hear()) == ["a", "b", "c"]


def test_a_closed_event_loop_hears_nothing() -> None:
    loop = asyncio.new_event_loop()
    tell = on_loop(loop, lambda _change: pytest.fail("it is closed"))
    loop.close()
    tell(Change("added", settings()))


def test_what_has_a_label_is_found_after_every_change(
    cluster: MemoryCluster, heard: Heard, start: Callable[[], Informer]
) -> None:
    cluster.put(CONFIG_MAP, "b", settings(of="video"))
    cluster.put(CONFIG_MAP, "a", settings(of="video"))
    cluster.put(CONFIG_MAP, "c", settings(of="audio"))
    cluster.put(CONFIG_MAP, "d", {"metadata": {}})
    informer = start()
    for _ in range(4):
        heard.next()

    def found(value: str) -> list[str]:
        return [thing["metadata"]["name"] for thing in informer.labelled("of", value)]

    assert (found("video"), found("audio"), found("nlp")) == (["a", "b"], ["c"], [])
    assert [thing["metadata"]["name"] for thing in informer.labelled("in", "")] == ["a", "b", "c", "d"]
    cluster.put(CONFIG_MAP, "c", settings(of="video"))
    assert heard.next() == ("modified", "c")
    assert (found("video"), found("audio")) == (["a", "b", "c"], [])
    cluster.remove(CONFIG_MAP, "a")
    assert heard.next() == ("deleted", "a")
    assert found("video") == ["b", "c"]
    written = cluster.put(CONFIG_MAP, "e", settings(of="nlp"))
    informer.note(written)
    assert found("nlp") == ["e"]
    informer.forget(written)
    assert found("nlp") == []
