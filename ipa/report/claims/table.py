"""All claims in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ipa.errors import ResultsError
from ipa.paths import stored_results_dir
from ipa.report.claims.check import CHECKS, Finding, Support
from ipa.report.claims.claim import Claim, Kind, read_claims
from ipa.report.claims.evidence import Evidence
from ipa.report.claims.judge import Status, judge
from ipa.report.claims.stored import seeds_text, stored_claims

LOADS = ("synthetic", "real")

CLAIMS_TABLE = "claims"
"""What the notebook of the claims calls the table that it writes to ``tables/``."""


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One claim and its finding.

    Parameters
    ----------
    claim, statement, where, published
        What the paper says, and where.
    kind, rests_on
        What it is held against, and what the verdict rests on (``ipa.report.claims.claim.Claim``).
    published_data
        Whether the published data bear the statement out.
    expected
        What the published data show, with tolerances; the limit of an own measurement.
    found
        The same numbers here.
    reproduced
        What was found, in words.
    verdict
        Whether that bears the statement out.
    agrees_with_published_data
        ``yes`` or ``no``; ``not comparable`` for an own measurement, empty without a finding.
    status
        Whether it is what was expected.
    differs
        What is known where it is not.
    tolerance_source
        Where the tolerances come from.
    on_synthetic, on_real
        The stored verdict and status on the synthetic twins and on the real trace.
    """

    claim: str
    statement: str
    where: str
    published: str
    kind: str
    rests_on: str
    published_data: str
    expected: str
    found: str
    reproduced: str
    verdict: str
    agrees_with_published_data: str
    status: str
    differs: str
    tolerance_source: str
    on_synthetic: str
    on_real: str


def claims_table(
    evidence: Evidence,
    progress: Callable[[int, int, str], None] | None = None,
    against_stored: bool = True,
) -> pd.DataFrame:
    """Check every claim that can be checked.

    Parameters
    ----------
    evidence
        The results to check against.
    progress
        Called with (claims checked, claims in all, id) after each.
    against_stored
        Whether a verdict fails that is not the one stored for the same load and seeds.

    Returns
    -------
    pandas.DataFrame
        One ``ClaimRow`` per claim of ``data/paper/claims.csv``. A claim without its runs is ``not run``.
    """
    claims = read_claims(evidence.table("claims"))
    stored = stored_claims()
    same = stored[(stored["trace"] == evidence.load) & (stored["seeds"] == seeds_text(evidence.seeds))]
    verdicts = dict(zip(same["claim"], same["verdict"], strict=True)) if against_stored else {}
    rows = []
    for number, claim in enumerate(claims.values(), start=1):
        finding = _finding(claim, evidence)
        status = judge(claim, finding, verdicts.get(claim.id, ""))
        rows.append(_row(claim, finding, status, stored[stored["claim"] == claim.id]))
        if progress is not None:
            progress(number, len(claims), claim.id)
    return pd.DataFrame(rows)


def read_claims_table(results_dir: Path) -> pd.DataFrame:
    """Return the table that the notebook of the claims wrote: all of it is text, and it takes long to make.

    Raises
    ------
    ResultsError
        If it cannot be read.
    """
    file = results_dir / "tables" / f"{CLAIMS_TABLE}.csv"
    try:
        return pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ResultsError(
            f"{file} cannot be read: {error}; run: ipa reproduce --only claims --force"
        ) from error


def _row(claim: Claim, finding: Finding, status: Status, stored: pd.DataFrame) -> ClaimRow:
    on = {
        load: " · ".join(stored.loc[stored["trace"] == load, ["verdict", "status"]].to_numpy().ravel())
        for load in LOADS
    }
    return ClaimRow(
        claim=claim.id,
        statement=claim.statement,
        where=claim.where,
        published=claim.published,
        kind=claim.kind.value,
        rests_on=claim.rests_on,
        published_data=claim.published_data,
        expected=claim.expected_text(),
        found=claim.found_text(finding.found) if finding.found else "",
        reproduced=finding.reproduced,
        verdict=finding.support.value,
        agrees_with_published_data=_agreement(claim, finding),
        status=status.value,
        differs=claim.differs,
        tolerance_source=claim.tolerance_source,
        on_synthetic=on["synthetic"],
        on_real=on["real"],
    )


def _agreement(claim: Claim, finding: Finding) -> str:
    if finding.support is Support.OWN:
        return "not comparable"
    if not finding.found:
        return ""
    return "yes" if claim.agrees(finding.found) else "no"


def _finding(claim: Claim, evidence: Evidence) -> Finding:
    if claim.id not in CHECKS:
        return Finding(
            Support.NOT_COVERED,
            "needs a live cluster" if claim.kind is Kind.LIVE else "not checked by this version",
        )
    try:
        return CHECKS[claim.id](evidence)
    except ResultsError as error:
        return Finding(Support.NOT_RUN, str(error))


def stored_comparison_file() -> Path:
    """Return where the comparison with the published averages is stored."""
    return stored_results_dir() / "comparison.csv"


def stored_comparison() -> pd.DataFrame:
    """Return the stored comparison of all published runs (``ipa.studies.published``) on the real trace."""
    file = stored_comparison_file()
    try:
        return pd.read_csv(file, keep_default_na=False)
    except OSError as error:
        raise ResultsError(
            f"{file} cannot be read: {error.strerror}; with the real trace, run: ipa published --store"
        ) from error
