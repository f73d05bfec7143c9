"""Claims about the weights α and β (figure 14), decided again over the bursty workload."""

import pandas as pd

from ipa.claims.check import CHECKS, Finding, graded
from ipa.claims.evidence import Evidence
from ipa.preferences import PREFERENCES, WORKLOAD, preference_settings, preference_table
from ipa.published import ACCURACY_TOLERANCE_PCT, COST_TOLERANCE_PCT, deviation_pct
from ipa.workload import load_workload

REVISED, FIRST = "as-published", "as-published-v1"

ABOUT_PCT = 15.0
"""How far "about 100 cores" may reach."""

NLP_TEXT = {"accuracy": (100.0, 2.5), "resource": (46.0, 1.0)}
"""Cost and accuracy of nlp that the text of the first submission names."""

MISPRINTED = {("video", "balance"), ("nlp", "balance")}
"""Points of the revision that do not belong to the printed weights (paper/README.md, trap 12)."""


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
    falling = sum(
        bool(
            (values.loc[[(*pair, preference) for preference in ordered]].diff().dropna() <= 0).all(axis=None)
        )
        for pair in pairs
    )
    nlp = {
        str(row["preference"]): (row["cost_cores"], row["accuracy"])
        for row in points.to_dict("records")
        if (row["edition"], row["pipeline"]) == (FIRST, "nlp") and row["preference"] in NLP_TEXT
    }
    near = all(
        abs(deviation_pct(ours, text)) <= ABOUT_PCT
        for name, texts in NLP_TEXT.items()
        for ours, text in zip(nlp[name], texts, strict=True)
    )
    shown = " and ".join(f"{cost:.1f} cores with accuracy {accuracy:.2f}" for cost, accuracy in nlp.values())
    return Finding(
        graded(near and falling == len(pairs), partly=near or falling == len(pairs)),
        f"nlp: {shown}; cost and accuracy fall from accuracy to resource priority in {falling} of"
        f" {len(pairs)} cases",
        agrees=falling == len(pairs) and _nlp_agrees(points),
    )


def _nlp_agrees(points: pd.DataFrame) -> bool:
    nlp = points[(points["edition"] == FIRST) & (points["pipeline"] == "nlp")]
    cost, accuracy = nlp["cost_deviation_pct"].abs(), nlp["accuracy_deviation_pct"].abs()
    return bool((cost <= COST_TOLERANCE_PCT).all() and (accuracy <= ACCURACY_TOLERANCE_PCT).all())


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
        graded(missed.empty, partly=False),
        f"the printed weights give {len(points) - len(missed)} of {len(points)} points"
        + (f"; not {shown}" if shown else ""),
        agrees=set(zip(missed["pipeline"], missed["preference"], strict=True)) == MISPRINTED,
    )
