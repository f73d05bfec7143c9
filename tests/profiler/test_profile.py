"""Profiling a pipeline: what is measured, kept, resumed and written."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipa.errors import InvalidValueError, IpaError, ResultsError, UnknownNameError
from ipa.pipeline.load import load_pipeline, pipeline_config
from ipa.pipeline.profile_table import read_profile_table
from ipa.profiler.precision import StoppingRule
from ipa.profiler.profile import ProfileReport, profile_pipeline
from ipa.profiler.table import read_points, write_points
from ipa.profiler.target import Target, Wanted, targets_of
from tests.support.toy_replicas import ToyHost, opened, write_toy_pipeline

FAST = StoppingRule(precision=0.5, budget_s=0.02)


class Profiling:
    """Calls the profiler on a toy pipeline in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.pipeline = write_toy_pipeline(folder)
        self.told: list[tuple[int, int | None, str]] = []

    def __call__(
        self,
        host: ToyHost | None = None,
        *,
        force: bool = False,
        redo_disturbed: bool = False,
        **wanted: Any,
    ) -> ProfileReport:
        settings = {"source": "random", "batches": (1, 2), "rule": FAST} | wanted
        return profile_pipeline(
            Wanted(self.pipeline, **settings),
            opened(host or ToyHost()),
            self.out,
            self.tell,
            force=force,
            redo_disturbed=redo_disturbed,
        )

    def tell(self, done: int, total: int | None, at: str) -> None:
        self.told.append((done, total, at))


@pytest.fixture
def profiling(tmp_path: Path) -> Profiling:
    return Profiling(tmp_path)


def test_every_variant_is_measured_on_a_replica_of_its_own_and_all_are_stopped(profiling: Profiling) -> None:
    host = ToyHost()
    report = profiling(host)
    assert host.started == [
        "find/light on 1 cores", "find/heavy on 1 cores", "read/only on 1 cores",
    ]  # fmt: skip
    assert host.stopped == host.started
    assert len(report.measured) == len(report.points) == 6
    assert [(p.variant, p.batch) for p in report.points][:4] == [
        ("light", 1),
        ("light", 2),
        ("heavy", 1),
        ("heavy", 2),
    ]
    assert profiling.told[-1] == (6, 6, "")
    assert not report.failures


def test_what_is_written_is_a_profile_and_a_pipeline_that_every_command_takes(profiling: Profiling) -> None:
    report = profiling()
    table = read_profile_table(report.files.table)
    assert table.stages == ["find", "read"]
    pipeline = load_pipeline(report.files.pipeline)
    assert [variant.name for variant in pipeline.stage("find").variants] == ["light", "heavy"]
    assert pipeline.stage("find").variant("heavy").model == "hub:heavy"
    measured = {point.key: point for point in report.points}
    for stage in pipeline.stages:
        assert stage.sla_s == pytest.approx(stage.computed_sla_s(), abs=1e-5)
        for variant in stage.variants:
            assert variant.start_up_s == 0.25
            for taken in variant.profile.points:
                point = next(
                    p for k, p in measured.items() if (k.variant, k.batch) == (variant.name, taken.batch)
                )
                assert taken.latency_p99_s == pytest.approx(point.latency_p99_s, abs=1e-6)
                assert taken.latency_mean_s == pytest.approx(point.latency_avg_s, abs=1e-6)
                assert taken.latency_mean_s >= 0.001 * taken.batch
    assert pipeline.sla_s == pytest.approx(sum(stage.computed_sla_s() for stage in pipeline.stages), abs=1e-5)


def test_the_facts_of_the_machine_and_every_session_stand_beside(profiling: Profiling) -> None:
    profiling(stages=("find",))
    report = profiling()
    facts = json.loads(report.files.facts.read_text())
    assert {"cpu", "cores", "memory_gb", "governor", "system", "python", "packages"} <= set(facts["machine"])
    assert [session["points"] for session in facts["sessions"]] == [4, 2]
    assert facts["sessions"][0]["precision"] == 0.5
    assert len(facts["sessions"][0]["begun"]["load_average"]) == 3


def test_a_finished_profile_repeats_nothing_unless_forced(profiling: Profiling) -> None:
    first = profiling()
    idle, host = ToyHost(), ToyHost()
    again = profiling(idle)
    assert (idle.started, again.measured) == ([], ())
    assert again.points == tuple(read_points(first.files.table)[p.key] for p in first.points)
    assert len(profiling(host, force=True).measured) == 6
    assert len(host.started) == 3
    assert len(read_points(first.files.table)) == 6


def test_a_tighter_precision_measures_only_what_is_not_known_as_well(profiling: Profiling) -> None:
    profiling(stages=("read",))
    longer = StoppingRule(precision=0.01, budget_s=0.03)
    assert len(profiling(stages=("read",), rule=longer).measured) == 2
    # Not precise still, but no longer budget is given.
    assert not profiling(stages=("read",), rule=longer).measured


def test_disturbed_points_are_measured_again_where_that_is_asked_for(profiling: Profiling) -> None:
    file = profiling().files.table
    points = {**read_points(file)}
    (first, *rest) = points
    quiet = {key: replace(point, notes="") for key, point in points.items()}
    write_points(
        file, [replace(points[first], notes="other processes used 1.7 cores"), *map(quiet.get, rest)]
    )
    assert profiling().measured == ()
    assert profiling(redo_disturbed=True).measured == (first,)


def test_a_changed_variant_is_measured_again_and_its_old_points_are_gone(profiling: Profiling) -> None:
    profiling()
    text = profiling.pipeline.read_text()
    profiling.pipeline.write_text(text.replace("hub:heavy", "hub:heavier"))
    host = ToyHost()
    profiling(host, stages=("read",))
    assert host.started == []
    assert {key.variant for key in read_points(profiling.out / "toy.csv")} == {"light", "only"}
    assert {key.variant for key in profiling(host).measured} == {"heavy"}
    # An accuracy that is corrected changes no latency.
    profiling.pipeline.write_text(profiling.pipeline.read_text().replace("0.8", "0.81"))
    assert not profiling().measured
    assert load_pipeline(profiling.out / "toy.yaml").stage("find").variant("heavy").accuracy == 0.81


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_after_a_kill_in_the_middle_of_a_row_only_that_row_is_measured_again(
    profiling: Profiling, cut: int
) -> None:
    file = profiling().files.table
    file.write_bytes(file.read_bytes()[:-cut])
    report = profiling()
    assert [(key.variant, key.batch) for key in report.measured] == [("only", 2)]
    assert len(read_points(file)) == 6


def test_an_interrupted_profiling_keeps_what_is_finished_and_stops_its_replica(profiling: Profiling) -> None:
    def interrupt(target: Target, batch: int, _number: int) -> None:
        if (target.variant.name, batch) == ("heavy", 2):
            raise KeyboardInterrupt

    host = ToyHost(interrupt)
    with pytest.raises(KeyboardInterrupt):
        profiling(host)
    assert host.stopped == host.started
    assert len(read_points(profiling.out / "toy.csv")) == 3
    assert len(profiling().measured) == 3


def test_a_replica_that_fails_is_told_and_the_others_are_measured(profiling: Profiling) -> None:
    def fail(target: Target, batch: int, _number: int) -> None:
        if target.variant.name == "heavy" and batch == 2:
            raise IpaError("out of memory")

    report = profiling(ToyHost(fail))
    assert report.failures == {"find/heavy on 1 cores": "out of memory"}
    assert len(report.measured) == 5
    assert load_pipeline(report.files.pipeline).stage("find").variant("heavy").profile.max_batch == 1


def test_where_nothing_could_be_measured_nothing_is_written(profiling: Profiling) -> None:
    def fail(_target: Target, _batch: int, _number: int) -> None:
        raise IpaError("gone")

    assert len(profiling(ToyHost(fail)).failures) == 3
    assert list(profiling.out.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_with_the_option_that_names_it(profiling: Profiling) -> None:
    profiling.out = profiling.pipeline / "below-a-file"
    host = ToyHost()
    with pytest.raises(ResultsError, match="choose another with --out"):
        profiling(host)
    assert host.started == []


def test_without_a_stage_there_is_no_pipeline_file_and_the_report_says_why(profiling: Profiling) -> None:
    report = profiling(stages=("find",))
    assert [str(missing) for missing in report.missing] == ["stage read: has not been measured"]
    assert not report.files.pipeline.exists()


def test_a_threshold_out_of_reach_is_told_and_one_within_reach_of_some_disables_the_others(
    profiling: Profiling,
) -> None:
    host = ToyHost(milliseconds={"heavy": 50})
    (missing, _) = profiling(host, threshold_rps=1e6).missing
    assert "no variant sustains 1e+06 requests/s within" in missing.why
    report = profiling(host, threshold_rps=30)
    heavy = load_pipeline(report.files.pipeline).stage("find").variant("heavy")
    assert not heavy.enabled
    assert heavy.base_cores == 1


def test_several_allocations_are_measured_and_the_fewest_cores_that_suffice_are_taken(
    profiling: Profiling,
) -> None:
    report = profiling(cores=(1, 2), threshold_rps=1)
    assert {key.cores for key in report.measured} == {1, 2}
    pipeline = load_pipeline(report.files.pipeline)
    assert all(variant.base_cores == 1 for stage in pipeline.stages for variant in stage.variants)
    assert [profile.cores for profile in pipeline.stage("read").variant("only").profiles] == [1, 2]


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ({"stages": ("fnd",)}, UnknownNameError, "unknown stage 'fnd'; allowed: find, read"),
        ({"variants": ("lite",)}, UnknownNameError, "unknown variant 'lite'; allowed: light, heavy, only"),
        (
            {"stages": ("read",), "variants": ("light",)},
            UnknownNameError,
            "unknown variant 'light'; allowed: only",
        ),
        ({"batches": (2, 4)}, InvalidValueError, "must hold 1, .* got 2, 4"),
        ({"batches": (0, 1)}, InvalidValueError, "batch must be a whole number"),
        ({"cores": (100_000,)}, InvalidValueError, "cannot be measured on this machine, which has"),
        ({"payload": "blob"}, UnknownNameError, "unknown payload 'blob'; allowed: "),
        ({"source": "rndom"}, UnknownNameError, "unknown source 'rndom'; allowed: emulated, packaged, "),
        ({"threshold_rps": -1.0}, InvalidValueError, "threshold must lie"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    profiling: Profiling, wanted: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        profiling(**wanted)
    assert not profiling.out.exists()


def test_another_source_or_machine_does_not_go_into_the_same_profile(profiling: Profiling) -> None:
    files = profiling().files
    with pytest.raises(ResultsError, match="holds measurements of the source random, not packaged"):
        profiling(source="packaged")
    facts = json.loads(files.facts.read_text())
    facts["machine"]["cpu"] = "Z80"
    files.facts.write_text(json.dumps(facts))
    with pytest.raises(ResultsError, match=r"another machine \(Z80, .*choose another folder with --out"):
        profiling()
    anew = profiling(stages=("read",), force=True)
    assert {key.stage for key in read_points(files.table)} == {"read"}
    assert len(json.loads(files.facts.read_text())["sessions"]) == 1
    assert [missing.stage for missing in anew.missing] == ["find"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stage,variant\n", "is no profile of ipa profile"),
        (None, "line 2: .*'one'"),
    ],
)
def test_a_file_that_is_something_else_is_not_overwritten(
    profiling: Profiling, content: str | None, message: str
) -> None:
    file = profiling().files.table
    file.write_text(content or file.read_text().replace("find,light,1,1", "find,light,one,1"))
    before = file.read_bytes()
    with pytest.raises(ResultsError, match=message):
        profiling()
    assert file.read_bytes() == before


def test_the_pipeline_file_that_is_profiled_is_not_overwritten(profiling: Profiling) -> None:
    profiling.pipeline = profiling.pipeline.rename(profiling.folder / "toy.yaml")
    profiling.out = profiling.folder
    with pytest.raises(ResultsError, match="would be overwritten"):
        profiling()


@pytest.mark.parametrize("keys", [{"after": {"find": 0.5}}, {"after": ["find"]}, {}])
def test_a_graph_stays_a_graph(tmp_path: Path, keys: dict[str, Any]) -> None:
    profiling = Profiling(tmp_path)
    write_toy_pipeline(tmp_path, **keys)
    written = load_pipeline(profiling().files.pipeline)
    assert [(edge.source, edge.factor) for edge in written.edges] == (
        [("find", 0.5)] if "0.5" in str(keys) else []
    )


def test_how_a_stage_is_served_stays_as_it_was_given(tmp_path: Path) -> None:
    profiling = Profiling(tmp_path)
    light = {
        "name": "a",
        "accuracy": 0.9,
        "base_cores": 1,
        "settings": {"weights": "ppocrv6-tiny-rec", "width_px": 320},
    }
    server = {"command": ["serve", "--port={port}"], "model": "m"}
    heavy = {"name": "b", "accuracy": 0.8, "base_cores": 1, "server": server}
    inputs = {"image": "find.crop", "frame": "request.image"}
    given = write_toy_pipeline(tmp_path, task="ocr-recognition", inputs=inputs, variants=[light, heavy])
    (_, before), (_, after) = (pipeline_config(file).stages for file in (given, profiling().files.pipeline))
    assert (after.task, after.inputs) == (before.task, before.inputs) != ("", ())
    for old, new in zip(before.variants, after.variants, strict=True):
        assert (new.settings, new.server) == (old.settings, old.server)
    assert after.variants[1].server.command == ("serve", "--port={port}")


def test_measured_accuracies_go_along_as_far_as_their_variants_do(profiling: Profiling) -> None:
    (profiling.folder / "measured.csv").write_text("find,read,accuracy\nlight,only,0.4\nheavy,only,0.7\n")
    text = profiling.pipeline.read_text()
    profiling.pipeline.write_text(f"{text}measured_accuracy: {{file: measured.csv}}\n")
    profiling(variants=("light", "only"))
    written = load_pipeline(profiling.out / "toy.yaml")
    assert [tuple(one) for one in written.measured_accuracy.combinations] == [(("light", "only"), 0.4)]
    profiling()
    assert len(load_pipeline(profiling.out / "toy.yaml").measured_accuracy.combinations) == 2


def test_names_that_look_like_numbers_stay_names(profiling: Profiling) -> None:
    text = profiling.pipeline.read_text().replace("light", '"1e-3"').replace("only", '"07"')
    profiling.pipeline.write_text(text)
    written = load_pipeline(profiling().files.pipeline)
    assert [v.name for stage in written.stages for v in stage.variants] == ["1e-3", "heavy", "07"]


def test_an_emulated_pipeline_is_measured_as_its_profile_has_it() -> None:
    (target, *_) = targets_of_video(batches=(1, 2, 8))
    assert target.emulated == load_pipeline("video").stage("object-detection").variant("yolov5n").profile
    with pytest.raises(
        InvalidValueError, match="cannot be emulated at batch size 1024: its profile on 1 cores ends"
    ):
        targets_of_video(batches=(1, 1024))
    with pytest.raises(InvalidValueError, match="has no profile on 3 cores"):
        targets_of_video(cores=(3,))


def targets_of_video(**wanted: Any) -> list[Target]:
    return targets_of(pipeline_config("video"), Wanted("video", **wanted))


def test_columns_have_the_units_of_their_names(profiling: Profiling) -> None:
    with profiling().files.table.open() as stream:
        (row, *_) = csv.DictReader(stream)
    assert float(row["latency_avg_s"]) < 1
    assert float(row["throughput_rps"]) == pytest.approx(1 / float(row["latency_avg_s"]), rel=0.2)
    assert row["memory_uss_mb"] == row["cpu_s_per_batch"] == ""
    assert row["p99_high_s"] == ""
    assert int(row["batches"]) >= 5
