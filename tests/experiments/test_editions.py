"""Parameters of the published runs and of the corrected edition."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ipa.errors import ConfigError, InvalidValueError, UnknownNameError
from ipa.experiments import editions
from ipa.experiments.editions import EDITIONS
from ipa.experiments.initial_plan import initial_plan
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.optimizer.methods import MethodSettings
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES, PAPER_WORKLOADS, published_table
from ipa.paths import data_dir
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline
from ipa.workload import load_workload

RUNS = list(published_table("runs").itertuples(index=False))
NAMES = {"v1": "as-published-v1", "v3": "as-published"}


def run_id(row: Any) -> str:
    return f"{row.edition}-{row.pipeline}-{row.workload}-{row.method}"


def parameters_of(row: Any) -> Any:
    return EDITIONS[NAMES[row.edition]](row.pipeline, row.workload, row.method)


def test_there_are_160_published_runs() -> None:
    assert len({run_id(row) for row in RUNS}) == 160


@pytest.mark.parametrize("row", RUNS, ids=run_id)
def test_a_published_run_has_the_published_parameters(row: Any) -> None:
    found = parameters_of(row)
    assert found.objective.alpha == float(row.alpha)
    assert found.objective.beta == float(row.beta)
    assert found.objective.delta == float(row.delta) == 1e-6
    metric = {"rank-sum": "rank-sum", "rank-product": "rank-product", "raw-product": "pas"}
    assert found.objective.metric.name == metric[row.accuracy_objective]
    assert found.objective.metric.floor == float(row.accuracy_floor or 0)
    assert found.constraints.sla_s == float(row.sla_used_s)
    assert found.constraints.max_replicas == int(row.scaling_cap) == 100
    assert found.constraints.batch_sizes == {1: (1,), 8: (1, 2, 8)}[int(row.batching_cap)]
    assert found.constraints.latency_margin == int(row.latency_margin_pct) / 100
    assert found.constraints.throughput_margin == int(row.throughput_margin_pct) / 100
    assert (found.constraints.queue, found.constraints.measured_only) == ("loosening", True)
    assert found.forecast_margin == int(row.predictor_margin_pct) / 100
    assert (found.round_rates, found.forecaster) == (True, "linear")
    assert found.drop_after_s == float(row.drop_limit_s)
    assert found.interval_s == float(row.adaptation_interval_s)
    assert found.method == row.method
    assert "|".join(found.method_settings.variants or ()) == row.fixed_variants
    assert "|".join(map(str, found.method_settings.replicas or ())) == row.fixed_replicas
    assert "|".join(found.initial_variants or ()) == row.initial_variants
    assert found.initial_cost_cores == int(row.initial_cost_cores)


@pytest.mark.parametrize("row", RUNS, ids=run_id)
def test_a_published_run_has_the_published_allocations(row: Any) -> None:
    table = published_table("allocations")
    rows = table[
        (table["edition"] == row.edition)
        & (table["pipeline"] == row.pipeline)
        & (table["threshold_rps"].astype(float) == float(row.threshold_rps))
        & (table["throughput_margin_pct"].astype(float) == float(row.throughput_margin_pct))
    ]
    cores = {(str(r.stage), str(r.variant)): int(str(r.cores)) for r in rows.itertuples()}
    chosen = parameters_of(row).pipeline
    choices = {(s.name, v.name): v.base_cores for s in chosen.stages for v in s.choices}
    assert choices
    assert choices.items() <= cores.items()


def start_of(row: Any) -> Any:
    spec = RunSpec(row.pipeline, row.workload, row.method, edition=NAMES[row.edition])
    workload = load_workload(row.workload, trace="synthetic")
    return spec.parameters(), initial_plan(spec.parameters(), planner_for(spec), workload)


def least_cost_cores(row: Any, parameters: Any) -> int:
    """Return what the published first variants cost with the fewest replicas they can have had."""
    cores = [
        stage.variant(name).base_cores
        for stage, name in zip(parameters.pipeline.stages, row.initial_variants.split("|"), strict=True)
    ]
    replicas = [int(n) for n in row.fixed_replicas.split("|") if n] or [1] * len(cores)
    return sum(n * c for n, c in zip(replicas, cores, strict=True))


@pytest.mark.parametrize("row", RUNS, ids=run_id)
def test_a_published_run_starts_with_the_published_variants_at_the_published_cost(row: Any) -> None:
    parameters, start = start_of(row)
    assert start.variants == tuple(row.initial_variants.split("|"))
    assert all(stage.batch == 1 for stage in start.stages)
    # Some printed start costs are below what one replica of each variant costs: they are out of reach.
    assert start.cost_cores == max(int(row.initial_cost_cores), least_cost_cores(row, parameters))


def test_the_start_cost_is_out_of_reach_in_a_quarter_of_the_runs_only() -> None:
    missed = [row for row in RUNS if start_of(row)[1].cost_cores != int(row.initial_cost_cores)]
    assert len(missed) == 40
    assert {row.method for row in missed} <= {"ipa", "fa2-low", "fa2-high"}


@pytest.mark.parametrize("row", [r for r in RUNS if r.edition == "v1" and r.initial_accuracy], ids=run_id)
def test_a_first_submission_run_starts_at_the_published_accuracy(row: Any) -> None:
    parameters, start = start_of(row)
    ours = start.accuracy(parameters.pipeline, METRICS["rank-sum"])
    assert ours == pytest.approx(float(row.initial_accuracy), abs=1e-3)


@pytest.mark.parametrize("pipeline", PAPER_PIPELINES)
def test_the_corrected_edition_is_the_same_for_all_methods_and_workloads(pipeline: str) -> None:
    found = [
        EDITIONS["corrected"](pipeline, workload, method)
        for workload in PAPER_WORKLOADS
        for method in PAPER_METHODS
    ]
    same = {replace(p, method="", method_settings=MethodSettings()) for p in found}
    assert len(same) == 1


@pytest.mark.parametrize("pipeline", PAPER_PIPELINES)
def test_the_corrected_edition_follows_the_text_of_the_paper(pipeline: str) -> None:
    found = EDITIONS["corrected"](pipeline, "bursty", "ipa")
    sla_s = float(published_table("slas").set_index("pipeline")["sla_table6_s"][pipeline])
    assert found.objective.metric.name == "pas"
    assert (found.constraints.queue, found.constraints.sla_s, found.pipeline.sla_s) == ("fill", None, sla_s)
    assert (found.constraints.latency_margin, found.constraints.throughput_margin) == (0, 0)
    assert (found.forecast_margin, found.round_rates) == (0, False)
    assert found.drop_after_s == pytest.approx(2 * sla_s)


@pytest.mark.parametrize("pipeline", PAPER_PIPELINES)
def test_the_corrected_weights_are_those_printed_for_ipa(pipeline: str) -> None:
    runs = published_table("runs")
    rows = runs[(runs["edition"] == "v3") & (runs["pipeline"] == pipeline) & (runs["method"] == "ipa")]
    found = EDITIONS["corrected"](pipeline, "bursty", "rim").objective
    assert (found.alpha, found.beta) in set(
        zip(rows["alpha"].astype(float), rows["beta"].astype(float), strict=True)
    )


def test_only_rim_has_fixed_replicas_in_the_corrected_edition() -> None:
    fixed = {m: EDITIONS["corrected"]("nlp", "bursty", m).method_settings.replicas for m in PAPER_METHODS}
    assert fixed == {"ipa": None, "fa2-low": None, "fa2-high": None, "rim": (6, 22, 12)}


@pytest.mark.parametrize(
    ("pipeline", "workload", "method"),
    [("vidoe", "bursty", "ipa"), ("video", "calm", "ipa"), ("my.yaml", "bursty", "ipa")],
)
def test_a_run_that_was_never_published_lists_what_was(pipeline: str, workload: str, method: str) -> None:
    with pytest.raises(InvalidValueError, match=r"the paper has no run .*video, .*bursty, .*rim.*corrected"):
        EDITIONS["as-published"](pipeline, workload, method)


def test_an_unknown_method_lists_the_methods() -> None:
    with pytest.raises(UnknownNameError, match="allowed: ipa, fa2-low, fa2-high, rim"):
        EDITIONS["as-published"]("video", "bursty", "fa2")


def test_an_unknown_edition_lists_the_editions() -> None:
    with pytest.raises(UnknownNameError, match="allowed: as-published, as-published-v1, corrected"):
        EDITIONS["published"]


def test_an_own_pipeline_gets_the_defaults_of_the_corrected_edition(tmp_path: Path) -> None:
    source = load_pipeline("video")
    file = data_dir() / "pipelines" / "video.yaml"
    own = tmp_path / "own.yaml"
    paper = data_dir() / "paper"
    own.write_text(file.read_text().replace("name: video", "name: own").replace("../paper", str(paper)))
    found = EDITIONS["corrected"](str(own), "bursty", "ipa")
    assert (found.objective.alpha, found.objective.beta) == (10, 0.5)
    assert found.pipeline.stages == source.stages


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rim_replicas": (False, 3)}, "rim_replicas.0"),
        ({"interval_s": 1e-300}, "interval_s"),
        ({"max_replicas": 10**9}, "max_replicas"),
        ({"drop_limit_sla": float("nan")}, "drop_limit_sla"),
    ],
)
def test_settings_outside_their_range_are_refused(change: dict[str, Any], problem: str) -> None:
    settings = editions._corrected_settings("video").model_dump() | change
    with pytest.raises(ValidationError) as caught:
        editions.CorrectedSettings.model_validate(settings)
    assert ".".join(map(str, caught.value.errors()[0]["loc"])) == problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("defaults: {}\n", "pipelines: is missing; the keys defaults and pipelines.<name> hold any of"),
        ("- a\n", "the keys defaults and pipelines.<name> hold any of: alpha, beta"),
        ("defaults: 3\npipelines: {}\n", "defaults: must be a mapping, got 3"),
        ("defaults: {}\npipelines:\n", "pipelines: must be a mapping, got None"),
        ("defaults: {alpha: -1}\npipelines: {}\n", "alpha: must be 0 or lie between 1e-30 and 1e+15, got -1"),
        ("defaults: {}\npipelines: {video: {alpha: high}}\n", "alpha: must be a number, got 'high'"),
        ("defaults: {alpha: yes}\npipelines: {}\n", "alpha: must be a number, got True"),
        ("defaults: {alpha: '5'}\npipelines: {}\n", "alpha: must be a number, got '5' (a text"),
        ("defaults: {batch_sizes: []}\npipelines: {}\n", "hold any of"),
        ("defaults: {\n", "is not valid YAML"),
    ],
)
def test_a_broken_edition_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, problem: str
) -> None:
    (tmp_path / "editions").mkdir()
    (tmp_path / "editions" / "corrected.yaml").write_text(content)
    (tmp_path / "pipelines").symlink_to(data_dir() / "pipelines")
    (tmp_path / "paper").symlink_to(data_dir() / "paper")
    monkeypatch.setenv("IPA_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match=r"corrected\.yaml") as caught:
        EDITIONS["corrected"]("video", "bursty", "ipa")
    assert problem in str(caught.value)
