"""What happened to processes, on a clock that is set once they serve."""

from ipa.platforms.local.events import EventLog


def test_events_before_the_clock_was_set_have_negative_times() -> None:
    now_s = 4.0
    log = EventLog(lambda: now_s)
    log.add("starting", "gateway")
    now_s = 5.0
    log.shift(5.0)
    now_s = 0.5
    log.add("died", "gateway", "killed by signal 9")
    assert [(event.time_s, event.kind) for event in log.events()] == [(-1.0, "starting"), (0.5, "died")]


def test_events_are_counted_by_kind() -> None:
    log = EventLog(lambda: 0.0)
    for _ in range(3):
        log.add("hung", "detect-1")
    assert (log.count("hung"), log.count("died")) == (3, 0)
