"""Claims about the weights α and β (figure 14), decided again over the bursty workload."""

import pandas as pd

from ipa.report.claims.check import CHECKS, Finding, Support
from ipa.report.claims.compare import EXACT, Order, Orders, grade
from ipa.report.claims.evidence import Evidence
from ipa.studies.comparison import deviation_pct
from ipa.studies.preferences import PREFERENCES, WORKLOAD, preference_settings, preference_table
from ipa.workload import load_workload

REVISED, FIRST = "as-published", "as-published-v1"

MISPRINTED = {("video", "balance"), ("nlp", "balance")}
"""Points of the revision that do not belong to the printed weights (data/paper/README.md, trap 12)."""


def _points(evidence: Evidence, *editions: str) -> pd.DataFrame:
    """Decide the points of the figure on the workload that the runs of the evidence use."""
    spec = evidence.specs(FIRST)["video", WORKLOAD, "ipa"]
    workload = load_workload(WORKLOAD, trace=spec.trace, seed=spec.seed)
    return preference_table(preference_settings(editions), workload)


@CHECKS.named("C14")
def weights_steer(evidence: Evidence) -> Finding:
    """Decide nlp under accuracy and resource priority, and look for a preference that costs more for less."""
    points = _points(evidence, FIRST, REVISED)
    values = points.set_index(["edition", "pipeline", "preference"])[["cost_cores", "accuracy"]]
    ordered = list(PREFERENCES)
    pairs = [pair for pair, _ in points.groupby(["edition", "pipeline"], sort=False)]
    orders = Orders.of(_fall(values.loc[[(*pair, preference) for preference in ordered]]) for pair in pairs)
    claimed = evidence.claim("C14").claimed
    nlp = {
        f"{preference}_{name}": float(values[column].loc[(FIRST, "nlp", preference)])
        for preference in ("accuracy", "resource")
        for name, column in (("cores", "cost_cores"), ("score", "accuracy"))
    }
    near = all(abs(deviation_pct(ours, claimed[name])) <= claimed["within_pct"] for name, ours in nlp.items())
    return Finding(
        Support.PARTLY if orders.support is Support.SUPPORTED and not near else orders.support,
        f"nlp: {nlp['accuracy_cores']:.1f} cores with accuracy {nlp['accuracy_score']:.2f} and"
        f" {nlp['resource_cores']:.1f} cores with accuracy {nlp['resource_score']:.2f};"
        f" cost and accuracy fall from accuracy to resource priority in {orders.above} of {len(pairs)} cases",
        nlp | {"falling": orders.above},
    )


def _fall(points: pd.DataFrame) -> Order:
    """Return whether cost and accuracy fall from the first preference to the last and never rise between."""
    steps = points.diff().dropna()
    if (steps > EXACT).any(axis=None):
        return Order.BELOW
    return Order.ABOVE if (steps.sum() < -EXACT).all() else Order.TIED


@CHECKS.named("C15")
def settings_are_those_printed(evidence: Evidence) -> Finding:
    """Decide all points of the revision with the printed weights."""
    points = _points(evidence, REVISED)
    missed = points[~points["within_with_ties"]]
    shown = ", ".join(
        f"{row['pipeline']} {row['preference']} {row['cost_cores']:.2f} cores instead of"
        f" {row['published_cost_cores']:.2f}"
        for row in missed.to_dict("records")
    )
    return Finding(
        grade(missed.empty),
        f"the printed weights give {len(points) - len(missed)} of {len(points)} points"
        + (f"; not {shown}" if shown else ""),
        {
            "points": len(points) - len(missed),
            "misprinted_met": len(
                MISPRINTED - set(zip(missed["pipeline"], missed["preference"], strict=True))
            ),
        },
    )
