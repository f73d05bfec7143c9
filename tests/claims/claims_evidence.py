"""Evidence made by hand for the checks of claims."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ipa.claims import Evidence
from ipa.intervals import Interval, mean_interval

Values = Callable[[str, str, str, str, str], float]
"""(edition, pipeline, workload, method, measure) -> value."""


class HandMade(Evidence):
    """Runs whose measures a function gives; published tables as they are unless replaced.

    Parameters
    ----------
    values
        Gives the measures.
    pas_of_rim
        Accuracy of each step of rim, per pipeline.
    tables
        Tables that replace published ones.
    """

    def __init__(
        self,
        values: Values | None = None,
        pas_of_rim: Callable[[str], list[float]] | None = None,
        **tables: pd.DataFrame,
    ) -> None:
        super().__init__(Path("nowhere"), trace="synthetic", seeds=(0,))
        self._values, self._pas_of_rim, self._tables = values, pas_of_rim, tables

    def value(self, edition: str, pipeline: str, workload: str, method: str, measure: str) -> float:
        assert self._values is not None
        return self._values(edition, pipeline, workload, method, measure)

    def interval(self, edition: str, pipeline: str, workload: str, method: str, measure: str) -> Interval:
        return mean_interval([self.value(edition, pipeline, workload, method, measure)])

    def decisions(self, edition: str, pipeline: str, workload: str, method: str) -> pd.DataFrame:  # noqa: ARG002
        assert self._pas_of_rim is not None
        return pd.DataFrame({"pas": self._pas_of_rim(pipeline)})

    def table(self, name: str) -> pd.DataFrame:  # type: ignore[override]
        return self._tables[name] if name in self._tables else Evidence.table(name)


def by_method(**values: dict[str, float]) -> Values:
    """Return the values of each measure by method, the same in every cell."""
    return lambda edition, pipeline, workload, method, measure: values[measure][method]  # noqa: ARG005


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
