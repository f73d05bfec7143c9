"""How long a decision takes, solver by solver, on the same problems in the same run."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ipa.bench.comparison import BUDGET_S, compare_solvers, usable_solvers
from ipa.optimizer.build import build_problem
from ipa.optimizer.problem import Constraints, Objective, Problem
from ipa.optimizer.random_problems import ALPHA, random_problem
from ipa.optimizer.solve import DEFAULT_DEADLINE_S
from ipa.paper import PAPER_PIPELINES
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline

RATES_RPS = (1.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0)
METRIC_NAMES = ("pas", "rank-sum")


@dataclass(frozen=True, slots=True)
class DecisionCase:
    """A family of problems.

    Parameters
    ----------
    problem
        Name of the pipeline, or the size and kind of the generated problems.
    metric
        Name of the accuracy metric.
    build
        Makes the problem of a repetition.
    """

    problem: str
    metric: str
    build: Callable[[int], Problem]


@dataclass
class _Problems:
    """The problems of a case, and the time it took to make each."""

    case: DecisionCase
    repeats: int
    made_s: list[float] = field(default_factory=list)

    def __iter__(self) -> Iterator[Problem]:
        for turn in range(self.repeats):
            started = time.perf_counter()
            problem = self.case.build(turn)
            self.made_s.append(time.perf_counter() - started)
            yield problem


def bench_decision(
    repeats: int = 20,
    seed: int = 0,
    solvers: Sequence[str] | None = None,
    deadline_s: float = DEFAULT_DEADLINE_S,
    budget_s: float = BUDGET_S,
    progress: Callable[[int, int | None, str], None] = lambda *_: None,
) -> pd.DataFrame:
    """Time solvers on the real pipelines and on generated problems of up to 50 stages × 20 variants.

    Parameters
    ----------
    repeats
        Problems per row: the rates in turn for a pipeline, another random problem each otherwise.
    seed
        Seed of the first generated problem.
    solvers
        Names in ``SOLVERS``; all that can be used by default.
    deadline_s
        Time limit of one solve in seconds.
    budget_s
        Seconds after which a solver sits the rest of a family of problems out.
    progress
        Called with (families done, families, the next one).

    Returns
    -------
    pandas.DataFrame
        Columns problem, metric, those of ``ipa.bench.comparison.compare_solvers``, and problem_ms (median
        time from the pipeline or seed to the problem, the same for all solvers).
    """
    cases, rows = list(decision_cases(seed)), []
    for done, case in enumerate(cases):
        progress(done, len(cases), case.problem)
        problems = _Problems(case, repeats)
        for row in compare_solvers(problems, solvers or usable_solvers(), deadline_s, budget_s):
            named = {"problem": case.problem, "metric": case.metric}
            rows.append(named | row | {"problem_ms": round(float(np.median(problems.made_s)) * 1000, 3)})
    progress(len(cases), len(cases), "")
    return pd.DataFrame(rows)


def decision_cases(seed: int) -> Iterator[DecisionCase]:
    """Yield the families of problems."""
    for name in PAPER_PIPELINES:
        for metric in METRIC_NAMES:
            yield _pipeline_case(name, metric)
    for kind in ("profile", "uncorrelated"):
        for metric in METRIC_NAMES:
            yield _generate_case(seed, 10, 10, kind, metric)
    for metric in ("pas", "mean"):
        yield _generate_case(seed, 10, 10, "strong", metric)
    for metric in METRIC_NAMES:
        yield _generate_case(seed, 50, 20, "profile", metric)


def _pipeline_case(name: str, metric: str) -> DecisionCase:
    pipeline, objective = load_pipeline(name), Objective(METRICS[metric], alpha=ALPHA)
    return DecisionCase(
        name,
        metric,
        lambda turn: build_problem(pipeline, RATES_RPS[turn % len(RATES_RPS)], objective, Constraints()),
    )


def _generate_case(seed: int, stages: int, variants: int, kind: str, metric: str) -> DecisionCase:
    return DecisionCase(
        f"{stages}x{variants}x7 {kind}",
        metric,
        lambda turn: random_problem(seed + turn + 1, stages, variants, 7, kind=kind, metric=metric),
    )
