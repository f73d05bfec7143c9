"""A problem as a file: what ``ipa bench agree`` stores of a disagreement and ``--replay`` reads again."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ipa import limits
from ipa.errors import IpaError, ResultsError, UnreadableFileError
from ipa.files import read_json
from ipa.limits import Range
from ipa.optimizer.problem import Objective, Option, Problem
from ipa.optimizer.solve import SOLVERS
from ipa.pipeline.accuracy import METRICS
from ipa.results.json_files import write_json
from ipa.strict_yaml import Name, Real, Whole, key_of, problem_of, within

OPTIONS_PER_STAGE = 5_000
SHARE = Range(0.0, 1.0)
COST_CORES = Range(1, limits.CORES.high * limits.REPLICAS.high, "cores", whole=True)
TIME_S = Range(-limits.SLA_S.high, limits.SLA_S.high, "s")
"""A latency, or a queue term, which may be negative in the published editions."""

Weight = Annotated[Real, within(limits.WEIGHT)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OptionRecord(_Strict):
    """An option of a stage."""

    variant: Name
    batch: Annotated[Whole, within(limits.BATCH)]
    replicas: Annotated[Whole, within(limits.REPLICAS)]
    cores: Annotated[Whole, within(limits.CORES)]
    cost_cores: Annotated[
        Whole, within(Range(1, limits.CORES.high * limits.REPLICAS.high, "cores", whole=True))
    ]
    latency_s: Annotated[Real, within(TIME_S)]
    wait_s: Annotated[Real, within(TIME_S)]
    accuracy: Annotated[Real, within(SHARE)]
    score: Annotated[Real, within(SHARE)]


class ObjectiveRecord(_Strict):
    """What is maximised."""

    metric: str
    floor: Annotated[Real, within(SHARE)]
    alpha: Weight
    beta: Weight
    delta: Weight | None = None


class ProblemRecord(_Strict):
    """A problem and the solver that disagreed with the exact one about it."""

    solver: str
    stages: Annotated[tuple[Name, ...], Field(min_length=1, max_length=int(limits.STAGES.high))]
    options: tuple[Annotated[tuple[OptionRecord, ...], Field(max_length=OPTIONS_PER_STAGE)], ...]
    best_effort: tuple[OptionRecord, ...] = ()
    objective: ObjectiveRecord
    rate_rps: Annotated[Real, within(limits.RATE_RPS)]
    sla_s: Annotated[Real, within(TIME_S)]
    edges: tuple[tuple[Whole, Whole], ...] = ()
    rate_factors: tuple[Annotated[Real, within(limits.RATE_FACTOR)], ...] = ()
    max_cores: Annotated[Whole, within(limits.CORES)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        stages = len(self.stages)
        if len(set(self.stages)) < stages:
            raise ValueError("names of stages must be distinct")
        if len(self.options) != stages:
            raise ValueError(f"options must be given for {stages} stages, not {len(self.options)}")
        for name, values in (("best_effort", self.best_effort), ("rate_factors", self.rate_factors)):
            if len(values) not in (0, stages):
                raise ValueError(f"{name} must hold {stages} entries or none, not {len(values)}")
        if not all(0 <= source < target < stages for source, target in self.edges):
            raise ValueError(f"edges must lead from a stage to a later one of the {stages}")
        return self


def store_problem(file: Path, problem: Problem, solver: str) -> None:
    """Write a problem, and the solver that disagrees about it, to a file."""
    objective = problem.objective
    content = {
        "solver": solver,
        "stages": problem.stages,
        "options": [[option._asdict() for option in options] for options in problem.options],
        "best_effort": [option._asdict() for option in problem.best_effort],
        "objective": {
            "metric": objective.metric.name,
            "floor": objective.metric.floor,
            "alpha": objective.alpha,
            "beta": objective.beta,
            "delta": objective.delta,
        },
        "rate_rps": problem.rate_rps,
        "sla_s": problem.sla_s,
    }
    rare = {name: getattr(problem, name) for name in ("edges", "rate_factors", "max_cores")}
    write_json(file, content | {name: value for name, value in rare.items() if value})


def load_problem(file: Path) -> tuple[Problem, str]:
    """Read a problem and the solver that disagreed about it.

    Raises
    ------
    ResultsError
        If the file is missing or is not one of these; names the first offending key.
    """
    try:
        record = ProblemRecord.model_validate(read_json(file, limits.TABLE_BYTES))
        return _problem(record), record.solver
    except UnreadableFileError as error:
        raise ResultsError(str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{key_of(first)}: {problem_of(first)}".lstrip(": ")
    except IpaError as error:
        why = str(error)
    raise ResultsError(f"{file} does not hold a problem of ipa bench agree: {why}")


def _problem(record: ProblemRecord) -> Problem:
    SOLVERS[record.solver]
    weights = record.objective
    return Problem(
        stages=record.stages,
        options=tuple(tuple(_option(option) for option in options) for options in record.options),
        objective=Objective(
            METRICS[weights.metric].with_floor(weights.floor), weights.alpha, weights.beta, weights.delta
        ),
        rate_rps=record.rate_rps,
        sla_s=record.sla_s,
        best_effort=tuple(map(_option, record.best_effort)),
        edges=record.edges,
        rate_factors=record.rate_factors,
        max_cores=record.max_cores,
    )


def _option(record: OptionRecord) -> Option:
    return Option(**record.model_dump())
