"""PAS beside measured accuracy: on answers whose dependence is known, and on those that are stored."""

import numpy as np
import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.pipeline.load import load_pipeline
from ipa.studies import ocr_accuracy, pas_decisions, pas_truth
from ipa.studies.ocr_accuracy import combination_column, detection_column, recognition_column
from ipa.studies.pas_truth import Answers


def items(found: list[float], reads: list[int], right: list[int]) -> pd.DataFrame:
    """One detector and one recogniser."""
    return pd.DataFrame(
        {
            detection_column("d"): found,
            recognition_column("r"): reads,
            combination_column("d", "r"): right,
        }
    )


@pytest.fixture(scope="module")
def test_set() -> Answers:
    return Answers.of(ocr_accuracy.stored_items(ocr_accuracy.TEST_SEED))


@pytest.fixture(scope="module")
def decisions(test_set: Answers) -> pd.DataFrame:
    return pas_decisions.decision_table(test_set, rates_rps=[20.0, 100.0, 150.0], alphas=[10.0, 150.0])


def test_stages_that_err_together_make_the_pipeline_better_than_pas() -> None:
    answers = Answers.of(items([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], [1, 1, 0, 0]))
    (row,) = pas_truth.combination_table(answers).to_dict("records")
    assert row["pas"] == 0.25
    assert row["measured"] == 0.5
    assert row["dependence"] == 0.25
    assert row["rescue"] == 0.0


def test_a_pipeline_that_is_right_though_a_stage_is_wrong_is_rescued() -> None:
    answers = Answers.of(items([0.9, 0.9, 0.4, 0.4], [1, 0, 1, 0], [1, 0, 1, 0]))
    (row,) = pas_truth.combination_table(answers).to_dict("records")
    assert (row["pas"], row["dependence"], row["rescue"]) == (0.25, 0.0, 0.25)
    (dependence,) = pas_truth.dependence_table(answers).to_dict("records")
    assert dependence["right_after_right"] == dependence["right_after_wrong"] == 0.5
    assert dependence["correlation"] == pytest.approx(0)


def test_what_counts_as_found_can_be_asked_for() -> None:
    frame = items([0.9, 0.6], [1, 1], [1, 1])
    assert Answers.of(frame).pas[0, 0] == 1.0
    assert Answers.of(frame, enough_overlap=0.7).pas[0, 0] == 0.5


def test_answers_without_a_combination_are_refused() -> None:
    with pytest.raises(ResultsError, match=r"lack the column 'd \+ r'"):
        Answers.of(items([0.9], [1], [1]).drop(columns="d + r"))


def test_rank_correlation_takes_ties_and_rows() -> None:
    one, other = np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0])
    assert float(pas_truth.spearman(one, other)) == pytest.approx(0.9486832980505138)
    assert pas_truth.spearman(np.stack([one, other]), np.stack([one, -other])) == pytest.approx([1, -1])


def test_intervals_hold_what_they_are_of(test_set: Answers) -> None:
    table = pas_truth.combination_table(test_set)
    assert len(table) == 20
    assert ((table["low"] < table["measured"]) & (table["measured"] < table["high"])).all()
    assert (table["difference_low"] < table["difference"]).all()
    assert table["difference"].to_numpy() == pytest.approx((table["dependence"] + table["rescue"]).to_numpy())


def test_swapped_pairs_are_those_that_pas_and_truth_order_differently(test_set: Answers) -> None:
    table = pas_truth.combination_table(test_set)
    by_name = table.set_index(table["detector"] + " + " + table["recogniser"])
    swapped = pas_truth.swapped_pairs(test_set)
    for row in swapped.to_dict("records"):
        one, other = by_name.loc[row["pas_prefers"]], by_name.loc[row["truly_better"]]
        assert one["pas"] > other["pas"]
        assert one["measured"] < other["measured"]
    expected = sum(
        (a["pas"] > b["pas"]) and (a["measured"] < b["measured"])
        for _, a in table.iterrows()
        for _, b in table.iterrows()
    )
    assert len(swapped) == expected


def test_the_pipeline_file_holds_what_the_calibration_images_gave() -> None:
    answers = Answers.of(ocr_accuracy.stored_items(ocr_accuracy.CALIBRATION_SEED))
    pipeline = load_pipeline("ocr")
    for stage, names, bits in zip(
        pipeline.stages,
        (answers.detectors, answers.recognisers),
        (answers.detection, answers.recognition),
        strict=True,
    ):
        for name, accuracy in zip(names, bits.mean(axis=0), strict=True):
            assert stage.variant(name).accuracy == pytest.approx(accuracy, abs=5.1e-4)
    assert pipeline.measured_accuracy is not None
    for d, detector in enumerate(answers.detectors):
        for r, recogniser in enumerate(answers.recognisers):
            measured = pipeline.measured_accuracy.of([detector, recogniser])
            assert measured == pytest.approx(answers.truth[d, r], abs=5.1e-4)


def test_no_decision_is_worth_more_than_that_by_the_truth(decisions: pd.DataFrame) -> None:
    value = decisions.pivot_table(index=["rate_rps", "alpha"], columns="decided_by", values="value")
    assert len(value) == 6
    assert (value["truth"] >= value["pas"] - 1e-5).all()
    assert (value["truth"] >= value["measured"] - 1e-5).all()


def test_losses_are_counted_over_the_decisions(decisions: pd.DataFrame) -> None:
    losses = pas_decisions.loss_table(decisions).set_index("alpha")
    assert losses["decisions"].tolist() == [3, 3, 6]
    changed = pas_decisions.changed_decisions(decisions)
    assert losses.loc["all", "same_pct"] == pytest.approx(100 * (1 - len(changed) / 6))
    assert (changed["combination_by_pas"] != changed["combination_by_measured"]).all()


def test_missing_answers_are_named_with_the_command_that_makes_them(tmp_path: object) -> None:
    with pytest.raises(ResultsError, match="`ipa models measure` makes it anew"):
        ocr_accuracy.read_items(tmp_path / "items.csv")
