"""End-to-end latencies of finished runs: quantiles, the paper's figure 15, and where the time goes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ipa.experiments.finished import FinishedRun, by_run, finished_runs
from ipa.experiments.spec import RunSpec
from ipa.paper import VERSION_OF_EDITION, published_table
from ipa.results.intervals import SEEDS, mean_interval
from ipa.results.measures import p99_by_second

CURVE_POINTS = 400
"""Points of a distribution function that is drawn."""

PARTS = ("queue", "batch wait", "service")
"""What a request does in a stage: wait for a replica, wait for its batch though one is free, be served."""


def with_seeds(specs: Iterable[RunSpec], seeds: int = SEEDS) -> list[RunSpec]:
    """Return every run with this many seeds, from its own on.

    Examples
    --------
    >>> [spec.seed for spec in with_seeds([RunSpec(seed=3)], 2)]
    [3, 4]
    """
    return [replace(spec, seed=spec.seed + more) for spec in specs for more in range(seeds)]


def second_p99_s(requests: pd.DataFrame, duration_s: int) -> NDArray[np.float64]:
    """Return the p99 latency of the answered requests of each second that has any, in order of time.

    Parameters
    ----------
    requests
        Account of a run (``ipa.results.folder.read_requests``).
    duration_s
        Length of the workload in seconds.
    """
    answered = requests[requests["latency_s"].notna()]
    values_s = p99_by_second(
        answered["arrival_s"].to_numpy(), answered["latency_s"].to_numpy(np.float64), duration_s
    )
    return values_s[~np.isnan(values_s)]


def distribution_at(values: NDArray[np.float64], at: float) -> float:
    """Return the share of values that do not exceed one; NaN without values."""
    return float(np.mean(values <= at)) if len(values) else float("nan")


def latency_summary(specs: Sequence[RunSpec], results_dir: Path) -> pd.DataFrame:
    """Return latency quantiles of finished runs.

    Parameters
    ----------
    specs
        Resolved specs whose results exist.
    results_dir
        Where the results lie.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``RUN_KEYS``, ``sla_s``, then, over the p99 of each second as figure 15 has it,
        ``p50_s``, ``p90_s``, ``p99_s`` and ``cdf_at_sla``; ``request_p50_s``, ``request_p99_s`` and
        ``request_cdf_at_sla`` over the answered requests; ``dropped_share`` of all requests.
    """
    return pd.DataFrame([_summarize(run) for run in finished_runs(specs, results_dir)])


def _summarize(run: FinishedRun) -> dict[str, object]:
    summary, requests = run.summary(), run.requests()
    sla_s = float(summary["sla_s"])
    seconds_s = second_p99_s(requests, int(summary["duration_s"]))
    latency_s = requests["latency_s"].dropna().to_numpy(np.float64)
    p50_s, p90_s, p99_s = _quantiles(seconds_s, (0.5, 0.9, 0.99))
    request_p50_s, request_p99_s = _quantiles(latency_s, (0.5, 0.99))
    return {
        **run.keys,
        "sla_s": sla_s,
        "p50_s": p50_s,
        "p90_s": p90_s,
        "p99_s": p99_s,
        "cdf_at_sla": distribution_at(seconds_s, sla_s),
        "request_p50_s": request_p50_s,
        "request_p99_s": request_p99_s,
        "request_cdf_at_sla": distribution_at(latency_s, sla_s),
        "dropped_share": 1 - len(latency_s) / max(len(requests), 1),
    }


def _quantiles(values: NDArray[np.float64], shares: Sequence[float]) -> list[float]:
    return [float(np.quantile(values, share)) if len(values) else float("nan") for share in shares]


def published_latency() -> pd.DataFrame:
    """Return the published quantiles of figure 15 by (edition, pipeline, method), editions named as ours."""
    table = published_table("fig15_latency_quantiles")
    numbers = ["sla_s", "p50_s", "p90_s", "p99_s", "cdf_at_sla"]
    ours = {name: edition for edition, name in VERSION_OF_EDITION.items()}
    return table.assign(edition=table["edition"].map(ours), **table[numbers].astype(float)).set_index(
        ["edition", "pipeline", "method"]
    )[numbers]


def seed_means(summary: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return means over seeds and half the width of their 95 % intervals.

    Parameters
    ----------
    summary
        Rows of ``latency_summary``.
    columns
        What to average.

    Returns
    -------
    pandas.DataFrame
        Indexed by edition, pipeline and method in the order of the rows; columns ``<name>`` and
        ``<name>_interval`` (NaN for a single seed), and ``seeds``.
    """
    rows = {}
    for keys, group in summary.groupby(["edition", "pipeline", "method"], sort=False):
        row: dict[str, float] = {"seeds": len(group)}
        for column in columns:
            found = mean_interval(group[column].to_numpy())
            row |= {column: found.mean, f"{column}_interval": found.spread}
        rows[keys] = row
    index = pd.MultiIndex.from_tuples(list(rows), names=["edition", "pipeline", "method"])
    return pd.DataFrame(list(rows.values()), index=index)


def figure_15_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return our distribution at the SLA beside the published one, as printed.

    Parameters
    ----------
    summary
        Rows of ``latency_summary``.
    """
    ours = seed_means(summary, ("cdf_at_sla", "p50_s", "p99_s", "request_cdf_at_sla", "dropped_share"))
    published = published_latency().reindex(ours.index)
    table = pd.DataFrame(
        {
            "CDF at SLA": ours["cdf_at_sla"].round(3),
            "±": ours["cdf_at_sla_interval"].round(3),
            "published": published["cdf_at_sla"].round(3),
            "difference": (ours["cdf_at_sla"] - published["cdf_at_sla"]).round(3),
            "median (s)": ours["p50_s"].round(2),
            "median ±": ours["p50_s_interval"].round(3),
            "published median": published["p50_s"].round(2),
            "p99 (s)": ours["p99_s"].round(2),
            "p99 ±": ours["p99_s_interval"].round(2),
            "published p99": published["p99_s"].round(2),
            "requests: CDF at SLA": ours["request_cdf_at_sla"].round(3),
            "requests ±": ours["request_cdf_at_sla_interval"].round(3),
            "dropped (%)": (100 * ours["dropped_share"]).round(2),
        }
    )
    return table.dropna(axis="columns", how="all")


def curves(specs: Sequence[RunSpec], results_dir: Path) -> pd.DataFrame:
    """Return the distribution functions of the latency of finished runs, seeds pooled.

    Returns
    -------
    pandas.DataFrame
        ``pipeline``, ``method``, ``edition``, ``trace``, ``kind`` (``seconds``: p99 of each second;
        ``requests``), ``share`` and ``latency_s``.
    """
    pooled: dict[tuple[str, ...], list[NDArray[np.float64]]] = {}
    for run in finished_runs(specs, results_dir):
        requests = run.requests()
        key = (run.spec.pipeline, run.spec.method, run.spec.edition, run.spec.trace)
        seconds_s = second_p99_s(requests, int(run.summary()["duration_s"]))
        pooled.setdefault((*key, "seconds"), []).append(seconds_s)
        latency_s = requests["latency_s"].dropna().to_numpy(np.float64)
        pooled.setdefault((*key, "requests"), []).append(latency_s)
    share = np.linspace(0, 1, CURVE_POINTS + 1)
    return pd.concat(
        [
            pd.DataFrame({"share": share, "latency_s": np.quantile(values, share)}).assign(
                **dict(zip(("pipeline", "method", "edition", "trace", "kind"), key, strict=True))
            )
            for key, several in pooled.items()
            if len(values := np.concatenate(several))
        ],
        ignore_index=True,
    )


def breakdown(requests: pd.DataFrame) -> pd.DataFrame:
    """Return where the answered requests of a run spent their time, in a graph along their slowest paths.

    Parameters
    ----------
    requests
        Account of a run (``ipa.results.folder.read_requests``).

    Returns
    -------
    pandas.DataFrame
        One row per stage and part (``PARTS``), and a last one for the network and the router: ``stage``,
        ``part``, ``mean_s``, ``p99_s`` and ``share`` of the mean latency.
    """
    answered = requests[requests["latency_s"].notna()]
    latency_s = answered["latency_s"].to_numpy(np.float64)
    rest_s, rows = latency_s.copy(), []
    for column in [name for name in answered if str(name).endswith("_service_s")]:
        stage = str(column).removesuffix("_service_s")
        batch_wait_s = answered[f"{stage}_batch_wait_s"].to_numpy(np.float64)
        service_s = answered[column].to_numpy(np.float64)
        queue_s = answered[f"{stage}_wait_s"].to_numpy(np.float64) - batch_wait_s
        if f"{stage}_on_path" in answered:
            on_path = answered[f"{stage}_on_path"].to_numpy(bool)
            queue_s, batch_wait_s, service_s = (
                np.where(on_path, part_s, 0.0) for part_s in (queue_s, batch_wait_s, service_s)
            )
        rest_s -= queue_s + batch_wait_s + service_s
        rows += [
            (stage.split("_", 1)[1], part, values)
            for part, values in zip(PARTS, (queue_s, batch_wait_s, service_s), strict=True)
        ]
    rows.append(("", "network", np.maximum(rest_s, 0.0)))
    mean_s = float(np.mean(latency_s)) if len(latency_s) else float("nan")
    return pd.DataFrame(
        [
            {
                "stage": stage,
                "part": part,
                "mean_s": float(np.mean(values)) if len(values) else float("nan"),
                "p99_s": _quantiles(values, (0.99,))[0],
                "share": float(np.mean(values)) / mean_s if len(values) else float("nan"),
            }
            for stage, part, values in rows
        ]
    )


def breakdowns(specs: Sequence[RunSpec], results_dir: Path) -> pd.DataFrame:
    """Return the breakdown of finished runs: ``RUN_KEYS``, then the columns of ``breakdown``."""
    return by_run(finished_runs(specs, results_dir), lambda run: breakdown(run.requests()))
