"""Whether what was found is what was expected."""

from collections.abc import Iterable
from enum import StrEnum

from ipa.report.claims.check import Finding, Support
from ipa.report.claims.claim import Claim


class Status(StrEnum):
    """The outcome of a claim beside what was written down before."""

    PASSED = "PASS"
    DIFFERS = "DIFFERS AS DOCUMENTED"
    FAILED = "FAIL"
    UNDECIDED = "UNDECIDED"
    """Too few seeds to tell."""

    NOT_RUN = "NOT RUN"
    NOT_COVERED = "NOT COVERED"


def judge(claim: Claim, finding: Finding, stored_verdict: str = "") -> Status:
    """Hold a finding against what was expected.

    Parameters
    ----------
    claim
        Says what the published data show, with tolerances, and which differences are known.
    finding
        What was found.
    stored_verdict
        The verdict stored for the same load and seeds; empty if there is none. The same code and data give
        the same verdict, so another one fails.
    """
    match finding.support:
        case Support.NOT_RUN:
            return Status.NOT_RUN
        case Support.NOT_COVERED:
            return Status.NOT_COVERED
    if stored_verdict and stored_verdict != finding.support:
        return Status.FAILED
    as_expected = claim.meets_goal if finding.support is Support.OWN else claim.agrees
    if as_expected(finding.found):
        return Status.PASSED
    if claim.differs_as_documented(finding.found):
        return Status.DIFFERS
    return Status.UNDECIDED if finding.support is Support.UNDECIDED else Status.FAILED


def succeeded(statuses: Iterable[str]) -> bool:
    """Whether nothing failed, nor was left out for want of runs."""
    return not {Status.FAILED, Status.NOT_RUN} & set(statuses)
