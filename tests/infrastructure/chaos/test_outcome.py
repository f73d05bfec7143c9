"""Every request is accounted for: answered, lost and explained, lost and not, or served twice."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from infrastructure.chaos.account import Requests, find_losses, longest_gap_s
from infrastructure.chaos.happened import Happened
from infrastructure.chaos.kinds import KINDS
from infrastructure.chaos.outcome import judge
from infrastructure.chaos.schedule import RECOVERY_S
from infrastructure.chaos.text import as_text
from ipa.serving.load_generator import LoadAccount

MS = 1_000_000
ZERO_NS = 7_000 * MS


def load(count: int = 100) -> LoadAccount:
    """Return a load of 10 requests/s, each answered rightly after 50 ms."""
    account = LoadAccount(ZERO_NS + 100 * MS * np.arange(count), ZERO_NS, "run")
    for place in range(count):
        account.sent(place, int(account.due_ns[place]) + MS)
        account.answered(place, int(account.due_ns[place]) + 50 * MS, {}, right=True)
    return account


def journal(account: LoadAccount, *places: int, outcome: str = "ok", visits: int = 1) -> pa.Table:
    """Return what a gateway wrote down of some requests; of all, if none is named."""
    chosen = places or range(len(account))
    return pa.table(
        {
            "id": [account.id(place) for place in chosen],
            "outcome": [outcome] * len(chosen),
            "1_visits": [visits] * len(chosen),
            "2_visits": [1] * len(chosen),
        }
    )


def fail(account: LoadAccount, place: int, reason: str = "unavailable") -> None:
    account.failed(place, int(account.due_ns[place]) + 20 * MS, reason)


KILL = Happened("pod-kill", "a pod", 2.0, 2.5)
CHANGE = Happened("plan-change", "small + large", 5.0, 5.0, in_force_s=1.5)


def test_a_run_without_trouble_keeps_all_bars() -> None:
    account = load()
    outcome = judge(Requests.of(account), [KILL, CHANGE], [journal(account)])
    assert (outcome.requests, outcome.answered, outcome.availability) == (100, 100, 1.0)
    assert all(outcome.bars().values())
    assert outcome.losses.lost == outcome.losses.unseen == 0
    # The window of the kill is 2 to 12.5 s, the load 0 to 10 s.
    assert outcome.calm.requests + outcome.faulty.requests == 100
    assert outcome.calm.requests == 20
    assert outcome.calm.p95_s == pytest.approx(0.05)
    assert outcome.lateness_p99_s == pytest.approx(0.001)


@pytest.mark.parametrize(("place", "unexplained"), [(20, 0), (99, 0), (10, 1)])
def test_a_lost_request_is_explained_by_a_fault_and_its_recovery_only(place: int, unexplained: int) -> None:
    account = load()
    fail(account, place)
    losses = find_losses(Requests.of(account), [KILL, CHANGE], [journal(account)])
    assert (losses.lost, losses.unexplained, losses.reasons) == (1, unexplained, {"unavailable": 1})


def test_a_change_of_the_plan_explains_no_loss() -> None:
    account = load()
    fail(account, 51)
    assert find_losses(Requests.of(account), [CHANGE], []).unexplained == 1


def test_a_request_without_an_end_is_never_explained() -> None:
    account = load()
    account.end_ns[30], account.outcome[30] = 0, 0
    losses = find_losses(Requests.of(account), [KILL], [])
    assert (losses.lost, losses.unexplained, losses.reasons) == (1, 1, {"no end": 1})


def test_a_request_that_two_gateways_served_is_a_duplicate() -> None:
    account = load()
    journals = [journal(account), journal(account, 7, 8), journal(account, 9, outcome="error")]
    losses = find_losses(Requests.of(account), [], journals)
    assert losses.duplicated == 2


def test_a_request_that_a_stage_of_a_chain_served_twice_is_a_duplicate() -> None:
    account = load()
    assert find_losses(Requests.of(account), [], [journal(account, 3, visits=2)]).duplicated == 1


def test_answers_that_no_journal_tells_of_are_counted() -> None:
    account = load()
    assert find_losses(Requests.of(account), [], [journal(account, *range(90))]).unseen == 10


def test_requests_of_others_do_not_count() -> None:
    account = load()
    stranger = LoadAccount(account.due_ns, ZERO_NS, "other")
    assert find_losses(Requests.of(account), [], [journal(stranger), journal(stranger)]).duplicated == 0


def test_requests_that_were_sent_again_are_counted_where_it_happened() -> None:
    account = load()
    for place in (22, 23, 60):
        account.sent(place, int(account.due_ns[place]) + 10 * MS)
    outcome = judge(Requests.of(account), [replace(KILL, ended_s=2.0 - RECOVERY_S + 1.0)], [journal(account)])
    assert (outcome.sent_again, outcome.first_turn_share) == (3, 0.97)
    assert [event.sent_again for event in outcome.events] == [2]


def test_an_outage_belongs_to_the_event_that_it_touches() -> None:
    account = load()
    for place in range(21, 41):
        account.end_ns[place] = ZERO_NS + 4_100 * MS
    requests = Requests.of(account)
    # From the answer at 2.05 s to those of all that waited.
    assert longest_gap_s(requests, 0.0, 100.0) == pytest.approx(2.05)
    assert longest_gap_s(requests, 6.0, 7.0) == pytest.approx(0.1)
    outcome = judge(requests, [KILL, Happened("etcd-compaction", "", 6.0, 6.0)], [])
    assert [event.outage_s for event in outcome.events] == [pytest.approx(2.05), pytest.approx(0.1)]


def test_an_end_without_answers_is_an_outage() -> None:
    account = load()
    for place in range(50, 100):
        fail(account, place)
    assert longest_gap_s(Requests.of(account), 0.0, 100.0) == pytest.approx(9.9 - 4.95)


@pytest.mark.parametrize(
    ("spoiled", "bar"),
    [
        ("event", "every event carried out"),
        ("wrong", "wrong answers: 0"),
        ("lost", "availability >= 99.5%"),
        ("slow", "p95 outside fault windows < 250 ms"),
    ],
)
def test_each_bar_can_be_missed(spoiled: str, bar: str) -> None:
    account, kill = load(), KILL
    if spoiled == "event":
        kill = replace(KILL, problem="RuntimeError: there is no pod to hit")
    elif spoiled == "wrong":
        account.right[5] = 0
    elif spoiled == "lost":
        fail(account, 30)
    else:
        account.end_ns[:19] = account.due_ns[:19] + 300 * MS
    bars = judge(Requests.of(account), [kill], [journal(account)]).bars()
    assert [name for name, kept in bars.items() if not kept] == [bar]


def test_tables_and_plain_values_show_every_kind_that_happened() -> None:
    account = load()
    outcome = judge(
        Requests.of(account), [KILL, CHANGE, replace(CHANGE, in_force_s=None)], [journal(account)]
    )
    table = outcome.by_kind().set_index("kind")
    assert set(table.index) == {"pod-kill", "plan-change"} < set(KINDS)
    assert table.loc["plan-change", "in_force_median_s"] == 1.5
    assert outcome.as_dict()["events"][0]["target"] == "a pod"
    shown = as_text(outcome)
    assert "100 requests: 100 answered (100.000%)" in shown
    assert "PASS  duplicated: 0" in shown
    assert "pod-kill" in shown
