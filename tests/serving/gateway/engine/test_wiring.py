"""Which tensors go where, by name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ipa.pipeline.pipeline import Edge, Pipeline, Stage
from ipa.pipeline.plan import StagePlan
from ipa.pipeline.stage_inputs import StageInput
from ipa.serving.gateway.engine import Engine, Request
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.v2 import Tensor
from tests.support.scripted_links import ScriptedLink
from tests.support.simulator_toys import pipeline, variant
from tests.support.virtual_gateway import VirtualClock


def chain(*inputs: tuple[StageInput, ...]) -> Pipeline:
    """Return stages s0, s1, ... with declared inputs."""
    bare = pipeline(*[[variant("a", {1: 0.1, 8: 0.4})]] * len(inputs)).stages
    stages = tuple(replace(stage, inputs=one) for stage, one in zip(bare, inputs, strict=True))
    return Pipeline("toy", stages, sla_s=1.0)


def graph(*edges: tuple[int, int, float]) -> Pipeline:
    """Return a graph from (source, target, factor)."""
    stages: tuple[Stage, ...] = chain(*[()] * (1 + max(target for _, target, _ in edges))).stages
    named = tuple(Edge(f"s{source}", f"s{target}", factor) for source, target, factor in edges)
    return Pipeline("toy", stages, sla_s=1.0, edges=named)


def tensors(**values: int) -> list[Tensor]:
    return [Tensor.of(name, np.array([[value]])) for name, value in values.items()]


def serve(
    pipe: Pipeline, outputs: Sequence[Sequence[Tensor]]
) -> tuple[list[list[dict[str, list[Any]]]], dict[str, list[Any]]]:
    """Return what each stage was asked, and the answer, for a request with an image and a hint."""
    clock, answers = VirtualClock(), list[dict[str, list[Any]]]()
    engine = Engine(pipe, [StageLimits()] * len(pipe.stages), clock)
    links = [ScriptedLink(stage.name) for stage in pipe.stages]
    engine.assign([(StagePlan(link.name, "a", 1, 1, 1), [link]) for link in links])

    def keep(request: Request) -> None:
        answers.append({one.name: one.numpy().tolist() for one in request.outputs})

    engine.submit("r", tensors(image=7, hint=1), keep)
    clock.run_until(0.0)
    while any(link.busy for link in links):
        for link, given in zip(links, outputs, strict=True):
            if link.busy:
                link.answer(given)
        clock.run_until(clock.time_s)
    (answer,) = answers
    return [link.seen for link in links], answer


def test_by_default_outputs_become_inputs_under_their_names() -> None:
    seen, answer = serve(chain((), ()), [tensors(boxes=2, count=5), tensors(label=3)])
    assert seen == [[{"image": [[7]], "hint": [[1]]}], [{"boxes": [[2]], "count": [[5]]}]]
    assert answer == {"label": [[3]]}


def test_declared_inputs_come_from_the_request_and_from_any_stage_before() -> None:
    first = (StageInput("pixels", "", "image"),)
    third = (
        StageInput("crop", "s0", "boxes"),
        StageInput("text", "s1", "text"),
        StageInput("hint", "", "hint"),
    )
    pipe = chain(first, (), third)
    seen, _ = serve(pipe, [tensors(boxes=2), tensors(text=3, other=4), tensors(end=9)])
    assert seen[0] == [{"pixels": [[7]]}]
    assert seen[2] == [{"crop": [[2]], "text": [[3]], "hint": [[1]]}]
    engine = Engine(pipe, [StageLimits()] * 3, VirtualClock())
    assert engine.needed_inputs == {"image", "hint"}
    assert [engine.needed_outputs(place) for place in range(3)] == [{"boxes"}, {"text"}, set()]


def test_what_comes_together_keeps_its_names_unless_two_are_the_same() -> None:
    diamond = graph((0, 1, 1.0), (0, 2, 1.0), (1, 3, 1.0), (2, 3, 1.0))
    seen, _ = serve(diamond, [tensors(x=1), tensors(left=2), tensors(right=3), tensors(end=4)])
    assert seen[3] == [{"left": [[2]], "right": [[3]]}]
    seen, _ = serve(diamond, [tensors(x=1), tensors(same=2), tensors(same=3), tensors(end=4)])
    assert seen[3] == [{"s1.same": [[2]], "s2.same": [[3]]}]


def test_several_ends_answer_together() -> None:
    _, answer = serve(graph((0, 1, 1.0), (0, 2, 1.0)), [tensors(x=1), tensors(same=2), tensors(same=3)])
    assert answer == {"s1.same": [[2]], "s2.same": [[3]]}


def test_what_many_visits_bring_is_stacked_behind_the_first_axis() -> None:
    pipe = graph((0, 1, 3.0), (0, 2, 1.0), (1, 3, 1.0), (2, 3, 1.0))
    seen, _ = serve(pipe, [tensors(x=1), tensors(found=2), tensors(whole=5), tensors(end=4)])
    assert len(seen[1]) == 3
    assert seen[3] == [{"found": [[[2], [2], [2]]], "whole": [[5]]}]
