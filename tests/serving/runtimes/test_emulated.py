"""An emulated variant takes exactly as long as the simulator says."""

import asyncio
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.profiles import Profile
from ipa.serving.digest import digest_items
from ipa.serving.model_server import ReplicaSettings, ServerReady
from ipa.serving.runtimes.emulated import BATCH_NUMBER, EmulatedTimes
from ipa.serving.v2 import Answer, Tensor, V2Client
from ipa.simulator import SimulationSettings
from tests.support import replicas
from tests.support.simulator_toys import plan, simulate

POINTS = replicas.profile(0.02)
SEED = 7


def settings(stage_index: int = 0, **others: object) -> ReplicaSettings:
    given = {"max_batch": 8, "profile": POINTS, "seed": SEED} | others
    return ReplicaSettings("replica-1", "stage", "small", stage_index, **given)


def simulated_service_s(stage_index: int, batch: int, service: str) -> list[float]:
    """Return how long the simulator serves 40 batches in a stage, in the order in which they are taken."""
    variants = (Variant("small", 0.5, 1, (Profile(1, POINTS),)),)
    pipeline = Pipeline("toy", tuple(Stage(f"s{number}", variants) for number in range(2)), sla_s=1.0)
    arrivals_s = np.repeat(np.arange(40) * 10.0, batch)
    simulator = simulate(
        pipeline,
        plan(*[("small", batch, 1, 0.0)] * 2),
        SimulationSettings(seed=SEED, service=service),
        arrivals_s,
    )
    return list(simulator.records().stages[stage_index].service_s[::batch])


@pytest.mark.parametrize("service", ["lognormal", "deterministic"])
@pytest.mark.parametrize(("stage_index", "batch"), [(0, 1), (1, 8), (1, 3)])
def test_batches_take_what_the_simulator_draws_for_them(stage_index: int, batch: int, service: str) -> None:
    times = EmulatedTimes(settings(stage_index, service=service))
    found = [times.seconds(number, batch) for number in range(40)]
    assert found == pytest.approx(simulated_service_s(stage_index, batch, service), rel=1e-9)


def test_replicas_share_the_numbers_of_their_stage_in_any_order() -> None:
    whole, other = EmulatedTimes(settings()), EmulatedTimes(settings())
    expected = [whole.seconds(number, 1) for number in range(10_000)]
    assert [other.seconds(number, 1) for number in (9_999, 0, 5_000)] == [
        expected[9_999],
        expected[0],
        expected[5_000],
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerReady]:
    with replicas.replica(settings()) as ready:
        yield ready


def ask(server: ServerReady, numbers: range, items: int = 1) -> tuple[list[float], list[Answer]]:
    """Return how long every call of a sequence took in seconds, and what was answered."""

    async def calls() -> Iterator[tuple[float, Answer]]:
        found = []
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            assert await client.model_ready("stage")
            for number in numbers:
                texts = [f"{number}/{item}".encode() for item in range(items)]
                start_s = time.monotonic()
                answer = await client.infer(
                    "stage", [Tensor.of("text", texts)], str(number), {BATCH_NUMBER: number}, timeout_s=10.0
                )
                found.append((time.monotonic() - start_s, answer))
        return iter(found)

    took, answers = zip(*asyncio.run(calls()), strict=True)
    return list(took), list(answers)


@pytest.mark.live
def test_over_grpc_the_times_are_those_of_the_draws(server: ServerReady) -> None:
    took, answers = ask(server, range(100))
    times = EmulatedTimes(settings())
    late = np.array(took) - [times.seconds(number, 1) for number in range(100)]
    # Transport and timers; a busy machine delays calls, some of them for long, but not all.
    assert late.min() > -0.002
    assert np.quantile(late, 0.1) < 0.005
    assert [answer.id for answer in answers] == [str(number) for number in range(100)]


@pytest.mark.live
def test_every_item_gets_the_digest_of_its_own_inputs(server: ServerReady) -> None:
    _, (answer,) = ask(server, range(1), items=8)
    assert answer.tensors == (digest_items([Tensor.of("text", [f"0/{item}".encode() for item in range(8)])]),)
    assert len(set(answer.tensors[0].numpy().ravel())) == 8


@pytest.mark.live
def test_calls_at_once_are_served_one_batch_at_a_time(server: ServerReady) -> None:
    async def all_at_once() -> float:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            start_s = time.monotonic()
            calls = (
                client.infer("stage", [Tensor.of("x", [b"a"])], parameters={BATCH_NUMBER: number})
                for number in range(5)
            )
            await asyncio.gather(*calls)
            return time.monotonic() - start_s

    times = EmulatedTimes(settings())
    assert asyncio.run(all_at_once()) > sum(times.seconds(number, 1) for number in range(5)) - 0.005


@pytest.mark.live
@pytest.mark.parametrize(
    ("tensors", "parameters", "message"),
    [
        ([Tensor.of("x", [b"a"] * 9)], {}, "a batch has 1 to 8 items here, not 9"),
        ([Tensor.of("x", np.zeros((0, 1)))], {}, "a batch has 1 to 8 items here, not 0"),
        ([Tensor.of("x", [b"a"]), Tensor.of("y", [b"a"] * 2)], {}, r"the inputs hold \[1, 2\] items"),
        ([Tensor.of("x", np.array(1.0))], {}, "has no axis"),
        ([], {}, "there is no input"),
        ([Tensor.of("x", [b"a"])], {BATCH_NUMBER: 2**62}, "parameter ipa_batch must lie between"),
        ([Tensor.of("x", [b"a"])], {BATCH_NUMBER: "first"}, "parameter ipa_batch must lie between"),
    ],
)
def test_what_makes_no_batch_is_the_clients_mistake(
    server: ServerReady, tensors: list[Tensor], parameters: dict[str, int], message: str
) -> None:
    async def call() -> None:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            await client.infer("stage", tensors, parameters=parameters, timeout_s=10.0)

    with pytest.raises(grpc.aio.AioRpcError, match=message) as error:
        asyncio.run(call())
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
