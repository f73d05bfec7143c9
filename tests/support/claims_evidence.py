"""Evidence made by hand for the checks of claims."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ipa.report.claims import CHECKS, Evidence
from ipa.report.claims.judge import Status, judge

Values = Callable[[str, str, str, str, str], float]
"""(edition, pipeline, workload, method, measure) -> value."""


class HandMade(Evidence):
    """Runs whose measures a function gives; published tables as they are unless replaced.

    Parameters
    ----------
    *values
        Gives the measures, one function per seed; a single one stands for three seeds that are alike.
    pas_of_rim
        Accuracy of each step of rim, per pipeline.
    compared
        How many of 80 runs are within the limits.
    **tables
        Tables that replace published ones.
    """

    def __init__(
        self,
        *values: Values,
        pas_of_rim: Callable[[str], list[float]] | None = None,
        compared: int = 80,
        **tables: pd.DataFrame,
    ) -> None:
        super().__init__(Path("nowhere"), trace="synthetic", seeds=range(len(values) if values[1:] else 3))
        self._values = values
        self._pas_of_rim, self._compared, self._tables = pas_of_rim, compared, tables

    @cached_property
    def each_seed(self) -> tuple[Evidence, ...]:
        if len(self._values) < 2:
            return (self,) * len(self.seeds)
        return tuple(HandMade(one, pas_of_rim=self._pas_of_rim, **self._tables) for one in self._values)

    def value(self, edition: str, pipeline: str, workload: str, method: str, measure: str) -> float:
        found = [one(edition, pipeline, workload, method, measure) for one in self._values]
        return sum(found) / len(found)

    def interval(self, edition: str, pipeline: str, workload: str, method: str, measure: str) -> Any:
        return self.over_seeds(lambda one: one.value(edition, pipeline, workload, method, measure))

    def decisions(self, edition: str, pipeline: str, workload: str, method: str) -> pd.DataFrame:  # noqa: ARG002
        assert self._pas_of_rim is not None
        return pd.DataFrame({"pas": self._pas_of_rim(pipeline)})

    def comparison(self, edition: str) -> pd.DataFrame:  # noqa: ARG002
        within = [number < self._compared for number in range(80)]
        return pd.DataFrame({"within": within, "within_with_ties": within})

    def table(self, name: str) -> pd.DataFrame:  # type: ignore[override]
        return self._tables[name] if name in self._tables else Evidence.table(name)


def status(claim: str, evidence: Evidence) -> Status:
    """Return the outcome of a claim."""
    return judge(evidence.claim(claim), CHECKS[claim](evidence))


def by_method(**values: dict[str, float]) -> Values:
    """Return the values of each measure by method, the same in every cell."""
    return lambda edition, pipeline, workload, method, measure: values[measure][method]  # noqa: ARG005


def in_pipeline(name: str, inside: Values, outside: Values) -> Values:
    """Return one function's values in a pipeline and another's in the rest."""
    return lambda edition, pipeline, *rest: (inside if pipeline == name else outside)(
        edition, pipeline, *rest
    )


def published(edition: str, pipeline: str, workload: str, method: str, measure: str) -> float:
    """Give what the paper's stored data hold."""
    column = {
        "cost_mean_cores": "avg_cost_cores",
        "cost_max_cores": "max_cost_cores",
        "rank_sum_mean": "avg_accuracy",
        "pas_mean": "avg_accuracy",
        "violating_seconds_share": "sla_violation_pct_of_seconds",
    }[measure]
    name = {"as-published": "v3", "as-published-v1": "v1"}[edition]
    value = Evidence.published(name, pipeline, workload, method, column)
    return value / 100 if measure in {"pas_mean", "violating_seconds_share"} else value


def scaled(factor: float, *methods: str) -> Values:
    """Give the published values, those of some methods multiplied."""
    return lambda *cell: published(*cell) * (factor if cell[3] in methods else 1)
