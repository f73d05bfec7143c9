"""Problems on which a solver was wrong with another model or other settings, found by ``ipa bench agree``."""

from collections.abc import Callable

import pytest

from ipa.optimizer.decision import Status
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.solve import solve
from tests.support.toys import option, problem


def preprocessed_away() -> Problem:
    """CBC's integer preprocessing fixes the wrong variables and calls -14.83 optimal."""
    return problem(
        [
            option(0.053385719742984936, 6, 0.946593088505595),
            option(0.43109707341202835, 3, 0.8428448340182969),
        ],
        [
            option(0.876692606548653, 3, 0.5655542834898017),
            option(0.03462017097829141, 16, 0.18627663155705762),
            option(0.26380959998548, 4, 0.18627663155705762),
        ],
        sla_s=0.6155924327121072,
        metric="mean",
        alpha=8.1,
    )


def only_batches_count() -> Problem:
    """All that tells plans apart are batches at 1e-6 each, below CBC's own tolerance."""

    def served(batch: int, latency_s: float, wait_s: float) -> Option:
        return option(latency_s, batch=batch)._replace(wait_s=wait_s)

    first = [served(2, 0.410588, -0.1), served(4, 0.5883, -0.3), served(8, 0.93, -0.7), served(1, 0.475, 0.0)]
    second = [served(1, 0.535, 0.0), served(4, 0.2817, -0.3), served(8, 0.452, -0.7), served(2, 0.091, -0.1)]
    return problem(first, second, sla_s=2.0616, metric="mean", alpha=0.0, beta=0.0)


def tiny_products() -> Problem:
    """With products of scores as they are, Gurobi's presolve overlooks batches of 8 at 1e-6 each."""

    def served(batch: int, latency_s: float, wait_s: float, cost: int) -> Option:
        return option(latency_s, cost, 0.3, batch)._replace(wait_s=wait_s, score=0.05)

    return problem(
        [served(2, 1.1687999999999998, -1.0, 2)],
        [served(1, 0.504, 0.0, 4)],
        [served(1, 0.672, 0.0, 4)],
        [served(1, 0.084, 0.0, 1), served(8, 0.54, -7.0, 1)],
        [
            served(1, 0.32349599999999995, 0.0, 2),
            served(2, 0.636, -1.0, 2),
            served(8, 2.4696, -7.0, 2),
        ],
        sla_s=1.3542,
        metric="rank-product",
    )


@pytest.mark.parametrize("make", [preprocessed_away, only_batches_count, tiny_products])
@pytest.mark.parametrize("solver", ["pulp-cbc", "pulp-highs", "highs", "gurobi"])
def test_every_solver_finds_the_plan_of_the_exact_one(solver: str, make: Callable[[], Problem]) -> None:
    if solver == "gurobi":
        pytest.importorskip("gurobipy")
    given = make()
    exact, other = solve(given), solve(given, solver)
    assert (other.status, other.note) == (Status.OPTIMAL, "")
    assert other.plan == exact.plan
    assert other.objective == pytest.approx(exact.objective, abs=1e-9)
