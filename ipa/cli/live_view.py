"""What ``ipa up`` shows of a live pipeline: a table that is drawn anew, or a line now and then."""

import math
from typing import TYPE_CHECKING

from ipa.cli.output import measured_text
from ipa.pipeline.pipeline import Pipeline
from ipa.platforms.local.status import WINDOW_S, Status

if TYPE_CHECKING:
    from rich.console import RenderableType


def as_line(pipeline: Pipeline, status: Status) -> str:
    """Return a status as one line."""
    stages = ", ".join(
        f"{stage.stage} {stage.variant} ×{ready}/{stage.replicas} b{stage.batch}"
        for stage, ready in zip(status.seen.plan.stages, status.seen.ready_replicas, strict=True)
    )
    return f"{status.seen.now_s:6.0f} s: {_numbers(pipeline, status)}; {stages}{_pending(status)}"


def as_table(pipeline: Pipeline, status: Status) -> "RenderableType":
    """Return a status as a table of the stages with a line of numbers below it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    table.add_column("stage")
    table.add_column("variant")
    for name in ("batch", "batch wait s", "replicas serve", "cores", "waiting"):
        table.add_column(name, justify="right")
    waiting = {stage.stage: stage.waiting for stage in status.gateway.stages} if status.gateway else {}
    for stage, ready in zip(status.seen.plan.stages, status.seen.ready_replicas, strict=True):
        table.add_row(
            stage.stage,
            stage.variant,
            str(stage.batch),
            f"{stage.batch_wait_s:.3f}",
            f"{ready} of {stage.replicas}",
            str(stage.cost_cores),
            str(waiting.get(stage.stage, "?")),
        )
    below = f"{status.seen.now_s:.0f} s: {_numbers(pipeline, status)}{_pending(status)}"
    return Group(table, Text(f"\n{below}"))


def _numbers(pipeline: Pipeline, status: Status) -> str:
    gateway = status.gateway
    ended = (
        f"{gateway.ok} answered, {gateway.dropped} dropped, {gateway.errors} failed"
        if gateway
        else "the gateway is being started anew"
    )
    plan = status.seen.plan
    return (
        f"{_number(status.rate_rps, 1)} requests/s over {WINDOW_S} s,"
        f" latency p50 {_number(status.latency_p50_s, 3)} s p99 {_number(status.latency_p99_s, 3)} s"
        f" of {pipeline.sla_s:g} s SLA, {status.cores} cores,"
        f" PAS × 100 = {100 * plan.accuracy(pipeline):.2f}{measured_text(plan.measured_accuracy(pipeline))};"
        f" {ended}"
    )


def _pending(status: Status) -> str:
    return f"; {status.seen.pending}" if status.seen.pending else ""


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
