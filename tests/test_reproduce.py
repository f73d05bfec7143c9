"""Which runs the targets of ``ipa reproduce`` need."""

from ipa.claims import claim_runs
from ipa.reproduce import TARGETS, required_runs


def test_a_figure_needs_the_runs_of_its_pipeline_in_both_editions() -> None:
    runs = required_runs([TARGETS["figure-9"]], "synthetic", seed=0, seeds=5)
    assert {spec.pipeline for spec in runs.brief} == {"audio-qa"}
    assert len(runs.brief) == 2 * 16
    assert runs.whole == ()


def test_runs_that_several_targets_read_are_run_once() -> None:
    claims = claim_runs("synthetic", seed=1, seeds=3)
    runs = required_runs(list(map(TARGETS.__getitem__, TARGETS)), "synthetic", seed=1, seeds=3)
    assert set(runs.brief) == set(claims.brief)
    assert len(set(runs.brief)) == len(runs.brief)
    assert runs.whole == claims.whole


def test_notebooks_that_average_over_seeds_are_told_how_many() -> None:
    assert [name for name in TARGETS if TARGETS[name].repeated] == ["figure-15", "claims"]
