"""Replicas that take as long as they are told, without processes, for the profiler."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from ipa.profiler.closed_loop import Samples
from ipa.profiler.host import Replica
from ipa.profiler.point import Circumstances, MeasuredPoint, PointKey, measured_point
from ipa.profiler.precision import StoppingRule
from ipa.profiler.target import Target

Sender = Callable[[Target, int, int], None]
"""(replica, batch size, number of the batch); what it raises is raised by the replica."""


@dataclass
class ToyHost:
    """Answers every batch after as many milliseconds as it has requests, divided by the cores.

    Parameters
    ----------
    before_answer
        Called before every answer.
    milliseconds
        How long a request of some variants takes instead.
    """

    before_answer: Sender = lambda _target, _batch, _number: None
    milliseconds: dict[str, float] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def replica(self, target: Target) -> AsyncIterator[Replica]:
        """Keep a replica until the block ends."""

        async def send(batch: int, number: int) -> None:
            self.before_answer(target, batch, number)
            each_s = self.milliseconds.get(target.variant.name, 1.0) / 1000
            await asyncio.sleep(each_s * batch / target.cores)

        self.started.append(str(target))
        try:
            yield Replica(send, start_up_s=0.25)
        finally:
            self.stopped.append(str(target))


@asynccontextmanager
async def opened(host: ToyHost) -> AsyncIterator[ToyHost]:
    """Keep a host for a block."""
    yield host


def write_toy_pipeline(folder: Path, **stage_keys: object) -> Path:
    """Write the file of a pipeline of two stages that has not been profiled."""
    content = {
        "name": "toy",
        "sla_s": 1.0,
        "stages": [
            {
                "name": "find",
                "profile": {"file": "not-there-yet.csv"},
                "variants": [
                    {"name": "light", "accuracy": 0.5, "base_cores": 1},
                    {"name": "heavy", "accuracy": 0.8, "base_cores": 1, "model": "hub:heavy"},
                ],
            },
            {
                "name": "read",
                "profile": {"file": "not-there-yet.csv"},
                "variants": [{"name": "only", "accuracy": 0.9, "base_cores": 1}],
                **stage_keys,
            },
        ],
    }
    file = folder / "unprofiled.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def toy_point(
    stage: str, variant: str, cores: int, batch: int, milliseconds: float, batches: int = 400
) -> MeasuredPoint:
    """Return a point whose batches all took the same time."""
    latency_s = milliseconds / 1000
    samples = Samples(np.full(batches, latency_s), batches * latency_s, warm_up_batches=10, warm=True)
    circumstances = Circumstances("fingerprint", 0.5, 100.0, latency_s, "")
    return measured_point(PointKey(stage, variant, cores, batch), samples, StoppingRule(), circumstances)
