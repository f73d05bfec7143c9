"""Files of problems to replay: read back as stored, and anything else refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipa.bench.problem_file import load_problem, store_problem
from ipa.errors import ResultsError
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.optimizer.random_problems import random_problem
from ipa.pipeline.load import load_pipeline

OPTION = {
    "variant": "v", "batch": 1, "replicas": 1, "cores": 1, "cost_cores": 1,
    "latency_s": 0.1, "wait_s": 0.0, "accuracy": 0.5, "score": 0.5,
}  # fmt: skip
PROBLEM = {
    "solver": "highs", "stages": ["a"], "options": [[OPTION]], "best_effort": [],
    "objective": {"metric": "pas", "floor": 0.0, "alpha": 1, "beta": 1, "delta": 0},
    "rate_rps": 1, "sla_s": 1.5,
}  # fmt: skip


def changed(path: str, value: object) -> str:
    """Return the problem with one value replaced, as JSON."""
    content = json.loads(json.dumps(PROBLEM))
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place = content
    for part in parents:
        place = place[part]
    place[last] = value
    return json.dumps(content)


@pytest.fixture
def refusal(tmp_path: Path) -> Any:
    def read(text: str | bytes) -> str:
        file = tmp_path / "problem.json"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ResultsError) as caught:
            load_problem(file)
        message = str(caught.value)
        assert message.startswith(str(file))
        assert "\n" not in message
        assert len(message) < 600
        return message.removeprefix(str(file)).lstrip(": ")

    return read


@pytest.mark.parametrize("seed", range(12))
def test_a_problem_read_back_is_the_one_that_was_stored(tmp_path: Path, seed: int) -> None:
    problem = random_problem(seed, 3, 4, 3)
    store_problem(tmp_path / "one.json", problem, "exact")
    assert load_problem(tmp_path / "one.json") == (problem, "exact")


def test_a_graph_and_a_limit_of_cores_are_kept(tmp_path: Path) -> None:
    assert load_pipeline("traffic").edges
    problem = planner_for(RunSpec(pipeline="traffic", max_cores=40)).problem(5.0)
    assert problem.edges
    store_problem(tmp_path / "one.json", problem, "exact")
    loaded, _ = load_problem(tmp_path / "one.json")
    assert (loaded.edges, loaded.rate_factors, loaded.max_cores) == (
        problem.edges, problem.rate_factors, 40,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not valid JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a":' * 100_000, "is nested too deeply"),
        ("[1]", "does not hold a problem of ipa bench agree"),
        ("null", "does not hold a problem of ipa bench agree"),
        ("9" * 5000, "is not valid JSON"),
        (b"\xff\xfe{}", "is UTF-16 text"),
        (b"\x00", "holds a null byte"),
        ("{}", "does not hold a problem of ipa bench agree: solver: is missing"),
        (changed("solver", "cplex"), "unknown solver 'cplex'"),
        (changed("solver", 3), "solver: must be a text"),
        (changed("stages", "a"), "stages: must be a list, got 'a'"),
        (changed("stages", []), "stages: "),
        (changed("stages", ["a", "b"]), "options must be given for 2 stages, not 1"),
        (changed("options.0.0.latency_s", "0.1"), "options[0][0].latency_s: must be a number, got '0.1'"),
        (changed("options.0.0.latency_s", True), "options[0][0].latency_s: must be a number, got True"),
        (changed("options.0.0.latency_s", float("nan")), "options[0][0].latency_s: must lie between"),
        (changed("options.0.0.latency_s", 1e308), "options[0][0].latency_s: must lie between"),
        (changed("options.0.0.batch", 0), "options[0][0].batch: must be a whole number between 1 and"),
        (changed("options.0.0.replicas", 10**400), "options[0][0].replicas: must be a whole number"),
        (changed("options.0.0.extra", 0), "options[0][0].extra: is an unknown key"),
        (changed("options.0.0", [1]), "options[0][0]: must be a mapping"),
        (changed("options.0", None), "options[0]: must be a list"),
        (changed("objective.metric", "best"), "unknown accuracy metric 'best'"),
        (changed("objective.floor", 2), "objective.floor: must lie between 0 and 1"),
        (changed("objective.alpha", -1), "objective.alpha: must be 0 or lie between"),
        (changed("rate_rps", float("inf")), "rate_rps: must lie between 0 and 1e+09 requests/s, got inf"),
        (changed("best_effort", [OPTION, OPTION]), "best_effort must hold 1 entries or none, not 2"),
        (changed("edges", [[0, 5]]), "edges must lead from a stage to a later one of the 1"),
    ],
)
def test_what_is_no_problem_is_refused_with_its_place(
    refusal: Callable[..., str], text: str | bytes, problem: str
) -> None:
    assert problem in refusal(text)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="cannot be read: No such file"):
        load_problem(tmp_path / "none.json")
    with pytest.raises(ResultsError, match="is a folder"):
        load_problem(tmp_path)
