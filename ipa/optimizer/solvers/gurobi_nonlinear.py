"""The decision as the paper writes it down, with products of variables, solved by Gurobi (optional).

Per stage a binary per variant, a binary per batch size and an integer number of replicas (paper, Eq. 9 and
10). It is here to be compared with: the linear model of the same problem is smaller and faster.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ipa.errors import InvalidValueError
from ipa.optimizer.answer import Answer, Choice
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.solvers.gurobi import environment, explain_failure, gurobi_module
from ipa.optimizer.solvers.milp import LIMIT
from ipa.optimizer.solvers.tie_breaking import Claim, TimeLeft, solve_by_search
from ipa.optimizer.ticks import Ticks
from ipa.pipeline.accuracy import Combine
from ipa.pipeline.measured_accuracy import MeasuredAccuracy


def solve_gurobi_nonlinear(problem: Problem, deadline_s: float) -> Answer:
    """Solve the nonlinear model with Gurobi to a gap of 0.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Time limit in seconds.

    Raises
    ------
    InvalidValueError
        If the stages form a graph.
    MissingExtraError
        If gurobipy is not installed.
    SolverUnavailableError
        If there is no valid licence, or the model exceeds the size that the licence allows.
    """
    if problem.edges:
        raise InvalidValueError(
            "solver gurobi-nonlinear takes chains only; for a graph use another one, such as exact"
        )
    gurobipy = gurobi_module()
    return solve_by_search(problem, deadline_s, lambda left_s: _search(gurobipy, problem, left_s))


def _search(gurobipy: Any, problem: Problem, left_s: TimeLeft) -> Claim:
    stages = [_Stage.of(options, problem.ticks) for options in problem.options]
    size = "unknown size"
    try:
        with gurobipy.Model(env=environment()) as model:
            filled = [stage.fill(gurobipy, model) for stage in stages]
            _add_objective(gurobipy, model, problem, filled)
            _add_limits(gurobipy, model, problem, filled)
            model.update()
            size = f"{model.NumVars} variables and products of them"
            model.Params.TimeLimit = max(0.0, left_s())
            model.optimize()
            proven = model.Status in (gurobipy.GRB.OPTIMAL, gurobipy.GRB.INFEASIBLE, gurobipy.GRB.INF_OR_UNBD)
            choice = tuple(part.chosen() for part in filled) if model.SolCount > 0 else None
            search_s, bound = model.Runtime, model.ObjBound
    except gurobipy.GurobiError as error:
        raise explain_failure(error, size) from error
    return Claim("Gurobi", _check_known(choice), proven, bound, search_s)


def _check_known(choice: Sequence[int | None] | None) -> Choice | None:
    if choice is None:
        return None
    found = tuple(index for index in choice if index is not None)
    return found if len(found) == len(choice) else None


Model = tuple[str, float, int, int]
"""Variant, score, cores, and a number that tells options of one variant and batch size apart."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """The options of a stage as models times batch sizes."""

    options: Sequence[Option]
    ticks: Ticks
    places: tuple[tuple[Model, int], ...]

    @classmethod
    def of(cls, options: Sequence[Option], ticks: Ticks) -> "_Stage":
        seen: Counter[tuple[str, float, int, int]] = Counter()
        places = []
        for option in options:
            alike = (option.variant, option.score, option.cores, option.batch)
            places.append(((*alike[:3], seen[alike]), option.batch))
            seen[alike] += 1
        return cls(options, ticks, tuple(places))

    def fill(self, gurobipy: Any, model: Any) -> "_Filled":
        """Add the variables of the stage and its own constraints."""
        grb, total = gurobipy.GRB, gurobipy.quicksum
        models = list(dict.fromkeys(place[0] for place in self.places))
        batches = sorted({place[1] for place in self.places})
        variant, batch = (
            model.addVars(len(models), vtype=grb.BINARY),
            model.addVars(batches, vtype=grb.BINARY),
        )
        variant = dict(zip(models, variant.values(), strict=True))
        replicas = model.addVar(lb=1, ub=max(o.replicas for o in self.options), vtype=grb.INTEGER)
        model.addLConstr(total(variant.values()), grb.EQUAL, 1)
        model.addLConstr(batch.sum(), grb.EQUAL, 1)
        for place in set(itertools.product(models, batches)) - set(self.places):
            model.addLConstr(variant[place[0]] + batch[place[1]], grb.LESS_EQUAL, 1)
        chosen = [variant[m] * batch[b] for m, b in self.places]
        model.addQConstr(
            replicas >= total(o.replicas * term for o, term in zip(self.options, chosen, strict=True))
        )
        return _Filled(
            places=self.places,
            variant=variant,
            batch=batch,
            score=total(m[1] * variant[m] for m in models),
            cost=total(m[2] * replicas * variant[m] for m in models),
            batches=total(b * batch[b] for b in batches),
            latency=total(
                self.ticks.of(o.total_s) * term for o, term in zip(self.options, chosen, strict=True)
            ),
            highest=max(m[1] for m in models),
        )


@dataclass(frozen=True, slots=True)
class _Filled:
    """Variables and expressions of a stage in a Gurobi model."""

    places: tuple[tuple[Model, int], ...]
    variant: dict[Model, Any]
    batch: Any
    score: Any
    cost: Any
    batches: Any
    latency: Any
    highest: float

    def chosen(self) -> int | None:
        """Return the index of the chosen option."""
        variant = max(self.variant, key=lambda name: float(self.variant[name].X))
        batch = max(self.batch, key=lambda size: float(self.batch[size].X))
        return self.places.index((variant, batch)) if (variant, batch) in self.places else None


def _add_limits(gurobipy: Any, model: Any, problem: Problem, stages: Sequence[_Filled]) -> None:
    limits = [([stage.latency for stage in stages], problem.ticks.limit)]
    if problem.max_cores is not None:
        limits.append(([stage.cost for stage in stages], problem.max_cores))
    for parts, most in limits:
        unit = LIMIT / max(1, abs(most))
        model.addQConstr(unit * gurobipy.quicksum(parts) <= (most + 0.5) * unit)


def _add_objective(gurobipy: Any, model: Any, problem: Problem, stages: Sequence[_Filled]) -> None:
    weights = problem.objective
    accuracy = _accuracy(gurobipy, model, problem, stages)
    cost = gurobipy.quicksum(stage.cost for stage in stages)
    batches = gurobipy.quicksum(stage.batches for stage in stages)
    model.setObjective(
        weights.alpha * accuracy - weights.beta * cost - weights.batch_weight * batches, gurobipy.GRB.MAXIMIZE
    )


def _accuracy(gurobipy: Any, model: Any, problem: Problem, stages: Sequence[_Filled]) -> Any:
    """Return the accuracy of the pipeline; a product grows by one variable per stage."""
    metric = problem.objective.metric
    if metric.table is not None:
        return _measured_accuracy(gurobipy, model, metric.table, stages)
    if metric.additive:
        share = len(stages) if metric.combine is Combine.MEAN else 1
        return gurobipy.quicksum(stage.score for stage in stages) / share
    product, highest = stages[0].score, stages[0].highest
    for stage in stages[1:]:
        highest *= stage.highest
        grown = model.addVar(ub=highest)
        model.addQConstr(grown == product * stage.score)
        product = grown
    return product


def _measured_accuracy(gurobipy: Any, model: Any, table: MeasuredAccuracy, stages: Sequence[_Filled]) -> Any:
    """Return the accuracy of the combination chosen: a variable each, as in the linear model."""
    total = gurobipy.quicksum
    names = [list(dict.fromkeys(variant for variant, *_ in stage.variant)) for stage in stages]
    combinations = list(itertools.product(*names))
    chosen = list(model.addVars(len(combinations), ub=1.0).values())
    for place, stage in enumerate(stages):
        for name in names[place]:
            those = (part for part, one in zip(chosen, combinations, strict=True) if one[place] == name)
            binaries = (binary for key, binary in stage.variant.items() if key[0] == name)
            model.addLConstr(total(those), gurobipy.GRB.EQUAL, total(binaries))
    return total(accuracy * part for accuracy, part in zip(table.of_all(names).tolist(), chosen, strict=True))
