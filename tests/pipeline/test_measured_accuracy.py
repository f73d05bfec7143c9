"""Measured accuracies: in the file, in a table, complete, and bound to the metric."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from ipa.errors import ConfigError, InvalidValueError, UnknownNameError
from ipa.limits import COMBINATIONS
from ipa.pipeline.accuracy import MEASURED, METRICS, find_metric
from ipa.pipeline.load import load_pipeline, pipeline_inputs
from ipa.pipeline.measured_accuracy import Combination, MeasuredAccuracy
from ipa.pipeline.plan import Plan, StagePlan
from tests.support.measured_pipeline import STAGES, measured_pipeline
from tests.support.toys import pipeline

ROWS = {("small", "fast"): 0.48, ("small", "exact"): 0.63, ("large", "fast"): 0.0, ("large", "exact"): 1.0}
INLINE = "measured_accuracy:\n" + "".join(
    f"  - {{variants: [{', '.join(variants)}], accuracy: {accuracy}}}\n"
    for variants, accuracy in ROWS.items()
)
TABLE = "accuracy,read,detect,low\n" + "".join(f"{a},{v[1]},{v[0]},0.1\n" for v, a in ROWS.items())


def written(folder: Path, key: str, table: str = "", stages: str = STAGES) -> Path:
    (folder / "accuracy.csv").write_text(table, encoding="utf-8")
    return measured_pipeline(folder, key, stages)


@pytest.mark.parametrize("key", [INLINE, "measured_accuracy: {file: accuracy.csv}"])
def test_accuracies_come_from_a_list_or_a_table_whose_columns_are_named(tmp_path: Path, key: str) -> None:
    chosen = load_pipeline(written(tmp_path, key, TABLE))
    assert chosen.measured_accuracy is not None
    assert {variants: chosen.measured_accuracy.of(variants) for variants in ROWS} == ROWS


def test_the_table_is_one_of_the_files_that_a_pipeline_is_read_from(tmp_path: Path) -> None:
    file = written(tmp_path, "measured_accuracy: {file: accuracy.csv}", TABLE)
    assert tmp_path / "accuracy.csv" in pipeline_inputs(file)
    before = load_pipeline(file)
    (tmp_path / "accuracy.csv").write_text(TABLE.replace("0.63", "0.64"), encoding="utf-8")
    after = load_pipeline(file)
    assert before.measured_accuracy is not None
    assert after.measured_accuracy is not None
    assert (
        before.measured_accuracy.of(("small", "exact")),
        after.measured_accuracy.of(("small", "exact")),
    ) == (
        0.63,
        0.64,
    )


def test_a_list_follows_the_order_of_the_file_where_the_stages_of_a_graph_do_not(tmp_path: Path) -> None:
    head, _, detect = STAGES.partition("  - name: detect")
    detect, _, read = detect.partition("  - name: read")
    turned = f"{head}  - name: read\n    after: detect{read}  - name: detect{detect}"
    rows = "".join(
        f"  - {{variants: [{v[1]}, {v[0]}], accuracy: {accuracy}}}\n" for v, accuracy in ROWS.items()
    )
    chosen = load_pipeline(written(tmp_path, "measured_accuracy:\n" + rows, stages=turned))
    assert [stage.name for stage in chosen.stages] == ["detect", "read"]
    assert chosen.measured_accuracy is not None
    assert dict(chosen.measured_accuracy.combinations) == ROWS


@pytest.mark.parametrize(
    ("key", "table", "message"),
    [
        ("measured_accuracy: {}", "", "takes either the key file, or a list"),
        ("measured_accuracy: 5", "", "measured_accuracy: must be a mapping, got 5"),
        (
            "measured_accuracy: [{variants: [small], accuracy: 0.5}]",
            "",
            r"\[0\].variants: must name one variant",
        ),
        (
            "measured_accuracy: [{variants: [small, fast], accuracy: 1.5}]",
            "",
            r"measured_accuracy\[0\].accuracy: must lie between 0 and 1, got 1.5",
        ),
        (
            "measured_accuracy: [{variants: [small, fast], acuracy: 0.5}]",
            "",
            "unknown key; allowed: variants, accuracy",
        ),
        (
            "measured_accuracy: [{variants: [small, fst], accuracy: 0.5}]",
            "",
            "stage read has no variant 'fst'; it has: fast, exact",
        ),
        (
            "measured_accuracy: [{variants: [small, fast], accuracy: 0.5}]",
            "",
            r"lacks 3 of the 4 combinations of enabled variants: small \+ exact, large \+ fast, large",
        ),
        (INLINE + "  - {variants: [small, fast], accuracy: 0.5}", "", r"small \+ fast is measured twice"),
        ("measured_accuracy: {file: none.csv}", "", "none.csv"),
        ("measured_accuracy: {file: accuracy.csv}", "", "lacks the columns detect, read, accuracy"),
        (
            "measured_accuracy: {file: accuracy.csv}",
            "detect,read,read,accuracy\n",
            "names the column 'read' twice",
        ),
        (
            "measured_accuracy: {file: accuracy.csv}",
            "detect,read,accuracy\nsmall,fast\n",
            "line 2: must have 3 fields, has 2",
        ),
        (
            "measured_accuracy: {file: accuracy.csv}",
            "detect,read,accuracy\nsmall,fast,0_1\n",
            "line 2, accuracy: must lie between 0 and 1, not '0_1'",
        ),
        (
            "measured_accuracy: {file: accuracy.csv}",
            "detect,read,accuracy\nsmall,fast,nan\n",
            "line 2, accuracy: must lie between 0 and 1, not 'nan'",
        ),
        (
            "measured_accuracy: {file: accuracy.csv}",
            "detect,read,accuracy\nsmall,fst,0.1\n",
            "accuracy.csv: .*stage read has no variant 'fst'",
        ),
        ("measured_accuracy: {file: accuracy.csv}", "detect,read,accuracy\n", "accuracy.csv: .*combinations"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(tmp_path: Path, key: str, table: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_pipeline(written(tmp_path, key, table))


def test_a_stage_called_accuracy_cannot_be_told_from_the_accuracy(tmp_path: Path) -> None:
    stages = STAGES.replace(
        "name: read\n    profile: {file", "name: accuracy\n    profile: {stage: read, file"
    )
    with pytest.raises(ConfigError, match="cannot tell the stage 'accuracy' from the accuracy"):
        load_pipeline(written(tmp_path, "measured_accuracy: {file: accuracy.csv}", TABLE, stages))


def test_a_variant_that_is_disabled_needs_no_accuracy(tmp_path: Path) -> None:
    stages = STAGES.replace("base_cores: 4", "base_cores: 4, enabled: false")
    rows = "measured_accuracy:\n" + "".join(INLINE.splitlines(keepends=True)[1:3])
    chosen = load_pipeline(written(tmp_path, rows, stages=stages))
    assert chosen.measured_accuracy is not None
    assert len(chosen.measured_accuracy.combinations) == 2


def test_no_more_combinations_are_taken_than_are_allowed() -> None:
    rows = tuple(Combination((str(number),), 0.5) for number in range(int(COMBINATIONS.high) + 1))
    with pytest.raises(InvalidValueError, match="between 1 and 100,000 combinations"):
        MeasuredAccuracy(rows)


def test_the_metric_measures_plans_of_a_pipeline_that_has_accuracies() -> None:
    toy = pipeline(1)
    measured = MeasuredAccuracy((Combination(("light",), 0.3), Combination(("heavy",), 0.7)))
    plan = Plan((StagePlan("stage-1", "heavy", 1, 1, 2),))
    assert plan.measured_accuracy(toy) is None
    assert plan.measured_accuracy(replace(toy, measured_accuracy=measured)) == 0.7
    assert plan.accuracy(replace(toy, measured_accuracy=measured)) == 0.8
    with pytest.raises(InvalidValueError, match=r"pipeline toy has no measured accuracies.*or use another"):
        plan.accuracy(toy, MEASURED)
    with pytest.raises(InvalidValueError, match="goes by the variants of all stages"):
        MEASURED.total([0.5])


def test_a_metric_is_found_by_name() -> None:
    assert [find_metric(name) for name in ("pas", "measured")] == [METRICS["pas"], MEASURED]
    with pytest.raises(UnknownNameError, match="allowed: pas, rank-sum, rank-product, mean, measured"):
        find_metric("masured")


def test_all_combinations_are_listed_with_the_last_stage_fastest_and_survive_the_way_to_a_worker() -> None:
    measured = MeasuredAccuracy(tuple(Combination(*row) for row in ROWS.items()))
    names = [["large", "small"], ["fast", "exact"]]
    assert measured.of_all(names).tolist() == [0.0, 1.0, 0.48, 0.63]
    assert measured.of_all(names) is measured.of_all(names)
    assert pickle.loads(pickle.dumps(measured)).of_all([["small"], ["exact"]]).tolist() == [0.63]  # noqa: S301
    for number in range(20):
        assert measured.of_all([["small"] * (number + 1), ["exact"]]).tolist() == [0.63] * (number + 1)
    with pytest.raises(InvalidValueError, match="no accuracy was measured for small"):
        measured.of_all([["small"], ["slow"]])
