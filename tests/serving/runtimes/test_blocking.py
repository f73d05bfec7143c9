"""A variant that blocks is served one batch at a time while its server answers everything else."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import grpc
import numpy as np
import pytest

from ipa.errors import TensorError, UnknownNameError
from ipa.serving.replica import ReplicaSettings, ServerFailed, ServerReady
from ipa.serving.runtimes.catalogue import TASKS, task_of
from ipa.serving.v2 import Tensor, V2Client
from tests.support import replicas
from tests.support.toy_task import TOY

SETTINGS = ReplicaSettings("toy-1", "stage", "only", task="toy", source="random", max_batch=4)


def waiting(*seconds: float) -> list[Tensor]:
    return [Tensor.of("seconds", np.array(seconds, dtype=np.float32))]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerReady]:
    with replicas.replica(SETTINGS) as ready:
        yield ready


def scraped(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        content: bytes = answer.read()
    return content


async def ask(client: V2Client, *seconds: float) -> list[int]:
    answer = await client.infer("stage", waiting(*seconds), timeout_s=20.0)
    told: list[int] = answer.tensors[0].numpy()[0].tolist()
    return told


@pytest.mark.live
def test_probes_and_metrics_answer_during_a_batch(server: ServerReady) -> None:
    async def check() -> None:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            batch = asyncio.create_task(ask(client, 3.0))
            answered = 0
            while not batch.done():
                assert await client.model_ready("stage", timeout_s=2.0)
                assert b"model_infer" in await asyncio.to_thread(scraped, server.metrics_port)
                answered += 1
                await asyncio.sleep(0.05)
            assert answered >= 5
            await batch

    asyncio.run(check())


@pytest.mark.live
def test_a_replica_whose_batch_hangs_is_neither_ready_nor_alive_until_it_ends() -> None:
    async def alive(port: int) -> int:
        def ask_rest() -> int:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/live", timeout=5) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                return error.code

        return await asyncio.to_thread(ask_rest)

    async def check(server: ServerReady) -> None:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            await ask(client, 0.1)
            assert await alive(server.http_port) == 200
            with pytest.raises(grpc.aio.AioRpcError, match="Deadline Exceeded"):
                await client.infer("stage", waiting(3.0), timeout_s=0.1)
            # That nobody waits for it any more does not end it.
            async with asyncio.timeout(2.5):
                while await alive(server.http_port) == 200:
                    await asyncio.sleep(0.02)
            assert not await client.model_ready("stage", timeout_s=2.0)
            async with asyncio.timeout(10.0):
                while await alive(server.http_port) != 200:
                    await asyncio.sleep(0.02)
            assert await client.model_ready("stage", timeout_s=2.0)

    with replicas.replica(replace(SETTINGS, hang_after_s=0.5)) as found:
        asyncio.run(check(found))


@pytest.mark.live
def test_batches_at_once_are_computed_one_after_another_in_one_thread(server: ServerReady) -> None:
    async def check() -> None:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            start_s = time.monotonic()
            told = await asyncio.gather(*(ask(client, 0.1, 0.1) for _ in range(4)))
            assert time.monotonic() - start_s >= 0.4
            assert {warm_up for warm_up, _, _ in told} == {1}
            assert len({thread for _, _, thread in told}) == 1

    asyncio.run(check())


@pytest.mark.live
def test_an_item_that_cannot_be_computed_fails_its_batch_and_not_the_server(server: ServerReady) -> None:
    async def check() -> None:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            with pytest.raises(grpc.aio.AioRpcError, match="this item cannot be computed") as error:
                await ask(client, 0.0, -1.0)
            assert error.value.code() == grpc.StatusCode.INTERNAL
            with pytest.raises(
                grpc.aio.AioRpcError, match=r"shape \[1, 3\]; its first axis must be 2"
            ) as error:
                await ask(client, 0.125, 0.0)
            assert error.value.code() == grpc.StatusCode.INTERNAL
            with pytest.raises(grpc.aio.AioRpcError, match="takes the inputs seconds, not x") as error:
                await client.infer("stage", [Tensor.of("x", [b"a"])], timeout_s=5.0)
            assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert len(await ask(client, 0.0)) == 3

    asyncio.run(check())


@pytest.mark.live
def test_the_model_describes_its_inputs_and_outputs(server: ServerReady) -> None:
    async def check() -> None:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            metadata = await client.model_metadata("stage")
        assert [(spec.name, spec.datatype, list(spec.shape)) for spec in metadata.inputs] == [
            ("seconds", "FP32", [-1])
        ]
        assert [(spec.name, list(spec.shape)) for spec in metadata.outputs] == [("told", [-1, 3])]

    asyncio.run(check())


@pytest.mark.live
def test_a_variant_that_cannot_be_loaded_says_why() -> None:
    with replicas.starting_replica(replace(SETTINGS, settings={"problem": "no weights"})) as answer:
        assert answer == ServerFailed("toy-1: no weights")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ([Tensor.of("seconds", np.zeros(1))], "must be FP32 with items of shape"),
        ([Tensor.of("seconds", np.zeros((1, 2), np.float32))], r"not FP32 with items of shape \[2\]"),
        ([], "takes the inputs seconds, not none"),
    ],
)
def test_inputs_that_a_task_does_not_take_are_refused(tensors: list[Tensor], message: str) -> None:
    with pytest.raises(TensorError, match=message):
        TOY.check(tensors)


def test_inputs_beyond_those_of_a_task_are_left_out() -> None:
    seconds = Tensor.of("seconds", np.zeros(1, np.float32))
    assert TOY.check([Tensor.of("more", [b"a"]), seconds]) == {"seconds": seconds}


def test_a_task_has_the_sources_of_weights_that_it_names() -> None:
    with TASKS.temporarily("toy", TOY):
        assert task_of(SETTINGS) is TOY
        with pytest.raises(
            UnknownNameError, match="unknown source of weights for task toy 'packaged'; allowed"
        ):
            task_of(replace(SETTINGS, source="packaged"))
