"""An ensemble as a user writes it: decided, run, gridded and taken apart like a chain."""

import json
from pathlib import Path

import numpy as np
import pytest

from ipa import Constraints, Objective, Planner
from ipa.pipeline.load import load_pipeline
from ipa.results.folder import read_requests
from ipa.simulator import SimulationSettings
from ipa.simulator.graph import simulate_graph
from ipa.studies.latency import breakdown
from tests.support.command import Ipa

PROFILES = """stage,variant,cores,batch,latency_p99_s,throughput_rps
pre,v,1,1,0.01,100
bert,v,1,1,0.1,10
resnet,v,1,1,0.02,50
merge,v,1,1,0.01,10
"""
STAGE = """  - name: {name}
    profile: {{file: ens.csv}}
    variants: [{{name: v, accuracy: 0.9, base_cores: 1}}]
"""


def ensemble(folder: Path, merge: str) -> Path:
    """Write pre -> (bert, resnet) -> merge, with what the last stage says about those before."""
    after = {"pre": "", "bert": "    after: pre\n", "resnet": "    after: pre\n", "merge": f"    {merge}\n"}
    stages = "".join(STAGE.format(name=name) + text for name, text in after.items())
    (folder / "ens.csv").write_text(PROFILES)
    (folder / "ens.yaml").write_text(f"name: ens\nsla_s: 1.0\nstages:\n{stages}")
    return folder / "ens.yaml"


@pytest.mark.parametrize(
    ("merge", "cores", "visits", "latency_s"),
    [
        ("after: [bert, resnet]", 4, 1.0, (0.12, 0.12)),
        ("after: [bert, resnet]\n    join: all", 4, 1.0, (0.12, 0.12)),
        ("after: {bert: 1, resnet: 0.5}", 4, 1.0, (0.12, 0.12)),
        ("after: [bert, resnet]\n    join: sum", 5, 2.0, (0.12, 0.12)),
        ("after: bert", 4, 1.0, (0.12, 0.12)),
        # Half of each: three quarters of the requests come to the join, the others end with their branches.
        ("after: {bert: 0.5, resnet: 0.5}", 4, 0.75, (0.11, 0.12)),
    ],
)
def test_an_ensemble_is_merged_once_when_both_branches_are_done(
    tmp_path: Path, merge: str, cores: int, visits: float, latency_s: tuple[float, float]
) -> None:
    pipeline = load_pipeline(ensemble(tmp_path, merge))
    decision = Planner(pipeline, Objective(alpha=10, beta=0.5), Constraints()).decide(8)
    assert decision.plan.cost_cores == cores
    assert pipeline.rate_factors()["merge"] == visits
    arrivals_s = np.arange(0, 800) / 8 + 0.01
    records = simulate_graph(pipeline, decision.plan, arrivals_s, SimulationSettings(service="deterministic"))
    assert (records.latency_s.min(), records.latency_s.max()) == pytest.approx(latency_s)
    table = records.stage_table().set_index("stage")
    assert table.loc["merge", "visits_per_request"] == pytest.approx(visits, abs=0.05)


def test_a_run_of_an_ensemble_leaves_the_files_of_a_chain(ipa: Ipa, tmp_path: Path) -> None:
    file = ensemble(tmp_path, "after: [bert, resnet]")
    arguments = ("run", "-p", file, "-w", "constant-8", "--duration", 60, "--results", tmp_path / "results")
    summary = json.loads(ipa(*arguments, "--json").out)
    assert summary["cost_max_cores"] == 4
    assert summary["answered"] == summary["requests"] > 400
    (folder,) = (path.parent for path in (tmp_path / "results").rglob("requests.parquet"))
    requests = read_requests(folder)
    assert (requests["4_merge_visits"] == 1).all()
    assert (requests["latency_s"] >= 0.12 - 1e-6).all()
    assert breakdown(requests)["share"].sum() == pytest.approx(1.0, abs=1e-4)


def test_a_grid_takes_graphs_and_chains_side_by_side(ipa: Ipa, tmp_path: Path) -> None:
    file = ensemble(tmp_path, "after: [bert, resnet]")
    chosen = ("-e", "corrected", "-p", file, "-p", "traffic", "-w", "constant-6", "-m", "ipa")
    rows = json.loads(ipa("grid", *chosen, "--results", tmp_path / "results", "-j", 1, "--json").out)
    assert len(rows) == 2
    assert all(row["requests"] == row["answered"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("merge", "message"),
    [
        ("after: {bert: 2, resnet: 1}", "stages[3].after: stage merge serves a request once"),
        ("after: [bert, resnet]\n    join: any", "stages[3].join: Input should be 'all' or 'sum', got 'any'"),
    ],
)
def test_a_join_that_makes_no_sense_is_one_clear_line(
    ipa: Ipa, tmp_path: Path, merge: str, message: str
) -> None:
    outcome = ipa("run", "-p", ensemble(tmp_path, merge), "-w", "constant-8", "--results", tmp_path)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_graph_that_multiplies_its_load_beyond_memory_is_refused_before_it_runs(
    ipa: Ipa, tmp_path: Path
) -> None:
    file = ensemble(tmp_path, "after: [bert, resnet]")
    file.write_text(file.read_text().replace("after: pre", "after: {pre: 1000}"))
    outcome = ipa("run", "-p", file, "-w", "constant-100", "--duration", 300, "--results", tmp_path)
    assert outcome.code == 2
    assert "visits to its stages; a run takes at most 50,000,000" in " ".join(outcome.err.split())
