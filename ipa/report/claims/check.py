"""What the check of a claim is and says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ipa.registry import Registry
from ipa.report.claims.evidence import Evidence


class Support(StrEnum):
    """Whether what we found bears out what the paper says, in its words."""

    SUPPORTED = "supported"
    PARTLY = "partly supported"
    NO_EFFECT = "no effect"
    """Everything compared is tied: neither for the claim nor against it."""

    UNDECIDED = "undecided"
    """A confidence interval reaches across a limit; with a single seed all of them do."""

    CONTRADICTED = "contradicted"
    OWN = "own measurement"
    """Tests this artifact alone; not comparable with the paper."""

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
    found
        The numbers that are compared with what the published data show (``Claim.expected``), by name; of an
        own measurement, with what is claimed.
    """

    support: Support
    reproduced: str
    found: Mapping[str, float] = field(default_factory=dict)


Check = Callable[[Evidence], Finding]

CHECKS: Registry[Check] = Registry("claim")


def own(measured: str, **found: float) -> Finding:
    """Return the finding of a check that tests nothing but this artifact."""
    return Finding(Support.OWN, f"not comparable with the paper: {measured}", found)
