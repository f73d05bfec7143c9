"""Names of what the paper's runs were made of."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ipa.errors import ConfigError
from ipa.file_stamps import FileStamp, file_stamp
from ipa.paths import data_dir

if TYPE_CHECKING:
    import pandas as pd


PAPER_PIPELINES = ("video", "audio-qa", "audio-sent", "sum-qa", "nlp")
PAPER_WORKLOADS = ("bursty", "steady-low", "steady-high", "fluctuating")
PAPER_METHODS = ("ipa", "fa2-low", "fa2-high", "rim")
PAPER_EDITIONS = ("as-published", "as-published-v1", "corrected")


FIRST_FIGURE = 8
"""Figures 8 to 12 of the paper show the five pipelines in order."""


PUBLISHED_METRICS = {"rank-sum": "rank-sum", "rank-product": "rank-product", "raw-product": "pas"}
"""Accuracy objectives of runs.csv and the metric each one is."""


def published_table(name: str) -> "pd.DataFrame":
    """Return a table of ``data/paper`` with every cell as text (empty where nothing was published)."""
    file = _table_file(name)
    return _read_table(file, file_stamp(file))


def _table_file(name: str) -> Path:
    return data_dir() / "paper" / f"{name}.csv"


@lru_cache(maxsize=64)
def _read_table(file: Path, _stamp: FileStamp) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ConfigError(file, "", f"cannot be read as a table: {error}") from error


VERSION_OF_EDITION = {"as-published": "v3", "as-published-v1": "v1"}
"""Editions that have published averages, and their name in the published tables."""


def published_result(edition: str, pipeline: str, workload: str, method: str) -> "pd.Series[str]":
    """Return the published row of one run."""
    table = published_table("results")
    keys = {"edition": edition, "pipeline": pipeline, "workload": workload, "method": method}
    for column, value in keys.items():
        table = table[table[column] == value]
    return table.iloc[0]
