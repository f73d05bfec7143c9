"""Tables as they are printed and written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.errors import ResultsError
from ipa.figures.printing import format_table, save_table

TABLE = pd.DataFrame(
    {
        "pipeline": ["video", "video", "nlp"],
        "method": ["ipa", "rim", "ipa"],
        "cost": [2.345, -0.0001, np.nan],
        "runs": [1200, 5, 3],
        "within": [True, False, True],
        "empty": [None, None, None],
        "share": [np.inf, 0.5, -np.inf],
    }
)


def test_numbers_are_rounded_and_nothing_is_nan_or_negative_zero() -> None:
    assert format_table(TABLE).rows == (
        ("video", "ipa", "2.35", "1,200", "yes", "–", "∞"),
        ("video", "rim", "0.00", "5", "no", "–", "0.50"),
        ("nlp", "ipa", "–", "3", "yes", "–", "-∞"),
    )


def test_texts_stand_to_the_left_and_numbers_to_the_right() -> None:
    shown = format_table(TABLE)
    assert shown.left == (True, True, False, False, True, True, False)
    assert '<td align="left" style="text-align: left">ipa</td>' in shown._repr_html_()
    assert '<td align="right" style="text-align: right">2.35</td>' in shown._repr_html_()
    assert shown.to_markdown().splitlines()[1] == "| :-- | :-- | --: | --: | :-- | :-- | --: |"


def test_decimals_can_be_given_by_column() -> None:
    shown = format_table(TABLE[["cost", "share"]], {"cost": 3})
    assert shown.rows[0] == ("2.345", "∞")
    assert shown.rows[1] == ("0.000", "0.50")


def test_an_index_is_shown_once_per_group_and_an_unnamed_one_not_at_all() -> None:
    shown = format_table(TABLE.set_index(["pipeline", "method"])[["runs"]])
    assert shown.heads == (("pipeline", "method", "runs"),)
    assert shown.rows == (("video", "ipa", "1,200"), ("", "rim", "5"), ("nlp", "ipa", "3"))
    deeper = TABLE.assign(edition="corrected").set_index(["edition", "pipeline", "method"])[["runs"]]
    assert [row[:2] for row in format_table(deeper).rows] == [("corrected", "video"), ("", ""), ("", "nlp")]


def test_headers_in_two_rows_span_their_columns() -> None:
    table = TABLE[:2].pivot_table("cost", "pipeline", "method")
    shown = format_table(pd.concat({"cost": table, "again": table}, axis=1))
    assert shown.heads == (("", "cost", "cost", "again", "again"), ("pipeline", "ipa", "rim", "ipa", "rim"))
    assert shown._repr_html_().count('colspan="2"') == 2
    assert "| pipeline | cost ipa | cost rim | again ipa | again rim |" in shown.to_markdown()


def test_what_html_markdown_and_latex_take_for_their_own_is_escaped() -> None:
    shown = format_table(pd.DataFrame({"a & b (%)": ["<x> | y & z_1"]}))
    assert "&lt;x&gt; | y &amp; z_1" in shown._repr_html_()
    assert r"<x> \| y & z_1" in shown.to_markdown()
    assert r"a \& b (\%) \\" in shown.to_latex()
    assert r"<x> | y \& z\_1 \\" in shown.to_latex()


def test_a_table_without_rows_has_its_headers() -> None:
    assert format_table(TABLE[:0]).rows == ()
    assert "pipeline" in repr(format_table(TABLE[:0]))


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(), st.text(max_size=8))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES, st.floats()), max_size=6))
def test_any_table_is_printed_without_nan_or_negative_zero(rows: list[tuple[object, ...]]) -> None:
    shown = format_table(pd.DataFrame(rows, columns=["a", "b", "c"]))
    assert all(len(row) == 3 for row in shown.rows)
    assert not {"nan", "-0.00", "-0"} & {row[2] for row in shown.rows}
    assert shown._repr_html_().count("<td") == 3 * len(rows)


def test_a_table_is_written_whole_as_csv_markdown_and_latex(tmp_path: Path) -> None:
    files = save_table(TABLE[["method", "cost"]], tmp_path, "costs")
    assert [file.name for file in files] == ["costs.csv", "costs.md", "costs.tex"]
    assert pd.read_csv(files[0])["cost"][0] == 2.345
    assert files[1].read_text().splitlines()[2] == "| ipa | 2.35 |"
    assert r"\begin{tabular}{lr}" in files[2].read_text()


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "tables").write_text("in the way")
    with pytest.raises(ResultsError, match="table costs cannot be written to"):
        save_table(TABLE, tmp_path, "costs")
