"""Decisions by measured accuracy: every solver against every combination of options."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.optimizer.decision import Status
from ipa.optimizer.problem import Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import solve
from ipa.optimizer.solvers.brute_force import solve_brute_force
from ipa.optimizer.solvers.exact import solve_exact
from tests.support.toys import measured_problems, with_measured_accuracy

GRAPHS = (
    ((0, 1), (0, 2)),
    ((0, 1), (1, 2), (0, 2)),
)


@settings(max_examples=300)
@given(measured_problems())
def test_the_exact_search_is_brute_force_ties_included(asked: Problem) -> None:
    scaled = asked.at_unit_scale()
    assert solve_exact(scaled, 10.0) == solve_brute_force(scaled, 10.0)
