"""What is cited is shipped, and what is shipped is used."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ipa.paper import PAPER_PIPELINES, published_table
from ipa.paths import data_dir
from ipa.pipeline.load import load_pipeline
from ipa.report.claims.claim import read_claims
from ipa.studies.comparison import ACCURACY_TOLERANCE_PCT, COST_TOLERANCE_PCT

REPOSITORY = Path(__file__).parents[3]
PAPER = data_dir() / "paper"
SOURCES = sorted(
    file
    for pattern in (
        "README.md",
        "Makefile",
        "data/**/*.md",
        "data/**/*.yaml",
        "ipa/**/*.py",
        "notebooks/*.ipynb",
    )
    for file in REPOSITORY.glob(pattern)
)
TESTS = sorted((REPOSITORY / "tests").rglob("*.py"))
CITED = re.compile(r"(?<![\w./-])((?:data|results/stored)/[\w./-]+\.(?:md|csv|json|yaml|npz|txt))")
BY_NAME = re.compile(r"(?<![\w./{-])([a-z]\w*\.csv)\b")


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_file_that_is_cited_is_there(source: Path) -> None:
    cited = CITED.findall(source.read_text())
    assert [name for name in cited if not (REPOSITORY / name).exists()] == []


def test_there_are_citations_to_follow() -> None:
    cited = {name for source in SOURCES for name in CITED.findall(source.read_text())}
    assert {"data/paper/README.md", "data/paper/claims.csv"} <= cited
    assert not [source for source in SOURCES if re.search(r"(?<!data/)paper/README", source.read_text())]


def test_the_evidence_of_every_claim_is_shipped() -> None:
    table = published_table("claims")
    cited = [name for cell in table["evidence_files"] if cell for name in cell.split("; ")]
    assert cited
    assert [name for name in cited if not (PAPER / name).is_file()] == []
    prose = " ".join(table[["evidence", "tolerance_source", "differs"]].to_numpy().ravel())
    assert [name for name in BY_NAME.findall(prose) if not (PAPER / name).is_file()] == []


def test_the_readme_of_the_tables_names_all_of_them_and_no_other() -> None:
    named = set(BY_NAME.findall((PAPER / "README.md").read_text()))
    assert named == {file.name for file in PAPER.glob("*.csv")}


def test_every_published_table_is_read_by_something() -> None:
    code = "".join(source.read_text() for source in [*SOURCES, *TESTS] if source.suffix != ".md")
    unused = [
        file.stem
        for file in PAPER.glob("*.csv")
        if not re.search(rf"""(table|numbers|read)\(\\?["']{file.stem}\\?["']\)""", code)
        and f"paper/{file.name}" not in code
        and f'"{file.name}"' not in code
    ]
    assert unused == []


def test_the_pipelines_hold_the_published_slas_and_accuracies() -> None:
    stages = {
        (name, position): stage
        for name in PAPER_PIPELINES
        for position, stage in enumerate(load_pipeline(name).stages, start=1)
    }
    published = {
        (str(row.pipeline), int(str(row.stage_index))): (row.stage, float(str(row.sla_paper_s)))
        for row in published_table("pipelines").itertuples()
    }
    assert {key: (stage.name, stage.sla_s) for key, stage in stages.items()} == published
    accuracies = {
        (row.stage, row.variant): float(str(row.accuracy))
        for row in published_table("variants").itertuples()
        if row.accuracy
    }
    ours = {
        (stage.name, variant.name): variant.accuracy
        for stage in stages.values()
        for variant in stage.variants
    }
    assert ours.items() <= accuracies.items()


# The scatter of the published data, from which data/paper/README.md derives the tolerances.


def root_mean_square(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(values, dtype=float)))))


def numbers(name: str) -> pd.DataFrame:
    return pd.read_csv(PAPER / f"{name}.csv")


def test_the_reruns_scatter_as_documented() -> None:
    reruns = numbers("reruns")
    cost_pct = reruns["cost_difference_pct"].abs()
    assert (round(cost_pct.max(), 1), (cost_pct <= COST_TOLERANCE_PCT).sum(), len(cost_pct)) == (10.0, 30, 32)
    relative = (reruns["accuracy_difference"] / reruns["published_accuracy"]).fillna(0).abs() * 100
    assert (relative <= ACCURACY_TOLERANCE_PCT).sum() == 29
    assert round(relative[reruns["edition"] == "v3"].max(), 1) == 1.3
    choosing = reruns[(reruns["edition"] == "v1") & reruns["method"].isin(["ipa", "rim"])]
    assert root_mean_square(choosing["accuracy_difference"]) == pytest.approx(0.040, abs=0.0005)
    cells = reruns.set_index(["edition", "workload", "method"]).unstack()  # noqa: PD010 (nothing to aggregate)
    ours, theirs = (cells[c]["ipa"] / cells[c]["fa2-low"] for c in ("avg_cost_cores", "published_cost_cores"))
    assert (ours - theirs).abs().max() == pytest.approx(0.047, abs=0.0005)


def test_the_loads_of_the_runs_scatter_as_documented() -> None:
    results = numbers("results")
    gaps_pct = (
        results["mean_arrival_rate_recovered_rps"] / results["mean_arrival_rate_consensus_rps"] * 100 - 100
    )
    assert gaps_pct.abs().quantile(0.95) == pytest.approx(10.5, abs=0.05)


def test_violations_and_latencies_of_the_same_variants_scatter_as_documented() -> None:
    results = numbers("results")
    fixed = results[(results["workload"] == "bursty") & results["method"].isin(["fa2-low", "fa2-high"])]
    shares = fixed.pivot_table("sla_violation_pct_of_seconds", ["pipeline", "method"], "edition")
    assert len(shares) == 10
    assert root_mean_square(shares["v3"] - shares["v1"]) == pytest.approx(2.25, abs=0.005)
    curves = (
        numbers("fig15_latency_quantiles").query("method == 'fa2-low'").set_index(["edition", "pipeline"])
    )
    v1, v3 = curves.loc["v1"], curves.loc["v3"]
    assert root_mean_square(v3["cdf_at_sla"] - v1["cdf_at_sla"]) == pytest.approx(0.029, abs=0.0005)
    assert root_mean_square(np.log(v3["p50_s"] / v1["p50_s"])) == pytest.approx(0.19, abs=0.005)


def test_profiles_measured_twice_scatter_as_documented() -> None:
    profiles = numbers("profiles").query("kind == 'measured'").dropna(subset="latency_p99_s")
    point = ["stage", "variant", "cores", "batch", "offered_load_rps"]
    groups = profiles.groupby(point)["latency_p99_s"].agg(["size", "min", "max"]).query("size > 1")
    assert len(groups) == 17
    assert root_mean_square(np.log(groups["max"] / groups["min"])) == pytest.approx(0.082, abs=0.0005)


def test_the_limits_of_the_comparison_are_those_of_the_claims() -> None:
    claims = read_claims(published_table("claims"))
    for claim in ("V3", "V1"):
        limits = claims[claim].claimed
        assert limits == {"cost_pct": COST_TOLERANCE_PCT, "accuracy_pct": ACCURACY_TOLERANCE_PCT}
