"""Tables of finished runs: steps, plans, averages, loads."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ipa.experiments.finished import by_run, finished_runs, summaries
from ipa.experiments.spec import RunSpec
from ipa.paper import FIRST_FIGURE, PAPER_PIPELINES, VERSION_OF_EDITION, published_result
from ipa.pipeline.pipeline import Pipeline
from ipa.results.file_names import safe_name


def numbers(values: pd.Series, scale: float = 1.0) -> pd.Series:
    """Return a column as numbers, NaN for what is missing.

    A column of only missing values comes out of JSON as objects, which can be neither rounded nor drawn.
    """
    return scale * pd.to_numeric(values, errors="coerce").astype(float)


def decision_steps(specs: Sequence[RunSpec], results_dir: Path) -> pd.DataFrame:
    """Return the decision records of finished runs.

    Parameters
    ----------
    specs
        Resolved specs whose results exist.
    results_dir
        Where the results lie.

    Returns
    -------
    pandas.DataFrame
        One row per run and step: ``RUN_KEYS``, then the fields of ``DecisionRecord``.
    """
    return by_run(finished_runs(specs, results_dir), lambda run: run.decisions())


def stage_steps(steps: pd.DataFrame) -> pd.DataFrame:
    """Return one row per step and stage: the step's ``time_s``, then the fields of ``StagePlan``."""
    return pd.DataFrame(
        [
            {"step": step, "time_s": time_s, **stage}
            for step, time_s, plan in zip(steps["step"], steps["time_s"], steps["plan"], strict=True)
            for stage in plan
        ]
    )


def plan_text(plan: Sequence[Mapping[str, object]]) -> str:
    """Return a plan in one line: variant, replicas x cores, batch size of each stage.

    Examples
    --------
    >>> plan_text([{"variant": "yolov5n", "replicas": 3, "cores": 1, "batch": 8}])
    'yolov5n 3x1 b8'
    """
    return " | ".join(f"{s['variant']} {s['replicas']}x{s['cores']} b{s['batch']}" for s in plan)


def plan_table(steps: pd.DataFrame, most: int = 8) -> pd.DataFrame:
    """Return the plans of one run that were in force most often.

    Parameters
    ----------
    steps
        Rows of ``decision_steps`` of one run.
    most
        Number of plans to return.

    Returns
    -------
    pandas.DataFrame
        Plan, steps in force, first time in force, range of arrival rates decided for, cost and PAS x 100.
    """
    grouped = steps.assign(plan=[plan_text(plan) for plan in steps["plan"]]).groupby("plan", sort=False)
    table = grouped.agg(
        steps=("step", "size"),
        first_s=("time_s", "min"),
        lowest_rps=("rate_rps", "min"),
        highest_rps=("rate_rps", "max"),
        cost_cores=("cost_cores", "first"),
        pas=("pas", "first"),
    ).reset_index()
    table = table.sort_values(["steps", "first_s"], ascending=[False, True], ignore_index=True).head(most)
    return pd.DataFrame(
        {
            "plan": table["plan"],
            "steps": table["steps"],
            "first at (s)": numbers(table["first_s"]),
            "lowest rate (requests/s)": numbers(table["lowest_rps"]),
            "highest rate (requests/s)": numbers(table["highest_rps"]),
            "cost (cores)": table["cost_cores"],
            "PAS × 100": numbers(table["pas"], 100),
        }
    )


def run_averages(specs: Sequence[RunSpec], results_dir: Path) -> pd.DataFrame:
    """Return the measures of finished runs beside the published averages.

    Parameters
    ----------
    specs
        Resolved specs whose results exist.
    results_dir
        Where the results lie.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``RUN_KEYS``, the measures, and ``published_cost_cores``, ``published_pas_pct`` and
        ``published_violating_seconds_pct``, which are NaN where the paper has no such number.
    """
    frame = summaries(specs, results_dir)
    published = pd.DataFrame([_find_published(spec) for spec in specs], columns=list(_PUBLISHED), dtype=float)
    return pd.concat([frame, published], axis=1)


_PUBLISHED = {
    "published_cost_cores": "avg_cost_cores",
    "published_pas_pct": "avg_accuracy",
    "published_violating_seconds_pct": "sla_violation_pct_of_seconds",
}


def _find_published(spec: RunSpec) -> dict[str, float]:
    # The first submission publishes rank sums, which no axis of these figures shows.
    if VERSION_OF_EDITION.get(spec.edition) != "v3":
        return dict.fromkeys(_PUBLISHED, float("nan"))
    row = published_result("v3", spec.pipeline, spec.workload, spec.method)
    return {name: float(row[column] or "nan") for name, column in _PUBLISHED.items()}


def load_per_second(specs: Sequence[RunSpec]) -> pd.DataFrame:
    """Return the load of the workloads of some runs: one row per workload and second."""
    wanted = {spec.workload: spec for spec in specs}
    frames = []
    for name, spec in wanted.items():
        workload = spec.load()
        frames.append(
            pd.DataFrame(
                {
                    "workload": name,
                    "time_s": range(workload.duration_s),
                    "load_rps": workload.rates_rps,
                }
            )
        )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def variants_by_accuracy(pipeline: Pipeline) -> dict[str, list[str]]:
    """Return the variants each stage can choose, the least accurate first."""
    return {
        stage.name: [variant.name for variant in sorted(stage.choices, key=lambda v: v.accuracy)]
        for stage in pipeline.stages
    }


def variant_table(pipeline: Pipeline) -> pd.DataFrame:
    """Return what each stage of a pipeline can choose from, the least accurate first.

    Returns
    -------
    pandas.DataFrame
        Stage, variant, accuracy in percent, cores of a replica, and at the smallest measured batch size the
        p99 latency in milliseconds and the throughput of a replica in requests per second.
    """
    return pd.DataFrame(
        [
            {
                "stage": stage.name,
                "variant": name,
                "accuracy (%)": 100 * stage.variant(name).accuracy,
                "cores of a replica": stage.variant(name).base_cores,
                "latency p99 (ms)": 1000 * point.latency_p99_s,
                "throughput (requests/s)": point.throughput_rps,
            }
            for stage in pipeline.stages
            for name in variants_by_accuracy(pipeline)[stage.name]
            for point in [stage.variant(name).profile.at(1)]
        ]
    )


def first_steps(steps: pd.DataFrame, count: int = 8) -> pd.DataFrame:
    """Return the first decisions of one run, ready to print."""
    table = steps.head(count)
    return pd.DataFrame(
        {
            "time (s)": numbers(table["time_s"]),
            "observed (requests/s)": numbers(table["observed_rps"]),
            "forecast (requests/s)": numbers(table["forecast_rps"]),
            "decided for (requests/s)": numbers(table["rate_rps"]),
            "action": table["action"],
            "plan": [plan_text(plan) for plan in table["plan"]],
            "cost (cores)": table["cost_cores"],
            "PAS × 100": numbers(table["pas"], 100),
        }
    )


def averages_table(averages: pd.DataFrame) -> pd.DataFrame:
    """Return the averages of some runs in printed units, published values beside ours where there are any.

    Parameters
    ----------
    averages
        Rows of ``run_averages``.

    Returns
    -------
    pandas.DataFrame
        Indexed by workload and method. Costs in cores, accuracies as PAS x 100, violations in percent of the
        requests (drops included) and of the seconds (the paper's rule), latencies in seconds.
    """
    columns = {
        "cost (cores)": numbers(averages["cost_mean_cores"]),
        "published cost": numbers(averages["published_cost_cores"]),
        "PAS × 100": numbers(averages["pas_mean"], 100),
        "published PAS": numbers(averages["published_pas_pct"]),
        "late or lost requests (%)": numbers(averages["violation_share"], 100),
        "late seconds (%)": numbers(averages["violating_seconds_share"], 100),
        "published late seconds (%)": numbers(averages["published_violating_seconds_pct"]),
        "dropped": averages["dropped"],
        "latency p99 (s)": numbers(averages["latency_p99_s"]),
        "plan changes": averages["plan_changes"],
        "switches per hour": numbers(averages["switches_per_hour"]),
    }
    keys = pd.MultiIndex.from_frame(averages[["workload", "method"]])
    table = pd.DataFrame({name: values.to_numpy() for name, values in columns.items()}, index=keys)
    return table.dropna(axis="columns", how="all")


def end_to_end_subject(pipeline: str) -> str:
    """Return what the end-to-end figure of a pipeline is called: by its number in the paper if it has one.

    Examples
    --------
    >>> end_to_end_subject("audio-qa"), end_to_end_subject("traffic")
    ('figure-9-audio-qa', 'end-to-end-traffic')
    """
    if pipeline in PAPER_PIPELINES:
        return f"figure-{FIRST_FIGURE + PAPER_PIPELINES.index(pipeline)}-{pipeline}"
    return f"end-to-end-{safe_name(pipeline)}"


def editions_table(averages: pd.DataFrame) -> pd.DataFrame:
    """Return the means over workloads of each pipeline and method, editions side by side, as printed."""
    printed = pd.DataFrame(
        {
            "pipeline": averages["pipeline"],
            "method": averages["method"],
            "edition": averages["edition"],
            "cost (cores)": numbers(averages["cost_mean_cores"]),
            "PAS × 100": numbers(averages["pas_mean"], 100),
            "late or lost requests (%)": numbers(averages["violation_share"], 100),
            "late seconds (%)": numbers(averages["violating_seconds_share"], 100),
        }
    )
    values = list(printed.columns[3:])
    table = printed.pivot_table(values, ["pipeline", "method"], "edition", aggfunc="mean", dropna=False)
    order = pd.MultiIndex.from_frame(averages[["pipeline", "method"]].drop_duplicates())
    return table.reindex(index=order).reindex(columns=values, level=0).round(2)
