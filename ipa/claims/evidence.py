"""The results that claims are checked against."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ipa.editions import published_table
from ipa.errors import ResultsError
from ipa.experiments import METHODS, PIPELINES, WORKLOADS, RunSpec, grid_specs, is_complete, run_folder
from ipa.published import published_result
from ipa.results import SUMMARY, read_decisions, read_summary


class Evidence:
    """Finished runs and published tables.

    Parameters
    ----------
    results_dir
        Where the runs lie.
    trace
        Which workloads the runs used: ``real``, ``synthetic`` or ``auto``.
    seed
        Seed of the runs.
    """

    def __init__(self, results_dir: Path, trace: str = "auto", seed: int = 0) -> None:
        self._results_dir = results_dir
        self._common = {"trace": trace, "seed": seed}
        self._summaries: dict[RunSpec, dict[str, Any]] = {}

    @property
    def results_dir(self) -> Path:
        """Where the runs lie."""
        return self._results_dir

    @cache  # noqa: B019 (one instance lives as long as a table is made)
    def specs(self, edition: str) -> dict[tuple[str, str, str], RunSpec]:
        """Return the specs of an edition's grid by (pipeline, workload, method)."""
        return {
            (spec.pipeline, spec.workload, spec.method): spec
            for spec in grid_specs([edition], PIPELINES, WORKLOADS, METHODS, **self._common)
        }

    def summary(self, edition: str, pipeline: str, workload: str, method: str) -> dict[str, Any]:
        """Return the summary of one run; a missing run is a ResultsError."""
        spec = self.specs(edition)[pipeline, workload, method]
        if spec not in self._summaries:
            folder = run_folder(self._results_dir, spec)
            if not is_complete(self._results_dir, spec):
                state = "was run with other code or data" if (folder / SUMMARY).is_file() else "was not run"
                raise ResultsError(f"{spec.experiment}/{spec.run} {state}; run: ipa grid --edition {edition}")
            self._summaries[spec] = read_summary(folder)
        return self._summaries[spec]

    def value(self, edition: str, pipeline: str, workload: str, method: str, measure: str) -> float:
        """Return one measure of one run."""
        return float(self.summary(edition, pipeline, workload, method)[measure])

    def load_mean(self, edition: str, pipeline: str, method: str, measure: str) -> float:
        """Return the mean of a measure over the four workloads."""
        return float(np.mean([self.value(edition, pipeline, load, method, measure) for load in WORKLOADS]))

    def decisions(self, edition: str, pipeline: str, workload: str, method: str) -> pd.DataFrame:
        """Return the decision records of one run."""
        self.summary(edition, pipeline, workload, method)
        return read_decisions(run_folder(self._results_dir, self.specs(edition)[pipeline, workload, method]))

    @staticmethod
    def published(edition: str, pipeline: str, workload: str, method: str, column: str) -> float:
        """Return one published average (edition v1 or v3); NaN where nothing was published."""
        return float(published_result(edition, pipeline, workload, method)[column] or "nan")

    @staticmethod
    def table(name: str) -> pd.DataFrame:
        """Return a table of ``data/paper`` as text."""
        return published_table(name)
