"""From an arrival rate to a decision: pipeline, method and solver put together."""

from dataclasses import dataclass, field

from ipa.optimizer.build import build_problem
from ipa.optimizer.decision import Decision
from ipa.optimizer.methods import METHODS, MethodSettings
from ipa.optimizer.problem import Constraints, Objective, Problem
from ipa.optimizer.solve import solve
from ipa.pipeline.pipeline import Pipeline


@dataclass(frozen=True)
class Planner:
    """Decides for one pipeline with one method.

    Parameters
    ----------
    pipeline
        What there is to choose from.
    objective, constraints
        The optimisation problem.
    method
        Name of the method (``ipa.optimizer.methods``).
    method_settings
        What the method keeps fixed.
    solver
        Name of the solver (``ipa.optimizer.solve``).
    deadline_s
        Longest time a solve may take.

    Examples
    --------
    >>> from ipa.pipeline.load import load_pipeline
    >>> planner = Planner(load_pipeline("video"), Objective(alpha=2), Constraints(), "fa2-low")
    >>> planner.decide(rate_rps=20).plan.cost_cores
    4
    """

    pipeline: Pipeline
    objective: Objective
    constraints: Constraints
    method: str = "ipa"
    method_settings: MethodSettings = field(default_factory=MethodSettings)
    solver: str = "exact"
    deadline_s: float = 1.0

    def problem(self, rate_rps: float) -> Problem:
        """Return the problem to solve at an arrival rate."""
        restriction = METHODS[self.method](self.pipeline, self.method_settings)
        return build_problem(self.pipeline, rate_rps, self.objective, self.constraints, restriction)

    def decide(self, rate_rps: float) -> Decision:
        """Return the decision for an arrival rate in requests per second."""
        return solve(self.problem(rate_rps), self.solver, self.deadline_s)
