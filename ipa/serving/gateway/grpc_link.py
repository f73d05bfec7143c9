"""The way to one replica: a connection that is kept open, and what its answers mean."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

import grpc
from mlserver.grpc import dataplane_pb2 as pb

from ipa.errors import TensorError
from ipa.serving.gateway.engine import Batch, Fault, Result, Visit
from ipa.serving.gateway.messages import ReplicaAddress
from ipa.serving.gateway.tasks import Tasks
from ipa.serving.v2 import V2Client, merge, signature, split

_log = logging.getLogger(__name__)

BATCH_NUMBER = "ipa_batch"
"""Parameter that tells a replica how many batches its stage has sent before this one."""

S_PER_BYTE = 0.5e-6
"""Time that a batch may take per byte before it hangs: stock MLServer makes an object of each number."""

PROBE_S = 2.0
"""Time in which a replica has to answer whether it is ready."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
"""Before a replica that failed is asked whether it is ready: doubled with every failure."""

_Code = grpc.StatusCode

OF_REPLICA = {
    _Code.UNAVAILABLE: "cannot be reached",
    _Code.CANCELLED: "closed the connection",
    _Code.DEADLINE_EXCEEDED: "does not answer",
    _Code.NOT_FOUND: "does not have the model",
    _Code.UNIMPLEMENTED: "does not speak the V2 protocol",
}
"""Codes that say nothing about what was sent; all others mean that the model failed on it."""

POLL_S = 0.02


class GrpcLink:
    """Sends batches to one replica, one at a time.

    Parameters
    ----------
    replica
        Where it answers.
    needed
        Names of the outputs that other stages ask for.
    tasks
        Who owns the calls.
    closed
        Is called when the replica has been let go of.
    """

    def __init__(
        self,
        replica: ReplicaAddress,
        needed: frozenset[str],
        tasks: Tasks,
        closed: Callable[[str], None],
    ) -> None:
        self.replica = replica
        self._needed, self._tasks, self._closed = needed, tasks, closed
        self._client = V2Client(replica.address)
        self.told = pb.ModelMetadataResponse()
        """What the replica's model tells of itself, once it was asked."""
        self._faults = 0
        self._watch: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Name of the replica."""
        return self.replica.name

    async def connect(self) -> None:
        """Return once the replica says that it is ready."""
        while not await self._ready():
            await asyncio.sleep(POLL_S)

    async def ask(self) -> None:
        """Ask what the replica's model tells of itself."""
        self.told = await self._client.model_metadata(self.replica.model, timeout_s=PROBE_S)

    async def _ready(self) -> bool:
        try:
            return await self._client.model_ready(self.replica.model, timeout_s=PROBE_S)
        except grpc.aio.AioRpcError:
            return False

    def send(self, batch: Batch, done: Callable[[Sequence[Result]], None], /) -> None:
        """Send a batch, and call ``done`` with what became of each visit."""
        self._tasks.start(self._serve(batch, done))

    async def _serve(self, batch: Batch, done: Callable[[Sequence[Result]], None]) -> None:
        found: dict[int, Result] = {}
        try:
            for alike in _groups(batch.visits):
                results = await self._call_or_try_each(alike, batch)
                found.update(zip(map(id, alike), results, strict=True))
        except Exception:
            # Whatever it was, the engine has to hear of it: its replica would be busy for ever.
            _log.exception("batch %d of replica %s failed", batch.number, self.name)
        unknown = self._bad("gave an answer that could not be read; see the log")
        done([found.get(id(visit), unknown) for visit in batch.visits])

    async def _call_or_try_each(self, visits: Sequence[Visit], batch: Batch) -> Sequence[Result]:
        """Serve visits together, or, where the model fails on one of them, each by itself."""
        answer = await self._call(visits, batch)
        if not isinstance(answer, Fault):
            return answer
        self._tell(answer, len(visits))
        if answer.of_replica or len(visits) == 1:
            return [answer] * len(visits)
        results: list[Result] = []
        for visit in visits:
            alone = await self._call([visit], batch)
            results.append(alone if isinstance(alone, Fault) else alone[0])
        return results

    def _tell(self, fault: Fault, size: int) -> None:
        """Log a fault, and of many the second, fourth, eighth and so on."""
        self._faults += 1
        if self._faults & (self._faults - 1) == 0:
            what = f"fault {self._faults} of replica {self.name}, a batch of {size}"
            _log.warning("%s: %s: %s", what, fault.reason, fault.message)

    async def _call(self, visits: Sequence[Visit], batch: Batch) -> Sequence[Result] | Fault:
        call_id = f"{batch.number}-{visits[0].order}"
        try:
            tensors = merge([visit.inputs for visit in visits])
            answer = await self._client.infer(
                self.replica.model,
                tensors,
                call_id,
                {BATCH_NUMBER: batch.number},
                batch.hang_after_s + S_PER_BYTE * sum(tensor.size_bytes for tensor in tensors),
            )
            if answer.id not in ("", call_id):
                return self._bad(f"answered {answer.id!r} when {call_id!r} was asked")
            outputs = split(answer.tensors, [1] * len(visits))
            names = {name for name, _, _ in signature(answer.tensors)}
        except grpc.aio.AioRpcError as error:
            return self._fault(error)
        except TensorError as error:
            return self._bad(f"answered what is no batch of {len(visits)}: {error}")
        missing = self._needed - names
        return self._bad(f"gave no output {', '.join(sorted(missing))}") if missing else outputs

    def _bad(self, what: str) -> Fault:
        return Fault("bad-answer", f"replica {self.name} {what}")

    def _fault(self, error: grpc.aio.AioRpcError) -> Fault:
        if (problem := OF_REPLICA.get(error.code())) is not None:
            return Fault("unavailable", f"replica {self.name} {problem}")
        return Fault("model-error", error.details() or error.code().name)

    def watch(self, failures: int, recovered: Callable[[], None], /) -> None:
        """Ask whether the replica is ready until it is; the oftener it failed, the later."""
        pause_s = min(FIRST_PAUSE_S * 2 ** min(failures - 1, 10), LONGEST_PAUSE_S)
        self._watch = self._tasks.start(self._recover(pause_s, recovered))

    async def _recover(self, pause_s: float, recovered: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(pause_s)
            if await self._ready():
                break
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        recovered()

    def close(self) -> None:
        """Let go of the replica."""
        if self._watch:
            self._watch.cancel()
        self._tasks.start(self._client.close())
        self._closed(self.name)


def _groups(visits: Sequence[Visit]) -> Iterable[list[Visit]]:
    """Return the visits that can be served together: those whose inputs have the same names and shapes."""
    if len(visits) == 1:
        return [list(visits)]
    by_signature: dict[object, list[Visit]] = {}
    for visit in visits:
        by_signature.setdefault(signature(visit.inputs), []).append(visit)
    return by_signature.values()
