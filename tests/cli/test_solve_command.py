"""``ipa solve``."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ipa
from tests.support.measured_pipeline import measured_pipeline

KEYS = {
    "pipeline",
    "rate_rps",
    "status",
    "solver",
    "solve_ms",
    "note",
    "why",
    "objective",
    "bound",
    "gap",
    "cost_cores",
    "pas",
    "measured_accuracy",
    "accuracy_metric",
    "latency_s",
    "sla_s",
    "max_cores",
    "throughput_rps",
    "stages",
}
STAGE_KEYS = {"stage", "variant", "batch", "replicas", "cores_per_replica", "cost_cores", "batch_wait_s"}


def solved(ipa: Ipa, *arguments: Any) -> Any:
    outcome = ipa("solve", "--json", *arguments)
    return json.loads(outcome.out), outcome.code


def test_json_has_exactly_the_documented_keys(ipa: Ipa) -> None:
    report, code = solved(ipa, "--rate", 20)
    assert code == 0
    assert set(report) == KEYS
    assert all(set(stage) == STAGE_KEYS for stage in report["stages"])


def test_measured_accuracies_decide_where_they_are_asked_for(ipa: Ipa, tmp_path: Path) -> None:
    """PAS pays for the larger detector, of which the whole pipeline gets next to nothing."""
    file = measured_pipeline(tmp_path)
    arguments = ("--pipeline", file, "--rate", 12, "--alpha", 100, "--beta", 1)
    by_pas, _ = solved(ipa, *arguments)
    by_measured, code = solved(ipa, *arguments, "--metric", "measured")
    assert code == 0
    assert [by_pas["accuracy_metric"], by_measured["accuracy_metric"]] == ["pas", "measured"]
    assert [stage["variant"] for stage in by_pas["stages"]] == ["large", "exact"]
    assert [stage["variant"] for stage in by_measured["stages"]] == ["small", "exact"]
    assert (by_pas["measured_accuracy"], by_measured["measured_accuracy"]) == (0.64, 0.63)
    assert "measured accuracy × 100 = 63.00" in ipa("solve", *arguments, "--metric", "measured").out


@pytest.mark.parametrize(
    ("metric", "said"),
    [("measured", "pipeline video has no measured accuracies"), ("masured", "'measured'?")],
)
def test_a_metric_that_cannot_be_used_is_one_line(ipa: Ipa, metric: str, said: str) -> None:
    outcome = ipa("solve", "--rate", 12, "--metric", metric)
    assert outcome.code == 2
    assert said in outcome.err


def test_describe_lists_the_measured_combinations(ipa: Ipa, tmp_path: Path) -> None:
    report = json.loads(ipa("describe", "--pipeline", measured_pipeline(tmp_path), "--json").out)
    assert report["measured_accuracy"][0] == {
        "variants": {"detect": "large", "read": "exact"},
        "accuracy": 0.64,
        "pas": pytest.approx(0.703),
    }
    assert [one["accuracy"] for one in report["measured_accuracy"]] == [0.64, 0.63, 0.55, 0.48]
    assert "measured accuracy, and PAS" in ipa("describe", "--pipeline", measured_pipeline(tmp_path)).out


def test_the_frontier_of_measured_accuracies_leaves_out_what_pas_pays_for(ipa: Ipa, tmp_path: Path) -> None:
    outcome = ipa(
        "frontier", "--pipeline", measured_pipeline(tmp_path), "--rate", 12, "--metric", "measured", "--json"
    )
    report = json.loads(outcome.out)
    assert [point["accuracy"] for point in report["points"]] == [0.48, 0.63, 0.64]
    assert report["accuracy_metric"] == "measured"


def test_the_plan_carries_the_rate_within_the_sla(ipa: Ipa) -> None:
    report, _ = solved(ipa, "--pipeline", "nlp", "--rate", 12, "--solver", "exact")
    assert report["throughput_rps"] >= 12
    assert report["latency_s"] <= report["sla_s"]
    assert report["cost_cores"] == sum(stage["cost_cores"] for stage in report["stages"])


def test_rate_zero_keeps_one_replica_and_batch_one(ipa: Ipa) -> None:
    report, code = solved(ipa, "--rate", 0)
    assert code == 0
    assert [(stage["replicas"], stage["batch"]) for stage in report["stages"]] == [(1, 1), (1, 1)]


@pytest.mark.parametrize("as_json", [True, False])
def test_an_sla_that_no_plan_keeps_exits_with_1_and_shows_the_best_effort(ipa: Ipa, as_json: bool) -> None:
    outcome = ipa("solve", "--rate", 20, "--sla", 0.01, *(["--json"] if as_json else []))
    assert outcome.code == 1
    if as_json:
        report = json.loads(outcome.out)
        assert report["status"] == "infeasible"
        assert report["objective"] is None
        assert report["throughput_rps"] >= 20
        assert (report["bound"], report["gap"]) == (None, None)
        assert "raise --sla to 0.16195" in report["why"]
    else:
        assert "raise --sla to 0.16195.\nShown is the fastest plan" in outcome.err


def test_a_rate_beyond_all_replicas_says_so(ipa: Ipa) -> None:
    outcome = ipa("solve", "--rate", 1e6)
    assert outcome.code == 1
    assert "at most 100 are allowed; raise --max-replicas to 66327" in outcome.err
    assert "Shown is the largest throughput" in outcome.err


def test_what_is_said_to_help_helps(ipa: Ipa) -> None:
    assert ipa("solve", "--rate", 20, "--sla", 0.16195).code == 0
    assert ipa("solve", "--rate", 1e6, "--max-replicas", 66327).code == 0


def test_a_limit_of_cores_is_kept_and_named_where_it_is_too_low(ipa: Ipa) -> None:
    report, code = solved(ipa, "--rate", 20, "--alpha", 1000, "--max-cores", 6)
    assert (code, report["cost_cores"], report["max_cores"]) == (0, 6, 6)
    report, code = solved(ipa, "--rate", 20, "--max-cores", 3)
    assert code == 1
    assert "3 cores: the cheapest one takes 4 cores; raise --max-cores to 4" in report["why"]
    assert report["cost_cores"] <= 3


def test_only_the_ratio_of_the_weights_decides(ipa: Ipa) -> None:
    small, _ = solved(ipa, "--rate", 20, "--alpha", 2e-5, "--beta", 1e-5)
    large, _ = solved(ipa, "--rate", 20, "--alpha", 2, "--beta", 1)
    assert small["stages"] == large["stages"]
    assert small["objective"] == pytest.approx(1e-5 * large["objective"], rel=1e-9)


def test_all_exact_solvers_print_the_same_plan(ipa: Ipa) -> None:
    plans = [
        solved(ipa, "--rate", 17, "--solver", name)[0]["stages"] for name in ("exact", "brute-force", "pulp")
    ]
    assert plans[0] == plans[1] == plans[2]


def test_weights_move_the_plan(ipa: Ipa) -> None:
    cheap, _ = solved(ipa, "--rate", 10, "--alpha", 0)
    accurate, _ = solved(ipa, "--rate", 10, "--alpha", 1000)
    assert accurate["pas"] > cheap["pas"]
    assert accurate["cost_cores"] > cheap["cost_cores"]


def test_the_table_names_every_chosen_variant(ipa: Ipa) -> None:
    report, _ = solved(ipa, "--rate", 20)
    outcome = ipa("solve", "--rate", 20)
    assert all(stage["variant"] in outcome.out for stage in report["stages"])


def test_what_the_method_chooses_itself_cannot_be_fixed(ipa: Ipa) -> None:
    outcome = ipa("solve", "--pipeline", "video", "--rate", "20", "--replicas", "3,3")
    assert outcome.code == 2
    assert "method ipa chooses the replicas itself; leave replicas out" in outcome.err


def test_a_graph_is_described_with_its_edges(ipa: Ipa) -> None:
    outcome = ipa("describe", "--pipeline", "traffic", "--json")
    edges = json.loads(outcome.out)["edges"]
    assert [edge["requests_per_request"] for edge in edges] == [1.5, 0.5]
    assert "on the slowest path" in ipa("describe", "--pipeline", "traffic").out


@pytest.mark.parametrize(
    ("option_name", "given", "said"),
    [
        ("--workload", "burtsy", "unknown workload 'burtsy'"),
        ("--workload", "", "unknown workload ''"),
        ("--workload", "no-such-load.txt", "not found"),
        ("--replicas", "", "got an empty text"),
        ("--variants", " ", "got an empty text"),
    ],
)
def test_a_workload_that_does_not_exist_and_an_empty_list_are_refused(
    ipa: Ipa, option_name: str, given: str, said: str
) -> None:
    outcome = ipa("solve", "--rate", 20, option_name, given)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
    assert ipa("solve", "--rate", 20, "--workload", "constant-7").code == 0
