"""Claims about the latency, on figures made by hand."""

from pathlib import Path

import pytest

from ipa.claims import CHECKS, Evidence, Support, from_latency
from ipa.experiments import METHODS, PIPELINES

EVIDENCE = Evidence(Path("nowhere"), trace="synthetic")


def check(monkeypatch: pytest.MonkeyPatch, claim: str, change=lambda _: None, theirs=lambda _: None):
    """Check a claim on figures that equal the published ones but for a change."""
    published = {key: dict(row) for key, row in from_latency.published_latencies().items()}
    ours = {
        key: row | {"cdf_at_sla_interval": 0.001, "p50_s_interval": 0.01} for key, row in published.items()
    }
    change(ours)
    theirs(published)
    monkeypatch.setattr(from_latency, "latencies", lambda _evidence: ours)
    monkeypatch.setattr(from_latency, "published_latencies", lambda: published)
    return CHECKS[claim](EVIDENCE)


def equal(method: str = "fa2-low"):
    def change(cells) -> None:
        for pipeline in PIPELINES:
            cells[pipeline, method].update(cells[pipeline, "ipa"])

    return change


def test_the_published_curves_agree_with_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    for claim in ("C16", "C17"):
        assert check(monkeypatch, claim).agrees


def test_c16_is_partly_supported_by_the_published_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(monkeypatch, "C16")
    assert found.support is Support.PARTLY
    assert "audio-qa 0.927/0.987" in found.reproduced


def test_c16_is_supported_where_both_are_alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(monkeypatch, "C16", equal())
    assert found.support is Support.SUPPORTED
    assert not found.agrees
    assert "in 3 of 5 pipelines" in found.reproduced


def test_c16_is_contradicted_where_ipa_is_much_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(cells) -> None:
        for pipeline in PIPELINES:
            cells[pipeline, "ipa"]["p50_s"] = 2 * cells[pipeline, "fa2-low"]["p50_s"]

    assert check(monkeypatch, "C16", slow).support is Support.CONTRADICTED


def test_c17_is_partly_supported_by_the_published_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(monkeypatch, "C17")
    assert found.support is Support.PARTLY
    assert "video 0.82/4.79" in found.reproduced


def medians(**values: float):
    def change(cells) -> None:
        for pipeline in PIPELINES:
            for method in METHODS:
                cells[pipeline, method]["p50_s"] = values.get(method.replace("-", "_"), 1.0)

    return change


@pytest.mark.parametrize(
    ("values", "support"),
    [
        ({"rim": 0.5}, Support.SUPPORTED),
        ({"rim": 1.04}, Support.SUPPORTED),
        ({"rim": 1.2}, Support.CONTRADICTED),
        ({"rim": 0.5, "fa2_low": 0.8}, Support.CONTRADICTED),
    ],
)
def test_c17_asks_for_rim_alone_to_be_faster(monkeypatch, values, support) -> None:
    assert check(monkeypatch, "C17", medians(**values)).support is support


def test_c17_compares_the_order_of_rim_and_ipa(monkeypatch: pytest.MonkeyPatch) -> None:
    both = medians(rim=0.5)
    assert check(monkeypatch, "C17", both, both).agrees
    assert not check(monkeypatch, "C17", both, medians(rim=2.0)).agrees


def test_the_runs_are_every_pipeline_and_method_with_five_seeds() -> None:
    specs = from_latency.latency_specs("synthetic", seed=2)
    assert len(set(specs)) == len(PIPELINES) * len(METHODS) * 5
    assert {spec.seed for spec in specs} == {2, 3, 4, 5, 6}
    assert {(spec.workload, spec.arrivals) for spec in specs} == {("steady-high", "paper-burst")}
