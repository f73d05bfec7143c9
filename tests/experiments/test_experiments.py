"""A run: what it depends on, what it leaves, and what it refuses."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Never

import numpy as np
import pandas as pd
import pytest

from ipa.errors import InvalidValueError, IpaError, MissingExtraError, UnknownNameError
from ipa.experiments.fingerprint import fingerprint
from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.resolved import resolve
from ipa.experiments.run import is_complete, run, run_folder
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS
from ipa.optimizer.solve import SOLVERS
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES
from ipa.paths import data_dir
from ipa.pipeline.load import load_pipeline, pipelines_dir
from ipa.results.folder import read_decisions, read_requests, read_summary
from ipa.results.json_files import read_json
from ipa.results.provenance import file_sha256
from ipa.workload import ARRIVAL_PROCESSES, Workload
from tests.support.specs import changed

SHORT = RunSpec("video", "bursty", trace="synthetic", duration_s=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(SHORT, tmp_path_factory.mktemp("results"))


def decisions_without_times(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "decisions.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "solve_s"} for line in lines]


def test_a_run_leaves_four_files_under_experiment_and_run(folder: Path) -> None:
    assert folder.parts[-2:] == ("corrected-synthetic", "video-bursty-ipa-duration_s=60")
    assert sorted(path.name for path in folder.iterdir()) == [
        "decisions.jsonl",
        "provenance.json",
        "requests.parquet",
        "summary.json",
    ]


def test_the_summary_says_what_was_run_and_what_came_of_it(folder: Path) -> None:
    summary = read_summary(folder)
    assert (summary["pipeline"], summary["trace"], summary["workload_source"]) == (
        "video",
        "synthetic",
        "synthetic",
    )
    assert (summary["duration_s"], summary["sla_s"], summary["steps"]) == (60, 6.89, 7)
    decisions, requests = read_decisions(folder), read_requests(folder)
    assert summary["cost_mean_cores"] == pytest.approx(decisions["cost_cores"].mean())
    assert summary["requests"] == len(requests)
    in_time = (requests["latency_s"] <= 6.89).sum()
    assert summary["violation_share"] == pytest.approx(1 - in_time / len(requests))


def test_the_provenance_holds_seed_solver_wall_time_and_hashes(folder: Path) -> None:
    provenance = read_json(folder / "provenance.json")
    assert (provenance["seed"], provenance["solver"]) == (0, "exact")
    assert provenance["wall_s"] > 0
    assert provenance["started"].endswith("+00:00")
    assert provenance["files_sha256"] == {
        name: file_sha256(folder / name) for name in ("decisions.jsonl", "requests.parquet", "summary.json")
    }


def test_the_books_balance(folder: Path) -> None:
    summary, requests = read_summary(folder), read_requests(folder)
    assert summary["requests"] == summary["answered"] + summary["dropped"] > 0
    assert set(requests["outcome"]) <= {"ok", "dropped"}
    assert (requests["outcome"] == "ok").sum() == summary["answered"]


def test_drops_balance_too() -> None:
    found = simulate(replace(SHORT, workload="constant-200", method="rim", replicas=(1, 1)))
    measures, outcome = found.measures, found.requests.outcome
    assert measures.dropped > 0
    assert measures.requests == measures.answered + measures.dropped == 200 * 60
    assert measures.dropped == int((outcome == 2).sum())


def test_another_process_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ipa.experiments.run import run; "
        "from ipa.experiments.spec import RunSpec; "
        "run(RunSpec('video', 'bursty', trace='synthetic', duration_s=60), Path(sys.argv[1]))\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)
    other = run_folder(tmp_path, SHORT)
    assert (other / "requests.parquet").read_bytes() == (folder / "requests.parquet").read_bytes()
    assert decisions_without_times(other) == decisions_without_times(folder)
    assert read_summary(other) == read_summary(folder)


def test_another_seed_gives_other_requests(folder: Path, tmp_path: Path) -> None:
    other = run(replace(SHORT, seed=1), tmp_path)
    assert not read_requests(other).equals(read_requests(folder))


def test_all_methods_see_the_same_arrivals() -> None:
    arrivals = [simulate(replace(SHORT, method=method)).requests.arrival_s for method in PAPER_METHODS]
    for other in arrivals[1:]:
        np.testing.assert_array_equal(arrivals[0], other)


def test_the_arrivals_are_those_of_the_workload() -> None:
    outcome = simulate(SHORT)
    per_second = np.bincount(outcome.requests.arrival_s.astype(int), minlength=60)
    np.testing.assert_array_equal(per_second, outcome.workload.rates_rps)
    observed = [record.observed_rps for record in outcome.decisions[1:]]
    assert observed == [outcome.workload.rates_rps[t - 1] for t in range(10, 61, 10)]


@pytest.mark.parametrize("name", sorted(FORECASTERS))
def test_every_forecaster_can_be_used(name: str) -> None:
    outcome = simulate(replace(SHORT, forecaster=name, duration_s=150))
    assert outcome.measures.held_steps == 0
    assert all(record.forecast_rps is not None for record in outcome.decisions[1:])


def test_forecasters_differ() -> None:
    spec = replace(SHORT, duration_s=200)
    rates = {
        name: tuple(r.forecast_rps for r in simulate(replace(spec, forecaster=name)).decisions)
        for name in FORECASTERS
    }
    assert len(set(rates.values())) == len(FORECASTERS)


@pytest.mark.parametrize("solver", sorted(SOLVERS))
@pytest.mark.parametrize("edition", ["corrected", "as-published"])
def test_every_solver_takes_the_same_decisions(solver: str, edition: str) -> None:
    spec = replace(SHORT, edition=edition, duration_s=40)
    try:
        found = simulate(replace(spec, solver=solver))
    except MissingExtraError as error:
        pytest.skip(str(error))
    expected = simulate(spec)
    assert found.measures.held_steps == 0
    assert [record.plan for record in found.decisions] == [record.plan for record in expected.decisions]
    assert all(record.solver for record in found.decisions[1:])


@pytest.mark.parametrize("process", sorted(ARRIVAL_PROCESSES))
def test_every_arrival_process_can_be_used(process: str) -> None:
    found = simulate(replace(SHORT, arrivals=process)).measures
    assert found.requests == found.answered + found.dropped > 0


@pytest.mark.parametrize(
    "change",
    [
        {"pipeline": "vidoe"},
        {"workload": "calm"},
        {"workload": "calm.txt"},
        {"method": "fa2"},
        {"method": None},
        {"edition": "published"},
        {"trace": "fake"},
        {"arrivals": "burst"},
        {"solver": "exat"},
        {"service": "constant"},
        {"forecaster": "crystal-ball"},
        {"seed": -1},
        {"duration_s": 0},
        {"duration_s": -5},
        {"duration_s": 5000},
        {"alpha": -1.0},
        {"beta": float("nan")},
        {"sla_s": 0.0},
        {"sla_s": float("nan")},
        {"sla_s": float("inf")},
        {"workload": "constant--3"},
        {"method": "rim", "replicas": (3,)},
        {"method": "rim", "replicas": (0, 3)},
        {"method": "rim", "replicas": (-1, 3)},
        {"method": "rim", "replicas": ()},
        {"method": "fa2-low", "variants": ("yolo", "resnet18")},
        {"method": "fa2-low", "variants": ("yolov5n",)},
        {"method": "ipa", "variants": ("yolov5n", "resnet18")},
        {"method": "ipa", "replicas": (3, 3)},
        {"method": "rim", "variants": ("yolov5n", "resnet18")},
    ],
    ids=str,
)
@pytest.mark.parametrize("edition", ["corrected", "as-published"])
def test_a_bad_value_is_an_error_at_once_in_every_edition(change: dict[str, Any], edition: str) -> None:
    for act in (resolve, simulate):
        with pytest.raises(IpaError):
            act(changed(SHORT, **({"edition": edition} | change)))


@pytest.mark.parametrize("edition", ["corrected", "as-published"])
def test_a_solver_that_is_not_installed_is_an_error_and_no_series_of_held_steps(
    edition: str,
) -> None:
    def missing(problem: str, deadline_s: Any) -> Never:  # noqa: ARG001 (the signature of a solver)
        raise MissingExtraError("gurobipy", "gurobi")

    with SOLVERS.temporarily("gurobi", missing), pytest.raises(MissingExtraError, match=r"pip install"):
        simulate(replace(SHORT, edition=edition, solver="gurobi"))


def test_an_unknown_name_says_which_ones_there_are() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown solver 'exat'.*Did you mean 'exact'"):
        resolve(replace(SHORT, solver="exat"))


def test_a_value_that_the_method_would_ignore_says_so() -> None:
    with pytest.raises(InvalidValueError, match="method ipa chooses the replicas itself"):
        resolve(replace(SHORT, replicas=(3, 3)))


def test_an_own_pipeline_needs_replicas_for_rim(tmp_path: Path) -> None:
    own = own_pipeline(tmp_path)
    with pytest.raises(InvalidValueError, match=r"--replicas 3,3"):
        resolve(replace(SHORT, pipeline=str(own), method="rim"))
    resolve(replace(SHORT, pipeline=str(own), method="rim", replicas=(2, 2)))


def test_an_sla_that_no_plan_can_meet_is_said_in_every_step() -> None:
    outcome = simulate(replace(SHORT, sla_s=0.001))
    assert {record.action for record in outcome.decisions[1:]} == {"unchanged"}
    assert {record.status for record in outcome.decisions[1:]} == {"infeasible"}
    assert all(record.reason for record in outcome.decisions[1:])
    assert outcome.measures.violation_share == 1.0


@pytest.mark.parametrize(
    ("edition", "action", "replicas"), [("corrected", "applied", 100), ("as-published", "held", None)]
)
def test_above_capacity_an_edition_applies_the_best_effort_or_holds(
    edition: str, action: str, replicas: Any
) -> None:
    load = Workload("jump", np.repeat([5, 3000], [30, 10]), "synthetic")
    *_, before, last = simulate(replace(SHORT, edition=edition, duration_s=None), load).decisions
    assert (last.status, last.action) == ("infeasible", action)
    assert bool(last.reason)
    most = max(stage.replicas for stage in last.plan.stages)
    assert most == replicas if replicas else last.plan == before.plan


def test_a_load_of_nothing_runs_on_one_replica_per_stage() -> None:
    outcome = simulate(replace(SHORT, workload="constant-0"))
    assert outcome.measures.held_steps == 0
    assert {s.replicas for record in outcome.decisions for s in record.plan.stages} == {1}
    assert (outcome.measures.requests, outcome.measures.violation_share) == (0, 0.0)


def test_overrides_reach_the_decision() -> None:
    parameters = replace(SHORT, alpha=7.0, beta=0.25, sla_s=5.0, forecaster="max").parameters()
    assert (parameters.objective.alpha, parameters.objective.beta) == (7.0, 0.25)
    assert (parameters.constraints.sla_s, parameters.pipeline.sla_s) == (5.0, 5.0)
    assert parameters.forecaster == "max"
    fixed = replace(SHORT, method="fa2-high", variants=("yolov5s", "resnet34")).parameters()
    assert fixed.method_settings.variants == ("yolov5s", "resnet34")


def test_the_drop_limit_follows_an_overridden_sla_where_it_is_a_multiple_of_it() -> None:
    assert replace(SHORT, sla_s=5.0).parameters().drop_after_s == 10.0
    published = replace(SHORT, edition="as-published")
    assert replace(published, sla_s=5.0).parameters().drop_after_s == published.parameters().drop_after_s


def test_zero_is_an_override_too() -> None:
    assert replace(SHORT, beta=0.0).parameters().objective.beta == 0.0


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (RunSpec("nlp", "bursty", "rim"), "nlp-bursty-rim"),
        (RunSpec(edition="as-published", trace="real"), "video-bursty-ipa"),
        (RunSpec(seed=3, alpha=2.5), "video-bursty-ipa-seed=3-alpha=2.5"),
        (RunSpec(method="rim", replicas=(3, 4)), "video-bursty-rim-replicas=3+4"),
    ],
)
def test_the_name_of_a_run_says_what_differs(spec: RunSpec, name: str) -> None:
    assert spec.run_name == name


def test_files_go_by_stem_and_content_wherever_they_lie(tmp_path: Path) -> None:
    specs = []
    for folder, load in (("here", "5 6"), ("there", "5 6"), ("elsewhere", "5 7")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "load.txt").write_text(load)
        own = own_pipeline(tmp_path / folder)
        specs.append(RunSpec(str(own), str(tmp_path / folder / "load.txt")))
    assert specs[0].run_name.startswith("own-load-ipa~")
    assert specs[0].run_name == specs[1].run_name != specs[2].run_name
    assert fingerprint(specs[0]) == fingerprint(specs[1]) != fingerprint(specs[2])


def test_overridden_runs_never_share_a_folder() -> None:
    specs = [
        SHORT,
        replace(SHORT, seed=1),
        replace(SHORT, duration_s=61),
        replace(SHORT, solver="pulp"),
        replace(SHORT, arrivals="uniform"),
        changed(SHORT, service="deterministic"),
        replace(SHORT, forecaster="max"),
        replace(SHORT, beta=0.0),
        replace(SHORT, sla_s=5.0),
        replace(SHORT, edition="as-published"),
        replace(SHORT, trace="real"),
    ]
    assert len({run_folder(Path("results"), spec) for spec in specs}) == len(specs)
    assert len({fingerprint(spec) for spec in specs[:-1]}) == len(specs) - 1


def own_pipeline(folder: Path) -> Path:
    """Return a copy of the video pipeline with a profile of its own."""
    shutil.copy(data_dir() / "paper" / "profiles.csv", folder / "profiles.csv")
    text = (pipelines_dir() / "video.yaml").read_text()
    own = folder / "own.yaml"
    own.write_text(text.replace("name: video", "name: own").replace("../paper/profiles.csv", "profiles.csv"))
    return own


@pytest.fixture
def own_run(tmp_path: Path) -> Iterator[tuple[RunSpec, Path]]:
    (tmp_path / "load.txt").write_text(" ".join(["5"] * 30))
    spec = resolve(RunSpec(str(own_pipeline(tmp_path)), str(tmp_path / "load.txt")))
    run(spec, tmp_path / "results")
    assert is_complete(tmp_path / "results", spec)
    yield spec, tmp_path
    load_pipeline(spec.pipeline)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("own.yaml", "sla_s: 6.89", "sla_s: 6.80"),
        ("profiles.csv", "object-detection,yolov5n,1,1,20,", "object-detection,yolov5n,1,1,020,"),
        ("load.txt", "5", "6"),
    ],
)
def test_a_changed_input_runs_again(own_run: tuple[RunSpec, Path], file: str, old: str, new: str) -> None:
    spec, folder = own_run
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    assert not is_complete(folder / "results", spec)
    (folder / file).write_text(text)
    assert is_complete(folder / "results", spec)


def test_an_edited_pipeline_decides_anew_in_the_same_process(own_run: tuple[RunSpec, Path]) -> None:
    spec, folder = own_run
    file = folder / "own.yaml"
    file.write_text(file.read_text().replace("sla_s: 6.89", "sla_s: 5.25"))
    assert read_summary(run(spec, folder / "results"))["sla_s"] == 5.25


def test_a_grid_is_every_combination_resolved() -> None:
    specs = grid_specs(["corrected", "as-published"], trace="synthetic")
    assert len(set(specs)) == 2 * 5 * 4 * 4
    assert {spec.pipeline for spec in specs} == set(PAPER_PIPELINES)
    assert {spec.trace for spec in specs} == {"synthetic"}


def test_a_grid_with_a_wrong_name_is_refused_before_anything_runs() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'fa3'"):
        grid_specs(["corrected"], methods=["ipa", "fa3"], trace="synthetic")


def test_requests_can_be_read_by_anyone_with_pandas(folder: Path) -> None:
    frame = pd.read_parquet(folder / "requests.parquet")
    assert {"request", "arrival_s", "latency_s", "outcome", "1_object-detection_variant"} <= set(
        frame.columns
    )
