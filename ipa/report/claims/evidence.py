"""The results that claims are checked against."""

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ipa.errors import ResultsError
from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.run import is_complete, run_folder
from ipa.experiments.spec import RunSpec
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES, PAPER_WORKLOADS, published_result, published_table
from ipa.report.claims.claim import Claim, read_claims
from ipa.results.folder import KEPT_IN_BRIEF, KEPT_MEASURES, SUMMARY, read_decisions, read_summary
from ipa.results.intervals import SEEDS, Interval, mean_interval
from ipa.studies.published import compare


class Evidence:
    """Finished runs and published tables.

    Parameters
    ----------
    results_dir
        Where the runs lie.
    trace
        Which workloads the runs used: ``real``, ``synthetic`` or ``auto``.
    seeds
        Seeds of the runs; a measure is the mean over them. All methods share the random numbers of a seed.
    """

    def __init__(
        self, results_dir: Path, trace: str = "auto", seeds: Sequence[int] = tuple(range(SEEDS))
    ) -> None:
        self.results_dir = results_dir
        self.trace = trace
        self.seeds = tuple(seeds)
        self._summaries: dict[RunSpec, dict[str, Any]] = {}

    @cached_property
    def load(self) -> str:
        """Which load the runs used: ``real`` or ``synthetic``."""
        return next(iter(self.specs("as-published").values())).trace

    @cached_property
    def each_seed(self) -> "tuple[Evidence, ...]":
        """The evidence of each seed alone."""
        if len(self.seeds) == 1:
            return (self,)
        return tuple(Evidence(self.results_dir, self.trace, (seed,)) for seed in self.seeds)

    def over_seeds(self, statistic: "Callable[[Evidence], float]") -> Interval:
        """Return the mean of a statistic over the seeds, with its confidence interval.

        Parameters
        ----------
        statistic
            Computed from the evidence of one seed.
        """
        return mean_interval([statistic(one) for one in self.each_seed])

    @cache  # noqa: B019 (one instance lives as long as a table is made)
    def specs(self, edition: str) -> dict[tuple[str, str, str], RunSpec]:
        """Return the specs of an edition's grid by (pipeline, workload, method), with the first seed."""
        return {
            (spec.pipeline, spec.workload, spec.method): spec
            for spec in grid_specs(
                [edition],
                PAPER_PIPELINES,
                PAPER_WORKLOADS,
                PAPER_METHODS,
                trace=self.trace,
                seed=self.seeds[0],
            )
        }

    def summary(self, edition: str, pipeline: str, workload: str, method: str) -> dict[str, Any]:
        """Return the summary of one run with the first seed; a missing run is a ResultsError."""
        spec = self.specs(edition)[pipeline, workload, method]
        if spec not in self._summaries:
            self.check_complete(spec, needed=KEPT_MEASURES)
            self._summaries[spec] = read_summary(run_folder(self.results_dir, spec))
        return self._summaries[spec]

    def check_complete(self, spec: RunSpec, needed: Sequence[str]) -> None:
        """Raise a ResultsError, which says what to do, unless a run left the files needed."""
        if not is_complete(self.results_dir, spec, needed):
            done = (run_folder(self.results_dir, spec) / SUMMARY).is_file()
            state = "was run with other code or data" if done else "was not run"
            raise ResultsError(f"{spec.folder_name}/{spec.run_name} {state}; run: ipa claims --run")

    def claim(self, claim_id: str) -> Claim:
        """Return a claim with the numbers that it is judged by."""
        return read_claims(self.table("claims"))[claim_id]

    def difference(
        self, edition: str, cell: tuple[str, str], methods: tuple[str, str], measure: str
    ) -> Interval:
        """Return by how much a measure of the first method exceeds that of the second, seed by seed."""
        return self.over_seeds(
            lambda one: (
                one.value(edition, *cell, methods[0], measure)
                - one.value(edition, *cell, methods[1], measure)
            )
        )

    def comparison(self, edition: str) -> pd.DataFrame:
        """Return the runs of an edition with the first seed beside the published averages."""
        specs = list(self.specs(edition).values())
        for spec in specs:
            self.check_complete(spec, needed=KEPT_IN_BRIEF)
        return compare(specs, self.results_dir)

    def value(self, edition: str, pipeline: str, workload: str, method: str, measure: str) -> float:
        """Return one measure of one run, averaged over the seeds."""
        return self.interval(edition, pipeline, workload, method, measure).mean

    def interval(self, edition: str, pipeline: str, workload: str, method: str, measure: str) -> Interval:
        """Return one measure of one run: its mean over the seeds and the confidence interval."""
        cell = (edition, pipeline, workload, method)
        return self.over_seeds(lambda one: float(one.summary(*cell)[measure]))

    def load_mean(self, edition: str, pipeline: str, method: str, measure: str) -> float:
        """Return the mean of a measure over the four workloads and the seeds."""
        return float(
            np.mean([self.value(edition, pipeline, load, method, measure) for load in PAPER_WORKLOADS])
        )

    def decisions(self, edition: str, pipeline: str, workload: str, method: str) -> pd.DataFrame:
        """Return the decision records of one run with the first seed."""
        spec = self.specs(edition)[pipeline, workload, method]
        self.check_complete(spec, needed=KEPT_IN_BRIEF)
        return read_decisions(run_folder(self.results_dir, spec))

    @staticmethod
    def published(edition: str, pipeline: str, workload: str, method: str, column: str) -> float:
        """Return one published average (edition v1 or v3); NaN where nothing was published."""
        return float(published_result(edition, pipeline, workload, method)[column] or "nan")

    @staticmethod
    def table(name: str) -> pd.DataFrame:
        """Return a table of ``data/paper`` as text."""
        return published_table(name)
