"""All claims in one table, and the runs they are checked against."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.experiments.grid import RunSet, run_grid
from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.run import run_folder
from ipa.paper import PAPER_PIPELINES, published_table
from ipa.report.claims import (
    CHECKS,
    CLAIMS_TABLE,
    Evidence,
    claim_runs,
    claims_table,
    evidence_runs,
    read_claims_table,
    stored,
    stored_comparison,
)
from ipa.report.claims import table as claims
from ipa.report.claims.claim import Kind, read_claims
from ipa.results.folder import DECISIONS, REQUESTS, SUMMARY, read_requests
from ipa.results.intervals import mean_interval

IDS = list(published_table("claims")["id"])
FROM_RUNS = [
    "C1",
    "C2",
    "C3",
    "C4",
    "C5",
    "C6",
    "C7",
    "C8",
    "C9",
    "C10",
    "C16",
    "C17",
    "C34",
    "C35",
    "V3",
    "V1",
]


@pytest.fixture(scope="module")
def without_runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return claims_table(Evidence(tmp_path_factory.mktemp("empty"), trace="synthetic")).set_index("claim")


def test_there_is_a_row_per_claim_in_the_published_order(without_runs: pd.DataFrame) -> None:
    assert list(without_runs.index) == IDS
    assert len(IDS) == len(set(IDS)) == 37


def test_the_table_that_the_notebook_writes_is_read_back_as_it_was(
    without_runs: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ResultsError, match=r"claims.csv cannot be read: .*run: ipa reproduce --only claims"):
        read_claims_table(tmp_path)
    made = without_runs.reset_index()
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figures = importlib.import_module("ipa.figures")
    figures.save_table(made, tmp_path, CLAIMS_TABLE)
    pd.testing.assert_frame_equal(read_claims_table(tmp_path), made)


def test_claims_without_their_runs_are_not_run_and_say_how(without_runs: pd.DataFrame) -> None:
    not_run = without_runs[without_runs["verdict"] == "not run"]
    assert list(not_run.index) == FROM_RUNS
    assert not_run["reproduced"].str.contains("was not run; run: ipa claims --run").all()


def test_claims_that_need_no_runs_have_a_verdict(without_runs: pd.DataFrame) -> None:
    checked = [claim for claim in CHECKS if claim not in FROM_RUNS]
    verdicts = set(without_runs.loc[checked, "verdict"])
    assert verdicts <= {"supported", "partly supported", "contradicted", "own measurement"}
    assert set(without_runs.loc[checked, "status"]) <= {"PASS", "DIFFERS AS DOCUMENTED"}


def test_what_tests_this_artifact_alone_never_agrees_with_the_paper(without_runs: pd.DataFrame) -> None:
    own = without_runs[without_runs["kind"] == "own"]
    assert list(own.index) == ["C11", "C12", "C20", "C28", "C33"]
    assert set(own["verdict"]) == {"own measurement"}
    assert set(own["agrees_with_published_data"]) == {"not comparable"}
    assert own["reproduced"].str.startswith("not comparable with the paper: ").all()


def test_what_no_check_covers_says_what_it_needs(without_runs: pd.DataFrame) -> None:
    rest = without_runs.drop(index=[claim for claim in CHECKS if claim in without_runs.index])
    assert set(rest["verdict"]) == {"not covered"}
    assert rest.loc["C13", "reproduced"] == "needs a live cluster"


def test_every_check_belongs_to_a_claim() -> None:
    assert set(CHECKS) <= set(IDS)
    live = {claim.id for claim in read_claims(published_table("claims")).values() if claim.kind is Kind.LIVE}
    assert set(IDS) - set(CHECKS) == live


def test_progress_is_told_after_each_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "CHECKS", {})
    seen: list[tuple[int, int, str]] = []
    claims_table(Evidence(tmp_path, trace="synthetic"), lambda *event: seen.append(event))
    assert seen == [(number, len(IDS), claim) for number, claim in enumerate(IDS, start=1)]


def test_evidence_reads_the_runs_of_a_grid(tmp_path: Path) -> None:
    specs = grid_specs(["corrected"], ["sum-qa"], methods=["fa2-low"], trace="synthetic")
    run_grid(specs, tmp_path, 1)
    evidence = Evidence(tmp_path, trace="synthetic", seeds=[0])
    costs = [
        evidence.value("corrected", "sum-qa", spec.workload, "fa2-low", "cost_mean_cores") for spec in specs
    ]
    mean = evidence.load_mean("corrected", "sum-qa", "fa2-low", "cost_mean_cores")
    assert mean == pytest.approx(sum(costs) / 4)
    assert len(evidence.decisions("corrected", "sum-qa", "bursty", "fa2-low")) == 121
    with pytest.raises(ResultsError, match=r"corrected-synthetic/sum-qa-bursty-ipa was not run"):
        evidence.summary("corrected", "sum-qa", "bursty", "ipa")


def test_evidence_averages_over_seeds_of_which_only_the_measures_are_kept(tmp_path: Path) -> None:
    first = grid_specs(["corrected"], ["sum-qa"], ["bursty"], ["fa2-low"], trace="synthetic")
    more = [replace(spec, seed=seed) for spec in first for seed in (1, 2)]
    report = RunSet(tuple(first), (more[0],), (more[1],)).run(tmp_path, jobs=1)
    assert (report.ran, report.reused) == (3, 0)
    cell = ("corrected", "sum-qa", "bursty", "fa2-low", "violation_share")
    alone = [Evidence(tmp_path, "synthetic", [seed]).value(*cell) for seed in range(3)]
    evidence = Evidence(tmp_path, "synthetic", range(3))
    assert len(set(alone)) > 1
    assert evidence.interval(*cell) == mean_interval(alone)
    assert evidence.value(*cell) == pytest.approx(sum(alone) / 3)
    kept = [
        [(run_folder(tmp_path, spec) / name).exists() for name in (REQUESTS, DECISIONS, SUMMARY)]
        for spec in (*first, *more)
    ]
    assert kept == [[True, True, True], [False, True, True], [False, False, True]]
    with pytest.raises(ResultsError, match="seed=2"):
        Evidence(tmp_path, "synthetic", [2]).decisions(*cell[:4])
    with pytest.raises(ResultsError, match=r"seed=3 was not run; run: ipa claims --run"):
        Evidence(tmp_path, "synthetic", range(4)).value(*cell)


def test_methods_share_the_arrivals_of_a_seed(tmp_path: Path) -> None:
    specs = grid_specs(["corrected"], ["sum-qa"], ["bursty"], ["ipa", "rim"], trace="synthetic", seed=2)
    run_grid(specs, tmp_path, 1)
    arrivals = [read_requests(run_folder(tmp_path, spec))["arrival_s"] for spec in specs]
    assert arrivals[0].equals(arrivals[1])


def test_the_runs_behind_the_claims_are_those_that_evidence_asks_for() -> None:
    runs = claim_runs("synthetic", seed=3, seeds=2)
    assert len(runs.whole) == 2 * 20
    assert len(runs.brief) + len(runs.measured) == 3 * 80 + 2 * 80
    assert len(runs.brief) == 3 * 80 + 5
    evidence = Evidence(Path("nowhere"), "synthetic", [3, 4])
    asked = {
        spec
        for one in evidence.each_seed
        for edition in ("as-published", "as-published-v1")
        for spec in one.specs(edition).values()
    }
    assert asked <= {*runs.whole, *runs.brief, *runs.measured}
    fewest = evidence_runs("synthetic", seed=3, seeds=2)
    assert asked == {*fewest.brief, *fewest.measured}
    assert set(fewest.whole) <= set(runs.whole)


def test_verdicts_are_stored_by_load_and_shown_beside_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "stored_results_dir", lambda: tmp_path)
    monkeypatch.setattr(claims, "CHECKS", {"C21": CHECKS["C21"]})
    evidence = Evidence(tmp_path, trace="synthetic", seeds=[0, 1])
    table = claims_table(evidence)
    assert set(table["on_synthetic"]) == {""}
    stored.store_claims(table.assign(verdict="contradicted"), "real", [0, 1])
    stored.store_claims(table, "synthetic", [0, 1])
    stored.store_claims(table, "synthetic", [0, 1])
    assert len(stored.stored_claims()) == 2 * len(IDS)
    shown = claims_table(evidence).set_index("claim").loc["C21"]
    assert (shown["on_synthetic"], shown["on_real"]) == ("supported · PASS", "contradicted · PASS")
    assert shown["status"] == "PASS"
    stored.store_claims(table.assign(verdict="contradicted"), "synthetic", [0, 1])
    assert claims_table(evidence).set_index("claim").loc["C21", "status"] == "FAIL"
    anew = claims_table(evidence, against_stored=False).set_index("claim")
    assert anew.loc["C21", "status"] == "PASS"
    others = Evidence(tmp_path, trace="synthetic", seeds=[5, 6])
    assert claims_table(others).set_index("claim").loc["C21", "status"] == "PASS"


def test_the_stored_comparison_has_all_published_runs() -> None:
    frame = stored_comparison()
    assert len(frame) == 160
    assert set(frame["pipeline"]) == set(PAPER_PIPELINES)
    assert frame["within"].dtype == bool


def test_a_missing_comparison_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "stored_comparison_file", lambda: tmp_path / "comparison.csv")
    with pytest.raises(ResultsError, match=r"comparison\.csv cannot be read.*run: ipa"):
        stored_comparison()


@pytest.mark.trace
def test_with_the_published_runs_no_claim_is_left_out(published_runs: Path) -> None:
    claim_runs("real", seeds=2).run(published_runs, jobs=2)
    table = claims_table(Evidence(published_runs, trace="real", seeds=range(2))).set_index("claim")
    assert set(table["status"]) == {"PASS", "DIFFERS AS DOCUMENTED", "NOT COVERED"}
    differing = table.index[table["status"] == "DIFFERS AS DOCUMENTED"]
    assert list(differing) == ["C8", "C16", "C17", "C18", "C28"]
