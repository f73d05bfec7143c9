"""The pipeline of the chaos runs has a plan within its SLA wherever it is led."""

from itertools import pairwise

import pytest

from infrastructure.chaos.pipeline import ALL, FIRST, Allowed, chaos_pipeline, walk
from infrastructure.chaos.run import ChaosSettings
from ipa import Constraints, Objective, Planner
from ipa.cluster.resource import with_allowed
from ipa.cluster.resource_spec import PipelineOptions
from ipa.optimizer.decision import Status


@pytest.mark.parametrize("allowed", ALL, ids=str)
def test_there_is_one_plan_within_the_sla(allowed: Allowed) -> None:
    options = PipelineOptions.model_validate({"limits": allowed.limits()})
    pipeline = with_allowed(chaos_pipeline(), options)
    run = ChaosSettings()
    constraints = Constraints(batch_sizes=options.limits.batch_sizes, queues=run.shards)
    planner = Planner(pipeline, Objective(alpha=1, beta=1), constraints)
    decision = planner.decide(run.rate_rps * (1 + run.margin))
    assert decision.status is Status.OPTIMAL
    assert decision.plan.variants == allowed.variants
    assert {stage.batch for stage in decision.plan.stages} == {allowed.batch}


def test_every_step_changes_one_thing() -> None:
    steps = (FIRST, *walk(0, 200))
    for before, after in pairwise(steps):
        changed = [
            one != other
            for one, other in zip(
                (*before.variants, before.batch), (*after.variants, after.batch), strict=True
            )
        ]
        assert sum(changed) == 1
    assert set(steps) == set(ALL)
    assert walk(0, 5) == walk(0, 200)[:5]
