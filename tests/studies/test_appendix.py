"""Tables 6 to 14."""

import pytest

from ipa.errors import UnknownNameError
from ipa.figures.printing import format_table
from ipa.studies.appendix import TASKS, all_variants, table6, variants_of


def test_table_6_adds_up_and_its_slas_are_far_above_the_rule_of_the_text() -> None:
    table = table6()
    assert len(table) == 5 + 11
    whole = table.xs("whole", level="stage")
    assert list(whole["printed (s)"]) == [6.89, 9.23, 9.42, 3.84, 17.61]
    stages = table.drop("whole", level="stage")["5 × mean latency (s)"].groupby("pipeline").sum()
    assert stages.to_dict() == pytest.approx(whole["5 × mean latency (s)"].to_dict())
    assert (whole["printed (s)"] / whole["5 × mean latency (s)"]).min() > 2
    assert whole.loc["video", "used in decisions (s)"] == pytest.approx(4.598, abs=1e-3)


def test_every_printed_variant_stands_in_the_table_of_its_task() -> None:
    assert [len(variants_of(task)) for task in TASKS] == [5, 5, 5, 4, 6, 4, 1, 2]
    assert len(all_variants()) == 32
    detectors = variants_of("object-detection").set_index("variant")
    assert list(detectors["accuracy (%)"]) == pytest.approx([45.7, 56.8, 64.1, 67.3, 68.9])
    assert detectors.loc["yolov5x", "printed cores"] == 8


def test_cores_of_the_runs_stand_beside_the_printed_ones() -> None:
    translators = variants_of("translation").set_index("variant")
    assert translators.loc["opus-mt-fr-en", "cores in the runs"] == "4, 8"
    assert translators.loc["opus-mt-tc-big-fr-en", "printed cores"] == 8


def test_the_tables_print_without_nan() -> None:
    text = repr(format_table(all_variants())) + repr(format_table(table6()))
    assert "nan" not in text.lower()
    assert "roberta-base-squad2" in text


def test_an_unknown_task_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="object-detection"):
        variants_of("walking")
