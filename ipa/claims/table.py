"""All claims in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ipa.claims.check import CHECKS, Finding, Support
from ipa.claims.evidence import Evidence
from ipa.editions import published_table
from ipa.errors import ResultsError
from ipa.paths import published_results_dir

NOT_COVERED = {
    "a live cluster": ("C13",),
}
"""What would be needed for the claims that no check covers."""


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One claim and its finding."""

    claim: str
    statement: str
    where: str
    published: str
    published_data: str
    reproduced: str
    verdict: str
    agrees_with_published_data: str


def claims_table(evidence: Evidence, progress: Callable[[int, int, str], None] | None = None) -> pd.DataFrame:
    """Check every claim that can be checked.

    Parameters
    ----------
    evidence
        The results to check against.
    progress
        Called with (claims checked, claims in all, id) after each.

    Returns
    -------
    pandas.DataFrame
        One row per claim of ``data/paper/claims.csv``. A claim whose runs are missing is ``not run``.
    """
    claims = published_table("claims")
    rows = []
    for number, claim in enumerate(claims.itertuples(), start=1):
        finding = _finding(str(claim.id), evidence)
        rows.append(
            ClaimRow(
                claim=str(claim.id),
                statement=str(claim.claim),
                where=str(claim.where),
                published=str(claim.published),
                published_data=str(claim.verdict),
                reproduced=finding.reproduced,
                verdict=finding.support.value,
                agrees_with_published_data={True: "yes", False: "no", None: ""}[finding.agrees],
            )
        )
        if progress is not None:
            progress(number, len(claims), str(claim.id))
    return pd.DataFrame(rows)


def _finding(claim: str, evidence: Evidence) -> Finding:
    if claim not in CHECKS:
        needed = next((what for what, ids in NOT_COVERED.items() if claim in ids), "")
        return Finding(Support.NOT_COVERED, f"needs {needed}" if needed else "not checked by this version")
    try:
        return CHECKS[claim](evidence)
    except ResultsError as error:
        return Finding(Support.NOT_RUN, str(error))


def stored_comparison_file() -> Path:
    """Return where the comparison with the published averages is stored."""
    return published_results_dir() / "comparison.csv"


def stored_comparison() -> pd.DataFrame:
    """Return the stored comparison of all published runs on the real trace (``ipa.published.compare``)."""
    file = stored_comparison_file()
    try:
        return pd.read_csv(file, keep_default_na=False)
    except OSError as error:
        raise ResultsError(
            f"{file} cannot be read: {error.strerror}; with the real trace, run: ipa published --store"
        ) from error
