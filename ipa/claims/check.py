"""What the check of a claim is and says."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ipa.claims.evidence import Evidence
from ipa.registry import Registry


class Support(StrEnum):
    """Whether what we found bears a claim out."""

    SUPPORTED = "supported"
    PARTLY = "partly supported"
    CONTRADICTED = "contradicted"
    NOT_RUN = "not run"
    NOT_COVERED = "not covered"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of a check.

    Parameters
    ----------
    support
        Whether the claim, as the paper words it, is borne out.
    reproduced
        What was found, in the terms of the claim.
    agrees
        Whether that lies within the stated tolerance of what the published data show; None if they show
        nothing to compare with.
    """

    support: Support
    reproduced: str
    agrees: bool | None = None


Check = Callable[[Evidence], Finding]

CHECKS: Registry[Check] = Registry("claim")


def graded(full: bool, partly: bool) -> Support:
    """Return full, partial or no support."""
    if full:
        return Support.SUPPORTED
    return Support.PARTLY if partly else Support.CONTRADICTED
