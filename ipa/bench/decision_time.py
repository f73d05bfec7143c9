"""The decision time of figure 13 over the number of stages and variants, and beyond."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from ipa.bench.comparison import compare_solvers
from ipa.bench.kept_times import KeptTimes, keep_times
from ipa.optimizer.build import build_problem
from ipa.optimizer.problem import Constraints, Objective
from ipa.optimizer.random_problems import ALPHA, scaled_pipeline
from ipa.paths import data_dir
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline, pipeline_file, pipeline_inputs
from ipa.pipeline.pipeline import Pipeline
from ipa.results.provenance import file_sha256

SIDE = 9
"""Stages and variants of the published grid."""

SOLVES = 19
"""Decisions behind each published point."""

HIGHEST_RPS = 38.0

Size = tuple[int, int]
"""Stages and variants."""

PUBLISHED_SIZES: tuple[Size, ...] = tuple(
    (stages, variants) for stages in range(1, SIDE + 1) for variants in range(1, SIDE + 1)
)


def decision_times(
    pipeline: Pipeline,
    sizes: Sequence[Size],
    solvers: Sequence[str],
    metric: str = "rank-sum",
    solves: int = SOLVES,
    budget_s: float = 5.0,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Time solvers on pipelines of growing size.

    Parameters
    ----------
    pipeline
        Its first stage is cloned (``scaled_pipeline``).
    sizes
        Stages and variants.
    solvers
        Names in ``SOLVERS``.
    metric
        Name of the accuracy metric; the published times belong to the sum of ranks.
    solves
        Arrival rates per size, evenly spaced up to 38 requests/s.
    budget_s
        Seconds after which a solver sits the rest of a size out.
    progress
        Called with (sizes done, sizes in all).

    Returns
    -------
    pandas.DataFrame
        Columns stages, variants and those of ``ipa.bench.comparison.compare_solvers``.
    """
    objective = Objective(METRICS[metric], alpha=ALPHA)
    rates_rps = [HIGHEST_RPS * turn / solves for turn in range(1, solves + 1)]
    rows = []
    for done, (stages, variants) in enumerate(sizes, 1):
        scaled = scaled_pipeline(pipeline, stages, variants)
        problems = [build_problem(scaled, rate, objective, Constraints()) for rate in rates_rps]
        rows += [
            {"stages": stages, "variants": variants} | row
            for row in compare_solvers(problems, solvers, budget_s=budget_s)
        ]
        if progress is not None:
            progress(done, len(sizes))
    return pd.DataFrame(rows)


def kept_decision_times(
    results_dir: Path,
    pipeline: str,
    sizes: Sequence[Size],
    solvers: Sequence[str],
    *,
    metric: str,
    solves: int,
    budget_s: float = 5.0,
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> KeptTimes:
    """Return the times of ``decision_times`` as they were measured before on this machine, or measure them.

    Parameters
    ----------
    results_dir
        Where they are kept.
    pipeline
        Name or file of the pipeline whose first stage is cloned.
    sizes, solvers, metric, solves, budget_s, progress
        As for ``decision_times``.
    again
        Measure anew.
    """
    what = {
        "decision times of": pipeline_file(pipeline).name,
        "inputs": [file_sha256(file) for file in pipeline_inputs(pipeline)],
        "sizes": [list(size) for size in sizes],
        "solvers": list(solvers),
        "metric": metric,
        "solves": solves,
        "budget_s": budget_s,
    }

    def measure() -> pd.DataFrame:
        return decision_times(load_pipeline(pipeline), sizes, solvers, metric, solves, budget_s, progress)

    return keep_times(results_dir, what, measure, again=again)


def published_decision_times() -> pd.DataFrame:
    """Return the points of figure 13: columns stages, variants, published_ms."""
    table = pd.read_csv(data_dir() / "paper" / "fig13_decision_time.csv")
    table["published_ms"] = table["seconds"] * 1000
    return table.rename(columns={"tasks": "stages", "models": "variants"})[
        ["stages", "variants", "published_ms"]
    ]


def beside_published(times: pd.DataFrame, solver: str = "exact") -> pd.DataFrame:
    """Return a solver's times beside the published ones.

    Parameters
    ----------
    times
        Rows of ``decision_times``.
    solver
        Whose rows.

    Returns
    -------
    pandas.DataFrame
        Columns stages, variants, published_ms, median_ms, worst_ms and speed_up (published over median).
    """
    own = times[times["solver"] == solver][["stages", "variants", "median_ms", "worst_ms"]]
    table = published_decision_times().merge(own, on=["stages", "variants"])
    table["speed_up"] = table["published_ms"] / table["median_ms"]
    return table


def verdicts(times: pd.DataFrame) -> pd.DataFrame:
    """Return per solver what does not depend on the machine.

    Parameters
    ----------
    times
        Rows of ``decision_times``.

    Returns
    -------
    pandas.DataFrame
        Columns solver, sizes, refused (sizes above the limit of a licence, or a missing solver), all proven
        and all as exact (whether every plan was proven, and is the exact solver's).
    """
    rows = []
    for solver, part in times.groupby("solver", sort=False):
        rows.append(
            {
                "solver": solver,
                "sizes": len(part),
                "refused": int((part["refused"] != "").sum()),
                "all proven": "yes" if (part["proven"] == part["n"]).all() else "no",
                "all as exact": "yes" if (part["same_plan"] == part["n"]).all() else "no",
            }
        )
    return pd.DataFrame(rows)
