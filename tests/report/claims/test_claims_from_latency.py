"""Claims about the latency, on figures made by hand."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ipa.paper import PAPER_METHODS, PAPER_PIPELINES
from ipa.report.claims import CHECKS, Evidence, Support, from_latency
from ipa.report.claims.judge import Status, judge

EVIDENCE = Evidence(Path("nowhere"), trace="synthetic")


SCATTER_S = (-0.001, 0.0, 0.001)
"""What the medians of three seeds differ by."""


def check(monkeypatch: pytest.MonkeyPatch, claim: str, change: Any = lambda _: None) -> Any:
    """Check a claim on figures that equal the published ones but for a change."""
    published = from_latency.published_latencies()
    cells = {key: dict(row) for key, row in published.items()}
    change(cells)
    ours = {
        key: {name: [value + scatter for scatter in SCATTER_S] for name, value in row.items()}
        for key, row in cells.items()
    }
    monkeypatch.setattr(from_latency, "latencies", lambda _evidence: ours)
    finding = CHECKS[claim](EVIDENCE)
    return finding, judge(EVIDENCE.claim(claim), finding)


def equal(method: str = "fa2-low") -> Any:
    def change(cells: pd.DataFrame) -> None:
        for pipeline in PAPER_PIPELINES:
            cells[pipeline, method].update(cells[pipeline, "ipa"])

    return change


def test_the_published_curves_agree_with_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    for claim in ("C16", "C17"):
        finding, status = check(monkeypatch, claim)
        assert status is Status.PASSED
        assert finding.found == pytest.approx(dict(EVIDENCE.claim(claim).expected), abs=1e-6)


def test_c16_is_partly_supported_by_the_published_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = check(monkeypatch, "C16")
    assert found.support is Support.PARTLY
    assert "audio-qa 0.92" in found.reproduced


def test_c16_is_supported_where_both_are_alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    found, status = check(monkeypatch, "C16", equal())
    assert found.support is Support.SUPPORTED
    assert status is Status.DIFFERS


def medians(**values: float) -> Any:
    def change(cells: pd.DataFrame) -> None:
        for pipeline in PAPER_PIPELINES:
            for method in PAPER_METHODS:
                cells[pipeline, method]["p50_s"] = values.get(method.replace("-", "_"), 1.0)

    return change


def test_c16_is_contradicted_where_ipa_is_much_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    found, status = check(monkeypatch, "C16", medians(ipa=9.0, fa2_low=1.0))
    assert (found.support, status) == (Support.CONTRADICTED, Status.FAILED)


def test_c17_is_partly_supported_by_the_published_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = check(monkeypatch, "C17")
    assert found.support is Support.PARTLY
    assert "video 0.82/4.79" in found.reproduced


@pytest.mark.parametrize(
    ("values", "support"),
    [
        ({"rim": 0.5, "fa2_low": 1.5, "fa2_high": 1.5}, Support.SUPPORTED),
        ({"rim": 0.5}, Support.PARTLY),
        ({}, Support.NO_EFFECT),
        ({"rim": 1.2}, Support.CONTRADICTED),
        ({"rim": 0.5, "fa2_low": 0.8, "fa2_high": 0.8}, Support.CONTRADICTED),
    ],
)
def test_c17_asks_for_rim_alone_to_be_faster_and_ties_count_for_nothing(
    monkeypatch: pytest.MonkeyPatch, values: Any, support: Support
) -> None:
    assert check(monkeypatch, "C17", medians(**values))[0].support is support


def test_c17_fails_where_rim_is_never_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch, "C17", medians(rim=1.2))[1] is Status.FAILED


def test_the_runs_are_every_pipeline_and_method_with_five_seeds() -> None:
    specs = from_latency.latency_specs("synthetic", seed=2)
    assert len(set(specs)) == len(PAPER_PIPELINES) * len(PAPER_METHODS) * 5
    assert {spec.seed for spec in specs} == {2, 3, 4, 5, 6}
    assert {(spec.workload, spec.arrivals) for spec in specs} == {("steady-high", "paper-burst")}
