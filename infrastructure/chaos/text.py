"""What a run came to, as text."""

from infrastructure.chaos.outcome import ChaosOutcome, Latency

MS = 1000.0


def as_text(outcome: ChaosOutcome) -> str:
    """Return tables for a reader."""
    losses = outcome.losses
    late_ms = MS * outcome.lateness_p99_s
    reasons = ", ".join(f"{reason} {count}" for reason, count in losses.reasons.items())
    head = [
        f"{outcome.requests} requests: {outcome.answered} answered ({outcome.availability:.3%})",
        f"answered at the first turn: {outcome.first_turn_share:.3%}; sent again: {outcome.sent_again}",
        f"lost {losses.lost}{f' ({reasons})' if reasons else ''}, unexplained {losses.unexplained}",
        f"duplicated {losses.duplicated}, wrong {losses.wrong}; in no journal any more: {losses.unseen}",
        f"longest outage {outcome.outage_s:.2f} s; the load was late by {late_ms:.1f} ms (p99)",
        f"latency outside fault windows: {_latency(outcome.calm)}",
        f"latency inside fault windows: {_latency(outcome.faulty)}",
    ]
    table = outcome.by_kind().round(3).to_string(index=False, na_rep="")
    failed = [
        f"not carried out: {event.happened.kind} at {event.happened.began_s:.1f} s: {event.happened.problem}"
        for event in outcome.events
        if event.happened.problem
    ]
    bars = [f"{'PASS' if kept else 'FAIL'}  {bar}" for bar, kept in outcome.bars().items()]
    return "\n".join([*head, "", table, *failed, "", *bars])


def _latency(latency: Latency) -> str:
    if not latency.requests:
        return "no requests"
    quantiles = (
        ("p50", latency.p50_s),
        ("p95", latency.p95_s),
        ("p99", latency.p99_s),
        ("max", latency.max_s),
    )
    shown = ", ".join(f"{name} {MS * value_s:.0f} ms" for name, value_s in quantiles)
    return f"{shown} ({latency.requests} requests)"
