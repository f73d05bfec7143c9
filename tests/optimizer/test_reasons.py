"""Why no plan exists: the true reason, and a remedy that helps."""

import re
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from ipa.optimizer.build import build_problem
from ipa.optimizer.decision import Status
from ipa.optimizer.problem import Constraints, Objective, Problem, Restriction
from ipa.optimizer.random_problems import random_pipeline
from ipa.optimizer.reasons import why_infeasible
from ipa.optimizer.solve import solve
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.pipeline import Edge, Pipeline, Stage
from tests.support.toys import option, pipeline, problem, variant

MEASURED = Constraints(measured_only=True)


def built(
    rate_rps: float,
    fixed: tuple[int, ...] | None = None,
    variants: tuple[str, ...] | None = None,
    **limits: Any,
) -> Problem:
    return build_problem(
        pipeline(2, sla_s=5.0),
        rate_rps,
        Objective(),
        replace(MEASURED, **limits),
        Restriction(variants=variants, replicas=fixed),
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param(
            built(4000.0),
            "no plan carries 4000 requests/s within 5 s and 100 replicas a stage: stage stage-1 needs 200,"
            " stage stage-2 needs 200 replicas, at most 100 are allowed; raise --max-replicas to 200",
            id="cap of replicas",
        ),
        pytest.param(
            built(20.0, sla_s=0.15),
            "the fastest one takes 0.2 s, the SLA is 0.15 s; raise --sla to 0.2",
            id="SLA below the least latency",
        ),
        pytest.param(
            built(20.0, max_cores=1),
            "100 replicas a stage and 1 core: the cheapest one takes 2 cores; raise --max-cores to 2",
            id="core limit",
        ),
        pytest.param(
            built(20.0, max_cores=3, sla_s=0.5),
            "the cheapest one takes 4 cores; raise --max-cores to 4;"
            " or the fastest one takes 0.85 s, the SLA is 0.5 s; raise --sla to 0.85",
            id="core limit or SLA",
        ),
        pytest.param(
            built(90.0, fixed=(4, 5)),
            "stage stage-1 is fixed at 4 replicas and needs 5; use --replicas 5,5",
            id="fixed replicas too few",
        ),
        pytest.param(
            built(20.0, fixed=(101, 3)),
            "stage stage-1 needs 101 replicas, at most 100 are allowed;"
            " lower --replicas or raise --max-replicas to 101",
            id="fixed replicas above the cap",
        ),
        pytest.param(
            built(90.0, fixed=(150, 3)),
            "stage stage-1 is fixed at 150 replicas, at most 100 are allowed, stage stage-2 is fixed at 3"
            " replicas and needs 5; use --replicas 100,5",
            id="fixed replicas above the cap and too few",
        ),
        pytest.param(
            built(20.0, variants=("heavy", "heavy"), sla_s=0.5),
            "the fastest one takes 0.6 s, the SLA is 0.5 s; raise --sla to 0.6;"
            " or not with the fixed variants heavy, heavy; use other --variants, or --method ipa",
            id="fixed variants",
        ),
        pytest.param(
            built(4000.0, sla_s=0.1),
            "stage stage-1 needs 200, stage stage-2 needs 200 replicas, at most 100 are allowed, and the"
            " fastest one takes 0.8035 s, the SLA is 0.1 s; raise --max-replicas to 200 and raise --sla to"
            " 0.8035",
            id="several at once",
        ),
        pytest.param(
            built(1e9), "carries it with no number of replicas up to 100,000; lower --rate", id="hopeless"
        ),
    ],
)
def test_the_reason_is_the_true_one_and_names_what_helps(asked: Problem, reason: str) -> None:
    assert reason in why_infeasible(asked)
    assert solve(asked).why == why_infeasible(asked)


def test_a_batch_that_never_fills_is_a_reason_of_its_own() -> None:
    only = Stage("one", (variant("only", 0.5, 1, {8: (0.4, 20.0)}),))
    asked = build_problem(Pipeline("eight", (only,), 5.0), 0.0, Objective(), Constraints())
    assert "stage one has no batch size that ever fills without load" in why_infeasible(asked)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (problem([option()], []), "stage stage-1 has no option that carries the rate"),
        (problem([option(2.0)]), "the fastest one takes 2 s"),
        (problem([option(0.5, cost=7)], max_cores=5), "the cheapest one takes 7 cores"),
    ],
)
def test_a_made_up_problem_has_a_reason_too(asked: Problem, reason: str) -> None:
    assert why_infeasible(asked).endswith(reason)


def test_a_plan_that_exists_needs_no_reason() -> None:
    assert solve(built(20.0)).why == ""


def _drawn(random: Random) -> tuple[Pipeline, float, Constraints, Restriction]:
    chain = random_pipeline(random.randrange(10**9), random.randint(1, 3), 3)
    names = [stage.name for stage in chain.stages]
    if len(names) == 3 and random.random() < 0.3:
        chain = replace(chain, edges=(Edge(names[0], names[1]), Edge(names[0], names[2], 2.0)))
    return (
        chain,
        random.choice((0.5, 10.0, 200.0, 3000.0)),
        Constraints(
            max_replicas=random.choice((1, 3, 100)),
            max_cores=random.choice((None, 2, 20, 500)),
            sla_s=chain.sla_s * random.choice((0.01, 0.3, 1.0)),
        ),
        Restriction(replicas=random.choice((None, tuple(random.randint(1, 120) for _ in names)))),
    )


def _followed(
    why: str, constraints: Constraints, restriction: Restriction
) -> tuple[Constraints, Restriction]:
    """Do what the first remedy says."""
    remedy = why.split("; or ")[0]
    for option_name, field in (("max-replicas", "max_replicas"), ("max-cores", "max_cores")):
        if found := re.search(rf"--{option_name} to (\d+)", remedy):
            constraints = replace(constraints, **{field: int(found[1])})
    if found := re.search(r"--sla to ([\d.]+)", remedy):
        constraints = replace(constraints, sla_s=float(found[1]))
    if found := re.search(r"use --replicas ([\d,]+)", remedy):
        restriction = replace(restriction, replicas=tuple(map(int, found[1].split(","))))
    return constraints, restriction


def test_doing_what_the_reason_says_gives_a_plan() -> None:
    followed = 0
    for seed in range(150):
        chain, rate_rps, constraints, restriction = _drawn(Random(seed))
        objective = Objective(METRICS["pas"], alpha=20.0)
        decision = solve(build_problem(chain, rate_rps, objective, constraints, restriction))
        if decision.status is not Status.INFEASIBLE or "a stage carries it with no" in decision.why:
            continue
        followed += 1
        helped = _followed(decision.why, constraints, restriction)
        again = solve(build_problem(chain, rate_rps, objective, *helped))
        assert again.status is Status.OPTIMAL, decision.why
    assert followed > 60
