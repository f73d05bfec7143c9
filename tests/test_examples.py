"""The examples of a solver and a method of one's own."""

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipa.experiments.spec import RunSpec
from ipa.optimizer.methods import METHODS, MethodSettings
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import SOLVERS, solve
from ipa.pipeline.load import load_pipeline
from ipa.registry import Registry

EXAMPLES = Path(__file__).parent.parent / "examples"


def loaded(file: str, registry: Registry[Any], name: str) -> Iterator[dict[str, Any]]:
    with registry.temporarily(name):
        yield runpy.run_path(str(EXAMPLES / file))
        assert name in registry


@pytest.fixture
def greedy() -> Iterator[dict[str, Any]]:
    yield from loaded("greedy.py", SOLVERS, "greedy")


@pytest.fixture
def middle() -> Iterator[dict[str, Any]]:
    yield from loaded("middle_variant.py", METHODS, "fa2-middle")


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_runs_as_a_script(file: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / file], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) >= 4


@pytest.mark.usefixtures("greedy")
@pytest.mark.parametrize("kind", ["profile", "uncorrelated", "ties", "degenerate"])
def test_greedy_is_never_better_than_exact_and_keeps_the_sla(kind: str) -> None:
    for seed in range(20):
        problem = random_problem(seed, stages=4, kind=kind)
        best, found = solve(problem), solve(problem, "greedy")
        assert (best.status == "infeasible") == (found.status == "infeasible")
        if best.optimal:
            assert found.objective <= best.objective + 1e-9
            assert not found.optimal


def test_greedy_misses_the_best_plan_where_two_stages_must_change_together(greedy: dict[str, Any]) -> None:
    gaps = greedy["gaps"]([random_problem(seed, 10, 10, 7, kind="uncorrelated") for seed in range(10)])
    assert max(gaps) > 0.1
    assert min(gaps) >= 0


@pytest.mark.usefixtures("greedy")
def test_a_registered_solver_can_be_named_in_an_experiment() -> None:
    assert RunSpec("video", solver="greedy").solver == "greedy"
    planner = Planner(load_pipeline("video"), Objective(alpha=20.0), Constraints(), solver="greedy")
    assert planner.decide(20.0).note == "a greedy choice"


@pytest.mark.usefixtures("middle")
def test_a_registered_method_restricts_the_plan() -> None:
    pipeline = load_pipeline("video")
    assert METHODS["fa2-middle"](pipeline, MethodSettings()).variants == ("yolov5m", "resnet50")
    decided = Planner(pipeline, Objective(alpha=20.0), Constraints(), method="fa2-middle").decide(20.0)
    assert decided.plan.variants == ("yolov5m", "resnet50")
