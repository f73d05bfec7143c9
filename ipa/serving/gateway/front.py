"""What both doors, gRPC and REST, do with a request: check it, let the engine serve it, tell the outcome."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ipa.errors import TensorError, brief
from ipa.serving.gateway.engine import Engine, Request
from ipa.serving.gateway.engine.journal import nanoseconds
from ipa.serving.runtimes.pipeline_tensors import request_inputs
from ipa.serving.v2 import Answer, Parameters, Tensor, check_items, signature

LONGEST_ID = 256

RETRY_S = 1
"""After so many seconds there may be a plan, another replica or another gateway."""


@dataclass(frozen=True, slots=True)
class NotServedError(Exception):
    """A request did not get an answer.

    Parameters
    ----------
    reason
        Why: one of ``ipa.results.requests.REASONS``.
    message
        The reason again, then the stage and what happened.
    retry_after_s
        After how many seconds it may be worth asking again; None: nobody knows.
    request_id
        What the client calls the request that it may send again, under the same id.
    """

    reason: str
    message: str
    retry_after_s: int | None = None
    request_id: str = ""

    def told(self) -> dict[str, str]:
        """Return what the client is told beside the message if it may ask again."""
        if self.retry_after_s is None:
            return {}
        told = {"retry-after": str(self.retry_after_s)}
        # Headers hold nothing else.
        if self.request_id.isascii() and self.request_id.isprintable() and self.request_id:
            told["request-id"] = self.request_id
        return told

    def __str__(self) -> str:
        return self.message


class Front:
    """Serves requests to one pipeline.

    Parameters
    ----------
    engine
        Decides.
    model
        Name under which clients know the pipeline.
    """

    def __init__(self, engine: Engine, model: str) -> None:
        self.engine, self.model = engine, model
        self._names = tuple(stage.name for stage in engine.stages)
        self._inputs = {spec.name: spec for spec in request_inputs(engine.pipeline)}
        self._needed = engine.needed_inputs | set(self._inputs)

    async def serve(self, request_id: str, tensors: Sequence[Tensor], wanted: frozenset[str]) -> Answer:
        """Return the answer to a request; if nobody waits for it any more, take it back.

        Parameters
        ----------
        request_id
            What the client calls it.
        tensors
            Its inputs.
        wanted
            Names of the outputs that the client wants; none: all.

        Raises
        ------
        TensorError
            If it is no request that the pipeline could serve; it is not in the books then.
        NotServedError
            If it was refused, dropped, or failed.
        """
        self._check(request_id, tensors)
        if not self.engine.ready:
            what = "the pipeline has no plan yet" if self.engine.accepting else "the pipeline is stopping"
            raise NotServedError("unavailable", f"unavailable: {what}", RETRY_S, request_id)
        ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request = self.engine.submit(request_id, tensors, lambda one: self._end(one, ended, wanted))
        try:
            return await ended
        except asyncio.CancelledError:
            self.engine.cancel(request)
            raise

    def _check(self, request_id: str, tensors: Sequence[Tensor]) -> None:
        if len(request_id) > LONGEST_ID:
            raise TensorError(f"the id has {len(request_id)} characters; at most {LONGEST_ID} are allowed")
        if not tensors:
            raise TensorError("there is no tensor; a request holds at least one")
        try:
            check_items(tensors, 1)
        except TensorError as error:
            raise TensorError(f"{error}: a request is one item, batches are made here") from None
        given = {tensor.name: tensor for tensor in tensors}
        signature(tensors)
        if missing := self._needed - set(given):
            raise TensorError(
                f"input {brief(min(missing))} is missing; pipeline {self.model} needs"
                f" {', '.join(sorted(self._needed))}"
            )
        for name, spec in self._inputs.items():
            spec.check(given[name])

    def _end(self, request: Request, ended: "asyncio.Future[Answer]", wanted: frozenset[str]) -> None:
        """Hand over the outcome at once: the request lets go of its tensors soon."""
        if ended.done():
            return
        if request.outcome == "ok":
            outputs = [one for one in request.outputs if not wanted or one.name in wanted]
            ended.set_result(Answer(tuple(outputs), self._told(request), request.id))
            return
        retry_s = self._retry_after_s(request)
        ended.set_exception(NotServedError(request.reason, request.message, retry_s, request.id))

    def _retry_after_s(self, request: Request) -> int | None:
        if request.reason != "refused":
            return RETRY_S if request.reason == "unavailable" else None
        wait_s = self.engine.stages[request.place].drain_time_s()
        return 60 if wait_s == math.inf else min(max(math.ceil(wait_s), 1), 60)

    def _told(self, request: Request) -> Parameters:
        """Return what an answer tells of the way through each stage, in whole nanoseconds."""
        told: dict[str, bool | int | str] = {"arrival_ns": nanoseconds(request.arrival_s)}
        for name, visit in zip(self._names, request.path()[0], strict=True):
            if visit is None:
                continue
            queue_s = max(visit.free_s - visit.enter_s, 0.0)
            told[f"{name}.variant"] = visit.variant
            told[f"{name}.batch"] = visit.batch
            told[f"{name}.enter_ns"] = nanoseconds(visit.enter_s)
            told[f"{name}.queue_ns"] = nanoseconds(queue_s)
            told[f"{name}.batch_wait_ns"] = nanoseconds(visit.start_s - visit.enter_s - queue_s)
            told[f"{name}.service_ns"] = nanoseconds(visit.end_s - visit.start_s)
        return told
