"""Replicas whose answers a test gives itself, on simulated time."""

from collections.abc import Callable, Sequence
from typing import Any

from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway.engine import Batch, Engine, Fault, Request, Result
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.v2 import Tensor
from tests.support.simulator_toys import pipeline, variant
from tests.support.virtual_gateway import VirtualClock

INPUTS = (Tensor("x", "UINT8", (1,), b"x"),)


class ScriptedLink:
    """Keeps what it is sent until the test answers."""

    def __init__(self, name: str) -> None:
        self.name, self.closed = name, False
        self.sent: list[Batch] = []
        self.seen: list[dict[str, list[Any]]] = []
        """The values of the first inputs of each batch, by name: the engine lets go of tensors later."""
        self.probes: list[tuple[int, Callable[[], None]]] = []
        self._done: Callable[[Sequence[Result]], None] | None = None

    @property
    def busy(self) -> bool:
        return self._done is not None

    def send(self, batch: Batch, done: Callable[[Sequence[Result]], None], /) -> None:
        assert not self.closed
        assert self._done is None, "one batch at a time"
        self.sent.append(batch)
        self.seen.append({one.name: one.numpy().tolist() for one in batch.visits[0].inputs})
        self._done = done

    def watch(self, failures: int, recovered: Callable[[], None], /) -> None:
        self.probes.append((failures, recovered))

    def close(self) -> None:
        self.closed = True

    def answer(self, *results: Result) -> None:
        """Answer the batch: with these results, or well if there are none."""
        done, self._done = self._done, None
        assert done is not None
        done(results or [INPUTS for _ in self.sent[-1].visits])

    def fail(self, fault: Fault) -> None:
        """Let every visit of the batch fail."""
        self.answer(*[fault for _ in self.sent[-1].visits])

    def numbers(self) -> list[str]:
        """Return the ids of the requests in the last batch."""
        return [visit.request.id for visit in self.sent[-1].visits]


class ScriptedGateway:
    """An engine of a chain whose replicas are scripted."""

    def __init__(self, stages: int = 1, replicas: int = 1, batch: int = 1, **limits: float) -> None:
        self.clock = VirtualClock()
        pipe = pipeline(*[[variant("a", {1: 0.1, 8: 0.4}), variant("b", {1: 0.1, 8: 0.4})]] * stages)
        self.engine = Engine(pipe, [StageLimits(**limits)] * stages, self.clock)
        self.links = [[ScriptedLink(f"{at}-{one}") for one in range(replicas)] for at in range(stages)]
        self.borrowed: list[list[ScriptedLink]] = [[] for _ in range(stages)]
        self.ended: list[Request] = []
        self.plan("a", batch)

    def plan(self, variant_name: str, batch: int) -> None:
        """Serve with all links."""
        self.engine.assign(
            [
                (StagePlan(f"s{place}", variant_name, batch, len(links), 1), links)
                for place, links in enumerate(self.links)
            ],
            self.borrowed,
        )
        self.clock.run_until(self.clock.time_s)

    def submit(self, *ids: str) -> list[Request]:
        """Send requests now."""
        requests = [self.engine.submit(one, INPUTS, self.ended.append) for one in ids]
        self.clock.run_until(self.clock.time_s)
        return requests

    def settle(self) -> None:
        """Let everything happen that is due now."""
        self.clock.run_until(self.clock.time_s)

    def outcomes(self) -> dict[str, str]:
        """Return how each request ended, by id."""
        return {one.id: one.reason or one.outcome for one in self.ended}
