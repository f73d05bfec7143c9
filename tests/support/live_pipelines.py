"""Small pipelines for live tests, and what runs of them."""

import os
import signal

from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.platforms.local.deployment import Deployment

TIMES_S = {"small": 0.01, "large": 0.02}
"""Mean service time of a single request; a batch of 8 takes twice as long."""


def variant(name: str, server: ExternalServer | None = None) -> Variant:
    mean_s = TIMES_S[name]
    points = tuple(
        ProfilePoint(batch, 1.5 * mean_s * factor, mean_s * factor, batch / mean_s / factor)
        for batch, factor in ((1, 1.0), (8, 2.0))
    )
    accuracy = 0.5 if name == "small" else 0.8
    return Variant(name, accuracy, 1, (Profile(1, points),), start_up_s=0.0, server=server)


def toy_pipeline(server: ExternalServer | None = None) -> Pipeline:
    """Return two stages of two variants, emulated or behind a server of somebody else's."""
    stages = (Stage(name, tuple(variant(size, server) for size in TIMES_S)) for name in ("first", "second"))
    return Pipeline("toy", tuple(stages), sla_s=1.0)


def toy_plan(
    variants: tuple[str, str] = ("small", "small"), replicas: tuple[int, int] = (2, 2), batch: int = 1
) -> Plan:
    """Return a plan of the toy pipeline; a batch waits for 20 ms at most."""
    wait_s = 0.02 if batch > 1 else 0.0
    names = zip(("first", "second"), variants, replicas, strict=True)
    return Plan(tuple(StagePlan(stage, name, batch, count, 1, wait_s) for stage, name, count in names))


def send_to_replica(deployment: Deployment, stage: str, number: signal.Signals) -> str:
    """Send a signal to a replica that serves a stage, and return its name."""
    state = next(found for found in deployment.state().stages if found.stage == stage)
    return send(deployment, state.replicas[0].name, number)


def send(deployment: Deployment, name: str, number: signal.Signals) -> str:
    """Send a signal to a process, and return its name."""
    os.kill(next(p.pid for p in deployment.processes() if p.name == name), number)
    return name
