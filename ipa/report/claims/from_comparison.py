"""How many of the published averages come out (``ipa.studies.published``)."""

from ipa.report.claims.check import CHECKS, Finding
from ipa.report.claims.compare import grade
from ipa.report.claims.evidence import Evidence
from ipa.report.claims.from_runs import BOTH


@CHECKS.named("V3")
def revised_averages(evidence: Evidence) -> Finding:
    """Count the runs of the revision within the limits."""
    return _averages(evidence, "v3")


@CHECKS.named("V1")
def first_averages(evidence: Evidence) -> Finding:
    """Count the runs of the first submission within the limits."""
    return _averages(evidence, "v1")


def _averages(evidence: Evidence, version: str) -> Finding:
    frame = evidence.comparison(BOTH[version])
    met, with_ties = int(frame["within"].sum()), int(frame["within_with_ties"].sum())
    return Finding(
        grade(met == len(frame), partly=met > len(frame) / 2),
        f"{met} of {len(frame)} runs within the limits, {with_ties} accepting any choice among exact ties",
        {"within": met},
    )
