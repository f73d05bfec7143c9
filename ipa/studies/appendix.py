"""Tables 6 to 14 of the paper: the SLA of every pipeline, and the variants of every task."""

import math

import pandas as pd

from ipa.errors import UnknownNameError
from ipa.paper import PAPER_PIPELINES, published_table
from ipa.pipeline.load import load_pipeline

TASKS = (
    "object-detection", "image-classification", "speech-recognition", "question-answering", "summarisation",
    "sentiment-analysis", "language-identification", "translation",
)  # fmt: skip
"""What tables 7 to 14 list the variants of, a table each."""


def table6() -> pd.DataFrame:
    """Return Table 6: the SLA of every stage and pipeline.

    Returns
    -------
    pandas.DataFrame
        Per pipeline and stage, and per pipeline as a whole, in seconds: the printed SLA, five times the mean
        batch-1 latency of the variants from the profiles (the paper's rule), and the SLA that the published
        decisions were taken against.
    """
    stages = published_table("pipelines").set_index(["pipeline", "stage"])
    totals = published_table("slas").set_index("pipeline")
    rows = []
    for name in PAPER_PIPELINES:
        computed = {stage.name: stage.computed_sla_s() for stage in load_pipeline(name).stages}
        for stage, sla_s in computed.items():
            printed_s, used_s = stages.loc[(name, stage), ["sla_paper_s", "sla_optimizer_s"]]
            rows.append((name, stage, printed_s, sla_s, used_s))
        printed_s, used_s = totals.loc[name, ["sla_table6_s", "sla_used_by_optimizer_s"]]
        rows.append((name, "whole", printed_s, sum(computed.values()), used_s))
    columns = ["pipeline", "stage", "printed (s)", "5 × mean latency (s)", "used in decisions (s)"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(columns[2:], float)).set_index(columns[:2])


def variants_of(task: str) -> pd.DataFrame:
    """Return the table of one task (tables 7 to 14): its variants, with what the runs used beside.

    Parameters
    ----------
    task
        One of ``TASKS``.

    Returns
    -------
    pandas.DataFrame
        Per variant: parameters, the metric as printed, the accuracy that PAS uses, the printed base
        allocation and the ones that the published runs used, and whether a run could choose it.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    """
    if task not in TASKS:
        raise UnknownNameError("task", task, TASKS)
    table = published_table("variants")
    allocated = published_table("allocations")
    cores = {
        variant: ", ".join(map(str, sorted({int(number) for number in rows["cores"]})))
        for variant, rows in allocated[allocated["stage"] == task].groupby("variant")
    }
    return pd.DataFrame(
        [
            {
                "variant": row["variant"],
                "parameters (millions)": _number(row["params_millions"]),
                "metric": row["metric"],
                "printed": _number(row["metric_value"]),
                "accuracy (%)": 100 * _number(row["accuracy"]),
                "printed cores": _number(row["published_base_cores"]),
                "cores in the runs": cores.get(row["variant"]),
                "in the runs": row["used_in_experiments"],
            }
            for row in table[table["stage"] == task].to_dict("records")
        ]
    )


def all_variants() -> pd.DataFrame:
    """Return tables 7 to 14 one below the other, by task."""
    return pd.concat({task: variants_of(task) for task in TASKS}, names=["task"]).droplevel(1)


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan
