"""The verdicts that are part of the repository, on the synthetic twins and on the real trace."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ipa.errors import ResultsError
from ipa.paths import stored_results_dir
from ipa.report.claims.judge import Status

KEPT = ["claim", "verdict", "status", "found", "reproduced"]
COLUMNS = ["trace", "seeds", *KEPT]


def stored_claims_file() -> Path:
    """Return where the verdicts are stored."""
    return stored_results_dir() / "claims.csv"


def stored_claims() -> pd.DataFrame:
    """Return the stored verdicts, one row per load and claim; none if nothing is stored."""
    file = stored_claims_file()
    if not file.is_file():
        return pd.DataFrame(columns=COLUMNS, dtype=str)
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def store_claims(table: pd.DataFrame, trace: str, seeds: Sequence[int]) -> None:
    """Replace what is stored of a load.

    Parameters
    ----------
    table
        What ``claims_table`` returns.
    trace
        Load behind it, ``real`` or ``synthetic``.
    seeds
        Seeds behind it.

    Raises
    ------
    ResultsError
        If runs are missing.
    """
    if missing := list(table.loc[table["status"] == Status.NOT_RUN, "claim"]):
        raise ResultsError(f"nothing is stored, as {', '.join(missing)} were not run; add --run")
    new = table[KEPT].assign(trace=trace, seeds=seeds_text(seeds))
    stored = stored_claims()
    others = stored[stored["trace"] != trace]
    both = pd.concat([others, new])[COLUMNS].sort_values("trace", kind="stable")
    stored_claims_file().parent.mkdir(parents=True, exist_ok=True)
    both.to_csv(stored_claims_file(), index=False, lineterminator="\n")


def seeds_text(seeds: Sequence[int]) -> str:
    """Return seeds as the stored table names them."""
    return " ".join(map(str, seeds))
