"""What a live run of a pipeline with known truth really got right, beside what was promised."""

from pathlib import Path

import numpy as np
import pandas as pd

from ipa.errors import ResultsError
from ipa.paths import stored_results_dir
from ipa.pipeline.accuracy import find_metric
from ipa.pipeline.load import load_pipeline
from ipa.results.folder import read_requests, read_summary
from ipa.results.intervals import wilson_interval

BIN_S = 30.0
"""Seconds over which answers are counted."""


def stored_run() -> Path:
    """Return the folder of the live run of the ocr pipeline that comes with the repository."""
    return stored_results_dir() / "live" / "ocr"


def accuracy_over_time(run: Path, bin_s: float = BIN_S) -> pd.DataFrame:
    """Return load, accuracy and latency over the time of a run.

    Parameters
    ----------
    run
        Folder of a live run whose load knew the right answers.
    bin_s
        Seconds of a row; requests count where they arrived.

    Returns
    -------
    pandas.DataFrame
        Columns ``time_s`` (middle of the bin), ``load_rps``, ``answered``, ``accuracy`` of the answered ones
        with its Wilson interval (``low``, ``high``), ``p50_s`` and ``p99_s`` of their latency.

    Raises
    ------
    ResultsError
        If the load knew no right answers.
    """
    requests = _marked(run)
    rows = []
    for place, group in requests.groupby((requests["arrival_s"] // bin_s).astype(int)):
        latency_s = group["latency_s"].dropna()
        p50_s, p99_s = latency_s.quantile([0.5, 0.99]) if len(latency_s) else (np.nan, np.nan)
        told = {"time_s": bin_s * (float(str(place)) + 0.5), "load_rps": len(group) / bin_s}
        rows.append(told | _share_right(group["correct"]) | {"p50_s": p50_s, "p99_s": p99_s})
    return pd.DataFrame(rows)


def accuracy_by_combination(run: Path) -> pd.DataFrame:
    """Return what each combination of variants got right live, beside PAS and its measured accuracy.

    Returns
    -------
    pandas.DataFrame
        Columns ``combination``, ``answered``, ``accuracy``, ``low``, ``high``, and as the pipeline file has
        them ``pas`` and ``measured``; the most frequent combination first.
    """
    pipeline, requests = load_pipeline(str(read_summary(run)["pipeline"])), _marked(run)
    requests = requests[requests["correct"].notna()]
    names = [f"{i}_{stage.name}_variant" for i, stage in enumerate(pipeline.stages, 1)]
    rows = []
    for key, group in requests.groupby(names, observed=True):
        variants = [str(name) for name in key]
        scores = [stage.variant(name).accuracy for stage, name in zip(pipeline.stages, variants, strict=True)]
        told = {"combination": " + ".join(variants)} | _share_right(group["correct"])
        measured = np.nan if pipeline.measured_accuracy is None else pipeline.measured_accuracy.of(variants)
        rows.append(told | {"pas": find_metric("pas").total(scores), "measured": measured})
    return pd.DataFrame(rows).sort_values("answered", ascending=False, ignore_index=True)


def _marked(run: Path) -> pd.DataFrame:
    requests = read_requests(run)
    if "correct" not in requests:
        raise ResultsError(f"{run}: nobody knew the right answers; run it with a payload that does: ocr")
    return requests


def _share_right(correct: pd.Series) -> dict[str, float]:
    known = correct.dropna()
    right, answered = int(known.sum()), len(known)
    low, high = wilson_interval(right, answered) if answered else (np.nan, np.nan)
    share = right / answered if answered else np.nan
    return {"answered": answered, "accuracy": share, "low": low, "high": high}
