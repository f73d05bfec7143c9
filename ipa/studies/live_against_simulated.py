"""Does the simulator say what happens? Live runs beside their simulation (``ipa.studies.live_runs``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ipa.arrays import Floats
from ipa.studies.live_runs import Pair, Side


@dataclass(frozen=True, slots=True)
class Criterion:
    """A measure that both sides have.

    Parameters
    ----------
    label
        What it is, with its unit.
    column
        Its name in ``compare``.
    allowed
        How far the simulation may be off; None: it is only told.
    relative
        Whether that is a share of the live value, in per cent, or a difference.
    """

    label: str
    column: str
    allowed: float | None = None
    relative: bool = True

    def off(self, live: Floats, simulated: Floats) -> Floats:
        """Return by how much simulated values are off."""
        return 100 * (simulated / live - 1) if self.relative else simulated - live


CRITERIA = (
    Criterion("mean latency (s)", "mean_s", 5.0),
    Criterion("median latency (s)", "p50_s"),
    Criterion("p99 latency (s)", "p99_s", 10.0),
    Criterion("late or lost (%)", "violation_pct", 1.0, relative=False),
    Criterion("cost of the plans (cores)", "decided_cores"),
    Criterion("cores that ran", "running_cores"),
)

EQUAL_STEPS_PCT = 95.0
"""Share of the steps that have to decide the same."""

SIMULATED = "simulated"

BIN_S = 5.0
"""Width of the bins in which latencies are averaged over time."""


def compare(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return what both say, one row a run.

    Returns
    -------
    pandas.DataFrame
        Columns ``seed, requests``, then ``<what>_live`` and ``<what>_simulated`` for ``mean_s``, ``p50_s``,
        ``p99_s``, ``violation_pct``, ``running_cores`` and ``decided_cores``, and ``equal_decisions_pct``:
        steps that decided for the same variants, batch sizes and replicas.
    """
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        row: dict[str, Any] = {"seed": pair.seed, "requests": len(pair.live.requests)}
        both = min(len(pair.live.decisions), len(pair.simulated.decisions))
        for name, side in (("live", pair.live), ("simulated", pair.simulated)):
            row |= {f"{key}_{name}": value for key, value in _figures(side, both).items()}
        row["equal_decisions_pct"] = 100 * equal_decisions(pair)
        rows.append(row)
    return pd.DataFrame(rows)


def _figures(side: Side, steps: int) -> dict[str, float]:
    latency_s, summary = side.latency_s, side.summary
    return {
        "mean_s": float(latency_s.mean()),
        "p50_s": float(np.quantile(latency_s, 0.5)),
        "p99_s": float(np.quantile(latency_s, 0.99)),
        "violation_pct": 100 * summary["violation_share"],
        "running_cores": summary["running_mean_cores"],
        "decided_cores": float(side.decisions["cost_cores"][:steps].mean()),
    }


def equal_decisions(pair: Pair) -> float:
    """Return the share of the steps that decided for the same variants, batch sizes and replicas.

    A step at the very end of the load is one of the simulation only: a real clock is past the end by then.
    """
    live, simulated = (_shapes(side.decisions) for side in (pair.live, pair.simulated))
    same = [one == other for one, other in zip(live, simulated, strict=False)]
    return sum(same) / len(same)


def _shapes(decisions: pd.DataFrame) -> list[tuple[tuple[object, ...], ...]]:
    """Return variant, batch and replicas of every stage, a step each."""
    return [
        tuple((stage["variant"], stage["batch"], stage["replicas"]) for stage in plan)
        for plan in decisions["plan"]
    ]


def run_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Return ``compare`` for people: a column per run, live and simulated one below the other."""
    rows = {
        f"{criterion.label}, {name}": compared[f"{criterion.column}_{name}"].to_numpy()
        for criterion in CRITERIA
        for name in ("live", "simulated")
    }
    rows["steps that decided the same (%)"] = compared["equal_decisions_pct"].to_numpy()
    names = [f"seed {seed}" for seed in compared["seed"]]
    return pd.DataFrame(rows, index=names).T.rename_axis("measure")


def verdicts(compared: pd.DataFrame) -> pd.DataFrame:
    """Return how far the simulation is off, beside what is allowed.

    Parameters
    ----------
    compared
        Rows of ``compare``.

    Returns
    -------
    pandas.DataFrame
        One row per measure, with the columns ``measure``; ``live`` and ``simulated``, the means over the
        runs; ``off``, by how much these differ (in per cent of the live value, or in points where the measure
        is one of per cent); ``worst run``, the same of the run that is off most; ``allowed``; and
        ``verdict``, about the means.
    """
    rows = [_row_of(criterion, compared) for criterion in CRITERIA]
    equal = compared["equal_decisions_pct"]
    rows.append(
        {
            "measure": "steps that decided the same (%)",
            "live": np.nan,
            "simulated": float(equal.mean()),
            "off": np.nan,
            "worst run": float(equal.min()),
            "allowed": EQUAL_STEPS_PCT,
            "verdict": _verdict(equal.mean() >= EQUAL_STEPS_PCT),
        }
    )
    return pd.DataFrame(rows)


def _row_of(criterion: Criterion, compared: pd.DataFrame) -> dict[str, Any]:
    live, simulated = (
        compared[f"{criterion.column}_{name}"].to_numpy(np.float64) for name in ("live", "simulated")
    )
    each = criterion.off(live, simulated)
    off = float(criterion.off(live.mean(keepdims=True), simulated.mean(keepdims=True))[0])
    return {
        "measure": criterion.label,
        "live": float(live.mean()),
        "simulated": float(simulated.mean()),
        "off": off,
        "worst run": float(each[np.abs(each).argmax()]),
        "allowed": np.nan if criterion.allowed is None else criterion.allowed,
        "verdict": "" if criterion.allowed is None else _verdict(abs(off) <= criterion.allowed),
    }


def _verdict(within: bool) -> str:
    return "within" if within else "off"


def curves(pairs: Sequence[Pair], place: str, beside: Sequence[Pair] = (), there: str = "") -> pd.DataFrame:
    """Return the distribution functions of the latencies of all runs together.

    Parameters
    ----------
    pairs
        The runs and their simulations.
    place
        Where they ran.
    beside
        Runs elsewhere, if there are any, to stand beside; those of another length are left out.
    there
        Where that is.

    Returns
    -------
    pandas.DataFrame
        Columns ``platform, latency_s, share``.
    """
    parts = []
    for name, sides in _by_place(pairs, place, _as_long(pairs[0], beside), there).items():
        values_s = np.sort(np.concatenate([side.latency_s for side in sides]))
        share = np.arange(1, len(values_s) + 1) / len(values_s)
        parts.append(pd.DataFrame({"platform": name, "latency_s": values_s, "share": share}))
    return pd.concat(parts, ignore_index=True)


def timeline(
    pair: Pair, place: str, beside: Sequence[Pair] = (), there: str = "", bin_s: float = BIN_S
) -> pd.DataFrame:
    """Return the latency over time, of a run elsewhere too if the same one was made there.

    Returns
    -------
    pandas.DataFrame
        Columns ``platform, time_s, latency_s, rate_rps``: the middle of a bin, the mean latency of the
        answered requests that were due in it, and how many were due per second.
    """
    parts = []
    for name, (side,) in _by_place([pair], place, _same(pair, beside), there).items():
        bins = (side.requests["arrival_s"] // bin_s).rename("bin")
        found = side.requests.groupby(bins)["latency_s"].agg(["mean", "size"])
        parts.append(
            pd.DataFrame(
                {
                    "platform": name,
                    "time_s": (found.index.to_numpy() + 0.5) * bin_s,
                    "latency_s": found["mean"].to_numpy(),
                    "rate_rps": found["size"].to_numpy() / bin_s,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def steps(pair: Pair, place: str, beside: Sequence[Pair] = (), there: str = "") -> pd.DataFrame:
    """Return the cost of the plan decided for in every step: columns ``platform, time_s, cost_cores``."""
    return pd.concat(
        [
            side.decisions[["time_s", "cost_cores"]].assign(platform=name)
            for name, (side,) in _by_place([pair], place, _same(pair, beside), there).items()
        ],
        ignore_index=True,
    )


def _same(pair: Pair, beside: Sequence[Pair]) -> list[Pair]:
    """Return the run of the same load elsewhere."""
    return [other for other in _as_long(pair, beside) if other.seed == pair.seed][:1]


def _as_long(pair: Pair, beside: Sequence[Pair]) -> list[Pair]:
    length_s = pair.live.summary["duration_s"]
    return [other for other in beside if other.live.summary["duration_s"] == length_s]


def _by_place(pairs: Sequence[Pair], place: str, beside: Sequence[Pair], there: str) -> dict[str, list[Side]]:
    sides = {place: [pair.live for pair in pairs], SIMULATED: [pair.simulated for pair in pairs]}
    return sides | ({there: [pair.live for pair in beside]} if beside else {})
