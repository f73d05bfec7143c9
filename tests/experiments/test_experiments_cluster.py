"""Runs on clusters that are not ideal, and what they change."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipa.errors import InvalidValueError, IpaError
from ipa.experiments.fingerprint import fingerprint
from ipa.experiments.resolved import resolve
from ipa.experiments.run import run
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec, stage_deadlines_s
from ipa.paper import PAPER_METHODS
from ipa.pipeline.load import load_pipeline
from ipa.results.folder import read_summary
from ipa.simulator import ClusterSettings
from ipa.simulator.service import service_times
from ipa.workload import Workload
from tests.support.specs import changed

SHORT = RunSpec("video", "bursty", trace="synthetic", duration_s=120)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "video-bursty-ipa-duration_s=120"),
        ({"interval_s": 5.0, "drop": "none"}, "video-bursty-ipa-duration_s=120-interval_s=5.0-drop=none"),
        (
            {"cluster": ClusterSettings(core_limit=9, switching="stop-start")},
            "video-bursty-ipa-duration_s=120-cluster=switching=stop-start+core_limit=9",
        ),
    ],
)
def test_the_name_of_a_run_says_what_differs(change: dict[str, Any], name: str) -> None:
    assert changed(SHORT, **change).run_name == name


def test_runs_that_differ_in_their_cluster_differ_in_their_fingerprint() -> None:
    specs = [SHORT, replace(SHORT, drop="none"), changed(SHORT, cluster=ClusterSettings(dispatch_s=0.1))]
    assert len({fingerprint(spec) for spec in specs}) == 3


@pytest.mark.parametrize(
    ("change", "limits_s"),
    [
        ({}, (13.78, ())),
        ({"drop": "none"}, (float("inf"), ())),
        ({"drop": "sla"}, (6.89, ())),
        ({"drop": "stage-deadline"}, (6.89, (4.62, 6.89))),
        ({"drop": "admission"}, (6.89, (4.62, math.inf))),
        ({"drop": "sla", "drop_multiple": 2.0}, (13.78, ())),
        ({"drop": "stage-deadline", "drop_multiple": 0.5}, (3.445, (2.31, 3.445))),
    ],
)
def test_the_drop_policy_sets_the_limits(change: dict[str, str], limits_s: tuple[object, ...]) -> None:
    spec = changed(SHORT, **change)
    conditions = spec.conditions(spec.parameters())
    assert (conditions.drop_after_s, conditions.stage_drop_after_s) == limits_s


def test_stages_without_an_sla_share_the_pipelines_evenly() -> None:
    video = load_pipeline("video")
    bare = replace(video, stages=tuple(replace(stage, sla_s=None) for stage in video.stages))
    assert stage_deadlines_s(bare) == (3.445, 6.89)


@pytest.mark.parametrize(
    "change",
    [{"drop": "sometimes"}, {"interval_s": 0.0}, {"interval_s": float("nan")}, {"network_delay_s": -1.0}],
)
def test_bad_values_are_refused_before_the_run(change: dict[str, Any]) -> None:
    for attempt in (resolve, simulate):
        with pytest.raises(IpaError):
            attempt(changed(SHORT, **change))


def test_the_interval_is_that_of_the_decisions() -> None:
    assert [d.time_s for d in simulate(replace(SHORT, interval_s=40.0)).decisions] == [0, 40, 80, 120]


def test_a_load_can_be_given_instead_of_named() -> None:
    outcome = simulate(SHORT, Workload("steps", np.repeat([5, 15], 30), "synthetic"))
    assert outcome.measures.requests == 30 * 20
    assert outcome.workload.name == "steps"


def test_delays_lengthen_every_latency_by_the_hops() -> None:
    plain, slow = (
        simulate(changed(SHORT, service="deterministic", **change)).requests.latency_s
        for change in ({}, {"network_delay_s": 0.1, "cluster": ClusterSettings(router_delay_s=0.5)})
    )
    assert np.mean(slow - plain) == pytest.approx(3 * 0.1 + 0.5, abs=0.05)


def test_a_run_on_another_cluster_is_written_and_read(tmp_path: Path) -> None:
    spec = resolve(changed(SHORT, cluster=ClusterSettings(mean_life_s=60.0)))
    summary = read_summary(run(spec, tmp_path))
    assert summary["cluster"]["mean_life_s"] == 60.0
    assert summary["drop"] == "edition"


def test_a_core_limit_below_the_first_plan_is_an_error() -> None:
    with pytest.raises(InvalidValueError, match="the cluster has 1"):
        simulate(changed(SHORT, cluster=ClusterSettings(core_limit=1)))


def normals(spec: RunSpec, stage: int, batches: int) -> np.ndarray:
    """Return the standard normals behind the first service times of a stage that serves one by one."""
    records = simulate(spec).requests.stages[stage]
    variants = spec.parameters().pipeline.stages[stage].variants
    first = np.argsort(records.start_s, kind="stable")[:batches]
    assert set(records.batch[first]) == {1}
    times = [service_times(variants[v].profile.points, 1, "lognormal") for v in records.variant[first]]
    scale_s, spread = (np.array([getattr(t, name)[1] for t in times]) for name in ("scale_s", "spread"))
    normals: np.ndarray = np.log((records.end_s - records.start_s)[first] / scale_s) / spread
    return normals


@pytest.mark.parametrize("stage", [0, 1])
def test_all_methods_share_the_random_numbers_of_every_stage(stage: int) -> None:
    """Common random numbers: the n-th batch of a stage draws the same number whatever serves it."""
    spec = RunSpec("audio-qa", "steady-high", edition="as-published", trace="synthetic", duration_s=60)
    drawn = [normals(replace(spec, method=method), stage, 300) for method in PAPER_METHODS]
    assert np.std(drawn[0]) > 0.8
    for other in drawn[1:]:
        np.testing.assert_allclose(other, drawn[0], atol=1e-6)


TWO_VARIANTS = """name: limited
sla_s: 1.0
stages:
  - name: detect
    profile: {file: limited.csv}
    variants:
      - {name: light, accuracy: 0.6, base_cores: 1, start_up_s: 1}
      - {name: heavy, accuracy: 0.9, base_cores: 4, start_up_s: 1}
"""
PROFILE = """stage,variant,cores,batch,latency_p99_s,throughput_rps
detect,light,1,1,0.12,10
detect,heavy,4,1,0.12,10
"""
RISE = Workload("rise", np.repeat([8, 35], [130, 70]), "synthetic")


@pytest.fixture
def limited(tmp_path: Path) -> RunSpec:
    (tmp_path / "limited.yaml").write_text(TWO_VARIANTS)
    (tmp_path / "limited.csv").write_text(PROFILE)
    return RunSpec(str(tmp_path / "limited.yaml"), alpha=100.0, beta=1.0)


@pytest.mark.parametrize(
    "limit",
    [
        {"cluster": ClusterSettings(core_limit=12)},
        {"max_cores": 12},
        {"max_cores": 12, "cluster": ClusterSettings(core_limit=40)},
        {"max_cores": 40, "cluster": ClusterSettings(core_limit=12)},
    ],
)
def test_the_planner_knows_how_many_cores_there_are(limited: RunSpec, limit: dict[str, Any]) -> None:
    decisions = simulate(changed(limited, **limit), RISE).decisions
    assert max(record.cost_cores for record in decisions) <= 12
    chosen = {(r.plan.stages[0].variant, r.plan.stages[0].replicas) for r in decisions if r.time_s >= 140}
    assert chosen == {("light", 4)}
    assert [record.action for record in decisions if record.time_s >= 140][:2] == ["applied", "unchanged"]


def test_a_run_starts_with_what_fits_its_cluster(limited: RunSpec) -> None:
    first = simulate(changed(limited, cluster=ClusterSettings(core_limit=3)), RISE).decisions[0]
    assert [(s.variant, s.replicas) for s in first.plan.stages] == [("light", 1)]


def test_a_published_run_on_too_small_a_cluster_starts_with_a_decision() -> None:
    spec = replace(SHORT, pipeline="nlp", method="rim", edition="as-published")
    assert simulate(spec).decisions[0].cost_cores == 118
    assert simulate(changed(spec, cluster=ClusterSettings(core_limit=110))).decisions[0].cost_cores <= 110


def test_the_cap_of_replicas_can_be_given(limited: RunSpec) -> None:
    decisions = simulate(replace(limited, max_replicas=2), RISE).decisions
    assert {r.plan.stages[0].replicas for r in decisions} == {1, 2}
    assert decisions[-1].status == "infeasible"


@pytest.mark.parametrize("change", [{"max_cores": 0}, {"max_replicas": 0}, {"max_replicas": 10**9}])
def test_a_limit_outside_its_range_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(InvalidValueError, match="must be a whole number between 1 and"):
        resolve(changed(SHORT, **change))


@pytest.mark.parametrize(
    ("core_limit", "load_rps", "actions"),
    [(12, (25, 75), ["applied", "unchanged"]), (10, (18, 75), ["pending", "applied", "unchanged"])],
)
def test_a_switch_that_has_no_room_beside_what_it_replaces_does_not_wait_for_ever(
    limited: RunSpec, core_limit: int, load_rps: tuple[int, int], actions: list[str]
) -> None:
    load = Workload("rise", np.repeat(load_rps, [130, 130]), "synthetic")
    outcome = simulate(changed(limited, cluster=ClusterSettings(core_limit=core_limit)), load)
    after = [record for record in outcome.decisions if record.time_s >= 140]
    assert [record.action for record in after[: len(actions)]] == actions
    assert "replicas of the plan before made room" in after[0].reason
    assert after[-1].ready_replicas == (8,)
    assert outcome.measures.dropped < 700


def test_a_switch_that_has_no_room_waits_while_what_runs_carries_the_load(limited: RunSpec) -> None:
    load = Workload("fall", np.repeat([35, 28], [130, 130]), "synthetic")
    outcome = simulate(changed(limited, cluster=ClusterSettings(core_limit=12)), load)
    last = outcome.decisions[-1]
    assert (last.action, last.plan.stages[0].variant, last.ready_replicas) == ("pending", "heavy", (4,))
    assert "with what it replaces it takes 16 cores of 12" in last.reason
    assert outcome.measures.dropped == 0
