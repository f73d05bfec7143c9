"""The campaign of differential tests: what it draws, counts, keeps and resumes."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ipa.bench import agreement, problem_file, reproducer
from ipa.bench.agreement import Campaign, Opponent, bench_agreement, draw_problem
from ipa.cli.app import app
from ipa.errors import ResultsError
from ipa.optimizer.answer import Answer
from ipa.optimizer.decision import Status
from ipa.optimizer.problem import Problem
from ipa.optimizer.solve import SOLVERS, solve
from ipa.pipeline.accuracy import METRICS

FAST = (Opponent("brute-force", most_combinations=200), Opponent("highs", every=5))
WRONG = (Opponent("first-options"),)


def campaign(
    folder: Path, cases: int = 40, seed: int = 0, opponents: tuple[Opponent, ...] = FAST
) -> Campaign:
    return Campaign(cases, seed, opponents, folder)


def run(given: Campaign, jobs: int = 1, *, resume: bool = True) -> dict[str, Any]:
    return bench_agreement(given, jobs, resume=resume, progress=lambda *_: None)


@pytest.fixture
def wrong_solver() -> Iterator[None]:
    def first_options(problem: Problem, deadline_s: float) -> Answer:  # noqa: ARG001
        if not all(problem.options):
            return Answer(None, proven=True)
        return Answer(tuple(0 for _ in problem.options), proven=True)

    with SOLVERS.temporarily("first-options", first_options):
        yield


def test_solvers_agree_and_every_comparison_is_counted(tmp_path: Path) -> None:
    outcome = run(campaign(tmp_path))
    brute, highs = outcome["solvers"]["brute-force"], outcome["solvers"]["highs"]
    assert outcome["cases"] == 40
    assert outcome["disagreements"] == []
    assert brute["compared"] == brute["same"] > 10
    assert (highs["compared"], highs["share"]) == (8, 0.2)


def test_two_processes_count_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "CHUNK", 10)
    one, two = run(campaign(tmp_path / "one")), run(campaign(tmp_path / "two"), jobs=2)
    assert one["solvers"] == two["solvers"]


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "CHUNK", 10)
    run(campaign(tmp_path, cases=20))
    done: list[range] = []
    monkeypatch.setattr(agreement, "run_chunk", lambda _, chunk: done.append(chunk))
    run(campaign(tmp_path, cases=40))
    assert done == [range(20, 30), range(30, 40)]


def test_starting_anew_forgets_what_was_done(tmp_path: Path) -> None:
    run(campaign(tmp_path, cases=20))
    stale = tmp_path / "disagreement-0-1-highs.json"
    stale.write_text("{}")
    assert run(campaign(tmp_path, cases=20), resume=False)["disagreements"] == []


def test_another_seed_does_not_mix_with_what_was_done(tmp_path: Path) -> None:
    run(campaign(tmp_path, cases=10))
    with pytest.raises(ResultsError, match="another seed, other solvers or other code"):
        run(campaign(tmp_path, cases=10, seed=1))


@pytest.mark.usefixtures("wrong_solver")
def test_a_wrong_solver_leaves_a_small_problem_that_shows_it(tmp_path: Path) -> None:
    outcome = run(campaign(tmp_path, cases=10, opponents=WRONG))
    assert outcome["disagreements"]
    for name in outcome["disagreements"]:
        problem, solver = problem_file.load_problem(tmp_path / name)
        assert solver == "first-options"
        assert math.prod(len(options) for options in problem.options) <= 2
        assert not reproducer.replay_problem(tmp_path / name)["agrees"].all()


@pytest.mark.usefixtures("wrong_solver")
def test_the_command_replays_a_disagreement_and_exits_with_1(tmp_path: Path) -> None:
    outcome = run(campaign(tmp_path, cases=10, opponents=WRONG))
    file = tmp_path / outcome["disagreements"][0]
    result = CliRunner().invoke(app, ["bench", "agree", "--replay", str(file), "--json"])
    assert result.exit_code == 1
    assert [row["agrees"] for row in json.loads(result.stdout)["rows"]] == [True, False]


def test_the_command_prints_a_summary_that_it_also_keeps(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["bench", "agree", "--cases", "15", "--jobs", "1", "--results", str(tmp_path), "--json"]
    )
    assert result.exit_code == 0
    kept = json.loads((tmp_path / "agreement" / "seed-0" / "summary.json").read_text())
    assert json.loads(result.stdout)["solvers"] == kept["solvers"]


def test_a_problem_read_back_is_the_one_that_was_stored(tmp_path: Path) -> None:
    problem = draw_problem(0, 3)
    problem_file.store_problem(tmp_path / "one.json", problem, "highs")
    loaded, solver = problem_file.load_problem(tmp_path / "one.json")
    assert (loaded.options, loaded.sla_s, loaded.objective, solver) == (
        problem.options, problem.sla_s, problem.objective, "highs",
    )  # fmt: skip
    assert solve(loaded).plan == solve(problem).plan


def test_a_file_that_holds_no_problem_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"stages": []}')
    with pytest.raises(ResultsError, match=r"other\.json does not hold a problem"):
        problem_file.load_problem(file)


def test_a_solver_at_its_deadline_disagrees_only_with_a_better_plan() -> None:
    exact = solve(draw_problem(0, 3))
    assert exact.optimal
    stopped = replace(exact, status=Status.FEASIBLE, objective=exact.objective - 1)
    assert not reproducer.disagree(exact, stopped)
    assert reproducer.disagree(exact, replace(stopped, objective=exact.objective + 1))
    assert reproducer.disagree(exact, replace(stopped, note="HiGHS claimed 7 to be optimal"))


def test_the_drawn_problems_cover_what_matters() -> None:
    problems = [draw_problem(0, case) for case in range(400)]
    statuses = [solve(problem).status for problem in problems]
    assert 60 < statuses.count(Status.INFEASIBLE) < 200
    assert any(problem.max_cores for problem in problems)
    assert {len(problem.options) for problem in problems} == {1, 2, 3, 4, 5, 6}
    assert {problem.objective.metric.name for problem in problems} == set(METRICS)
    assert {0.0, 1e7} <= {problem.rate_rps for problem in problems}
    assert any(len(options) >= 24 for problem in problems for options in problem.options)
    assert any(not options for problem in problems for options in problem.options)


@pytest.mark.usefixtures("wrong_solver")
def test_the_kept_summary_and_its_disagreements_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "stored_results_dir", lambda: tmp_path / "stored")
    given = campaign(tmp_path / "run", opponents=WRONG, cases=10)
    outcome = run(given)
    kept = json.loads(agreement.keep(given).read_text())
    assert kept == json.loads(json.dumps(outcome))
    names = sorted(file.name for file in agreement.published_agreement_dir().glob("disagreement-*"))
    assert names == kept["disagreements"] != []


def test_a_small_campaign_does_not_replace_a_large_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "stored_results_dir", lambda: tmp_path / "stored")
    large, small = campaign(tmp_path / "large", cases=12), campaign(tmp_path / "small", cases=6)
    run(large), run(small)
    agreement.keep(large)
    with pytest.raises(ResultsError, match="holds 12 cases; 6 do not replace them"):
        agreement.keep(small)


def stored(pattern: str) -> list[Path]:
    return sorted(agreement.published_agreement_dir().glob(pattern))


@pytest.mark.parametrize("file", stored("seed-*.json"), ids=lambda file: file.stem)
def test_a_stored_campaign_is_complete_and_keeps_a_file_for_every_disagreement(file: Path) -> None:
    summary = json.loads(file.read_text())
    counts = summary["solvers"].values()
    assert summary["cases"] == summary["asked_for"] == 100_000
    assert all(c["compared"] == c["same"] + c["unproven"] + c["disagreements"] for c in counts)
    assert sum(c["disagreements"] for c in counts) == len(summary["disagreements"])
    assert all((file.parent / name).is_file() for name in summary["disagreements"])
    assert summary["solvers"]["brute-force"]["disagreements"] == 0


@pytest.mark.parametrize("file", stored("disagreement-*.json"), ids=lambda file: file.stem)
def test_brute_force_sides_with_the_exact_solver_where_another_one_did_not(file: Path) -> None:
    problem, solver = problem_file.load_problem(file)
    exact, oracle, other = (solve(problem, name) for name in ("exact", "brute-force", solver))
    assert (exact.plan, exact.status) == (oracle.plan, oracle.status)
    # The plan is mended and the claim withdrawn, so that a wrong solver is not believed.
    assert other.plan == exact.plan
    assert other.optimal or other.note
