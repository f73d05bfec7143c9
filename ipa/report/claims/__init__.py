"""The paper's claims beside what this artifact finds.

:func:`claims_table` has one row per claim: what the paper says, what its stored data show, what the runs
under ``results/`` show, and a verdict. Each check is one function registered in ``CHECKS`` under the id of
its claim. :func:`stored_comparison` reads the comparison of all 160 published runs that is kept under
``results/stored/``.
"""

from ipa.report.claims import (
    from_comparison,
    from_data,
    from_forecast,
    from_latency,
    from_orders,
    from_preferences,
    from_runs,
    from_solver,
)
from ipa.report.claims.check import CHECKS, Finding, Support
from ipa.report.claims.evidence import Evidence
from ipa.report.claims.runs import claim_runs, evidence_runs
from ipa.report.claims.table import CLAIMS_TABLE, claims_table, read_claims_table, stored_comparison

__all__ = [
    "CHECKS",
    "CLAIMS_TABLE",
    "Evidence",
    "Finding",
    "Support",
    "claim_runs",
    "claims_table",
    "evidence_runs",
    "from_comparison",
    "from_data",
    "from_forecast",
    "from_latency",
    "from_orders",
    "from_preferences",
    "from_runs",
    "from_solver",
    "read_claims_table",
    "stored_comparison",
]
