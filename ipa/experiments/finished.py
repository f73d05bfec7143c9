"""Runs that have ended: reads what they left, one by one or as one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipa.errors import ResultsError
from ipa.experiments.run import run_folder
from ipa.experiments.spec import RunSpec
from ipa.results.folder import RUN_KEYS, SUMMARY, read_decisions, read_requests, read_summary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run whose results exist; each call reads them anew.

    Parameters
    ----------
    spec
        What was run, resolved.
    folder
        Where its files lie.
    """

    spec: RunSpec
    folder: Path

    @property
    def keys(self) -> dict[str, object]:
        """What tells rows of this run from those of others (``RUN_KEYS``)."""
        return {key: getattr(self.spec, key) for key in RUN_KEYS}

    def summary(self) -> dict[str, Any]:
        """Return its settings and measures."""
        return read_summary(self.folder)

    def decisions(self) -> "pd.DataFrame":
        """Return its decision records, one row a step."""
        return read_decisions(self.folder)

    def requests(self) -> "pd.DataFrame":
        """Return the account of every request."""
        return read_requests(self.folder)


def finished_runs(specs: Sequence[RunSpec], results_dir: Path) -> list[FinishedRun]:
    """Return the runs of resolved specs, in their order.

    Parameters
    ----------
    specs
        Resolved specs whose results exist.
    results_dir
        Where the results lie.
    """
    return [FinishedRun(spec, run_folder(results_dir, spec)) for spec in specs]


def by_run(runs: Sequence[FinishedRun], read: "Callable[[FinishedRun], pd.DataFrame]") -> "pd.DataFrame":
    """Return the tables of some runs below each other, each row with ``RUN_KEYS`` in front."""
    import pandas as pd

    frames = []
    for run in runs:
        rows = read(run)
        keys = pd.DataFrame({key: [value] * len(rows) for key, value in run.keys.items()})
        frames.append(pd.concat([keys, rows], axis=1))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def summaries(specs: Sequence[RunSpec], results_dir: Path) -> "pd.DataFrame":
    """Return the summaries of the runs of a grid, one row each.

    Raises
    ------
    ResultsError
        If a run is missing; says how to run it.
    """
    import pandas as pd

    runs = finished_runs(specs, results_dir)
    absent = [run.spec for run in runs if not (run.folder / SUMMARY).is_file()]
    if absent:
        raise ResultsError(
            f"{len(absent)} of {len(specs)} runs are missing under {results_dir}, the first is"
            f" {run_folder(Path(), absent[0])}; run: ipa grid --edition {absent[0].edition}"
        )
    # Two paths may name the same pipeline or load, which is run once; a row says what was asked for.
    return pd.DataFrame(
        [run.summary() | {"pipeline": run.spec.pipeline, "workload": run.spec.workload} for run in runs]
    )
