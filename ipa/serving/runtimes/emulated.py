"""A variant that takes as long as its profile says, and computes nothing."""

import asyncio
import math
import time
from collections.abc import Sequence

from mlserver.errors import InferenceError
from mlserver.settings import ModelSettings

from ipa import limits
from ipa.serving.digest import digest_items
from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.runtime import ReplicaRuntime
from ipa.serving.v2 import Parameters, Tensor
from ipa.simulator.service import RandomStream, service_times

BATCH_NUMBER = "ipa_batch"
"""Parameter of a request: how many batches the stage has dispatched before this one, over all replicas."""


class EmulatedTimes:
    """How long each batch of a stage takes: what the simulator draws for it.

    Parameters
    ----------
    replica
        Profile, service, seed and stage.
    """

    def __init__(self, replica: ReplicaSettings) -> None:
        self._times = service_times(replica.profile, replica.max_batch, replica.service)
        # A stream of the simulator's, never consumed: the replicas of a stage share its numbers out.
        self._random = RandomStream(replica.seed, replica.stage_index, replica.service)

    def seconds(self, batch_number: int, items: int) -> float:
        """Return how long a batch takes.

        Parameters
        ----------
        batch_number
            How many batches the stage has dispatched before.
        items
            Requests in the batch.
        """
        drawn = self._random.peek(batch_number + 1)[batch_number]
        times = self._times
        return float(times.scale_s[items] * math.exp(times.spread[items] * drawn) + times.dispatch_s)


class EmulatedRuntime(ReplicaRuntime):
    """Answers each batch with digests of its items, after the time that the simulator gives it."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self._one_batch = asyncio.Lock()
        self._answered = 0

    async def prepare(self) -> None:
        """Take as long as the variant takes to load."""
        self._times = EmulatedTimes(self.replica)
        self._times.seconds(0, 1)
        asked_ns = self.replica.asked_ns
        passed_s = (time.monotonic_ns() - asked_ns) / 1e9 if asked_ns else 0.0
        await asyncio.sleep(max(self.replica.start_up_s - passed_s, 0.0))

    async def answer(
        self, tensors: Sequence[Tensor], items: int, parameters: Parameters
    ) -> tuple[Sequence[Tensor], Parameters]:
        """Wait as long as this batch takes; who numbers no batches gets one number after another."""
        number = parameters.get(BATCH_NUMBER, self._answered)
        if isinstance(number, str) or not limits.VISITS.holds(number):
            raise InferenceError(f"parameter {BATCH_NUMBER} must {limits.VISITS}, not {number}")
        async with self._one_batch:
            end_s = time.monotonic() + self._times.seconds(int(number), items)
            digest = digest_items(tensors)
            await asyncio.sleep(end_s - time.monotonic())
            self._answered += 1
        return [digest], {}
