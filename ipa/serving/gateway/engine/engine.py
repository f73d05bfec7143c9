"""The pipeline as one thing: requests go in, answers come out, plans change what serves."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import StagePlan
from ipa.results.requests import DROP_REASONS
from ipa.serving.gateway.engine.account import Account
from ipa.serving.gateway.engine.clock import Clock
from ipa.serving.gateway.engine.journal import Journal
from ipa.serving.gateway.engine.replica import Batch, Link, Replica
from ipa.serving.gateway.engine.request import Request, Visit
from ipa.serving.gateway.engine.router import Router
from ipa.serving.gateway.engine.stage_queue import StageLimits, StageQueue
from ipa.serving.gateway.messages import GatewayState
from ipa.serving.v2 import Tensor

NAMES_REMEMBERED = 1000
"""Replicas of which it is known that they have drained."""


class Observer(Protocol):
    """Is told what happens, to count it."""

    def arrived(self, request: Request, /) -> None:
        """Count a request that came."""
        ...

    def sent(self, place: int, batch: Batch, /) -> None:
        """Count a batch that was sent to a replica."""
        ...

    def left(self, visit: Visit, /) -> None:
        """Count a visit that has been served."""
        ...

    def ended(self, request: Request, /) -> None:
        """Count a request that has ended."""
        ...


class Engine:
    """Queues, routes and books of one pipeline.

    Parameters
    ----------
    pipeline
        What it serves.
    limits
        What each stage bears, in the pipeline's order.
    clock
        What time it is.
    seed
        Of the draws that thin and multiply visits in a graph.
    journal_limit
        Ended requests that are remembered.
    observer
        Is told what happens; None: nobody.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        limits: Sequence[StageLimits],
        clock: Clock,
        seed: int = 0,
        journal_limit: int = 1000,
        observer: Observer | None = None,
    ) -> None:
        self.pipeline = pipeline
        self._clock, self._observer = clock, observer
        self.account = Account(clock.now_s())
        self.journal = Journal(pipeline, journal_limit)
        self._router = Router(pipeline, seed, self._ended)
        self.stages = tuple(
            StageQueue(stage, place, limits[place], clock, self, self._sent)
            for place, stage in enumerate(pipeline.stages)
        )
        self._router.connect(self.stages)
        self._drained: deque[str] = deque(maxlen=NAMES_REMEMBERED)
        self.accepting = True
        self.on_settled: Callable[[], None] = lambda: None
        """Is called whenever nothing of a request is in the pipeline any more."""

    @property
    def ready(self) -> bool:
        """Whether there is a plan, and requests are taken."""
        return self.accepting and all(stage.plan is not None for stage in self.stages)

    @property
    def needed_inputs(self) -> frozenset[str]:
        """Names of the inputs that a request must have."""
        return self._router.wiring.needed_inputs

    def needed_outputs(self, place: int) -> frozenset[str]:
        """Return the names of the outputs that a stage must give."""
        return self._router.wiring.needed_outputs(place)

    @property
    def unsettled(self) -> int:
        """Requests of which anything is in the pipeline."""
        return self.account.arrived - self.account.settled

    def submit(self, request_id: str, inputs: Sequence[Tensor], on_end: Callable[[Request], None]) -> Request:
        """Take a request; ``on_end`` is called once it has ended, which may be at once."""
        now_s = self._clock.now_s()
        number = self.account.arrive(now_s)
        request = Request(number, request_id, inputs, now_s, len(self.stages), on_end)
        if self._observer:
            self._observer.arrived(request)
        self._router.start(request)
        self._settle(request)
        return request

    def cancel(self, request: Request) -> None:
        """End a request whose client is gone, if it has not ended."""
        if request.in_flight:
            self._end_badly(request, "cancelled", "the client is gone", self._clock.now_s(), None)
            self._settle(request)

    def assign(
        self,
        plans: Sequence[tuple[StagePlan, Sequence[Link]]],
        borrowed: Sequence[Sequence[Link]] = (),
    ) -> None:
        """Change what serves every stage, all at once.

        Parameters
        ----------
        plans
            Of every stage, with the ways to its replicas.
        borrowed
            Of every stage, the ways to replicas of others that may help; empty: nobody may.
        """
        now_s = self._clock.now_s()
        helpers = borrowed or [()] * len(self.stages)
        for stage, (plan, links), others in zip(self.stages, plans, helpers, strict=True):
            stage.assign(plan, links, now_s, others)

    def state(self) -> GatewayState:
        """Return what is going on."""
        account = self.account
        return GatewayState(
            self._clock.now_s() - account.zero_s,
            tuple(stage.state(account.zero_s) for stage in self.stages),
            tuple(self._drained),
            account.arrived,
            account.ended["ok"],
            account.ended["dropped"],
            account.ended["error"],
            account.in_flight,
        )

    def left(self, _place: int, visits: Sequence[Visit], now_s: float) -> None:
        """Send on what follows from visits of one batch."""
        for visit in visits:
            if self._observer:
                self._observer.left(visit)
            self._router.follow(visit, now_s)
            self._settle(visit.request)

    def lost(self, visit: Visit, reason: str, message: str, now_s: float) -> None:
        """End the request of a visit that was dropped or could not be served."""
        request = visit.request
        request.present -= 1
        if request.in_flight:
            first = request.first_expired(visit, now_s) if reason == "expired" else visit
            self._end_badly(request, reason, message, now_s, first)
        self._settle(request)

    def released(self, replica: Replica) -> None:
        """Let go of a replica that has drained."""
        replica.link.close()
        self._drained.append(replica.name)

    def _end_badly(
        self, request: Request, reason: str, message: str, now_s: float, visit: Visit | None
    ) -> None:
        request.outcome, request.reason = "dropped" if reason in DROP_REASONS else "error", reason
        where = f"stage {self.stages[visit.place].name}: " if visit else ""
        request.message, request.end_s = f"{reason}: {where}{message}", now_s
        request.lost = visit
        request.place = visit.place if visit else -1
        # As in the simulator, the other visits of one that is too old go on, for nobody; those of others end.
        if reason != "expired":
            self._router.recall(request)
        self._ended(request)

    def _sent(self, place: int, batch: Batch) -> None:
        if self._observer:
            self._observer.sent(place, batch)

    def _ended(self, request: Request) -> None:
        self.account.end(request)
        if self._observer:
            self._observer.ended(request)
        request.on_end(request)

    def _settle(self, request: Request) -> None:
        if request.present == 0 and not request.in_flight and not request.settled:
            request.settled = True
            self.account.settled += 1
            self.journal.append(request)
            request.release()
            self.on_settled()
