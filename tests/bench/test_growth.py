"""The benchmarks of growth measure what they say; how fast is not tested."""

import json
import sys

import numpy as np
import pytest

from ipa.bench import growth, simulators
from ipa.bench.growth import Family, bench_growth, exponent, families
from ipa.bench.simulator import engines
from ipa.bench.simulators import Queues, compare_simulators, contenders
from ipa.errors import MissingExtraError
from ipa.optimizer.solvers.exact import solve_exact
from tests.support.command import Ipa

SMALL = Queues(requests=8000)


@pytest.mark.parametrize("power", [0.0, 1.0, 1.74, 2.0])
def test_the_exponent_is_that_of_the_power(power: float) -> None:
    sizes = [5, 10, 20, 40]
    assert exponent(sizes, [3.0 * size**power for size in sizes]) == pytest.approx(power, abs=1e-9)


def test_every_simulator_finds_the_same_mean_latency() -> None:
    found = []
    for name, _, simulate in contenders():
        if name == "Ciw":
            pytest.importorskip("ciw")
        found.append(simulate(SMALL))
    np.testing.assert_allclose(found, found[0], rtol=0.15)


def test_steps_and_engines_change_nothing() -> None:
    found = {simulate(SMALL) for name, _, simulate in contenders()[: 2 * len(engines())]}
    assert len(found) == 1


def test_a_simulator_that_is_not_installed_has_no_speed_but_an_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ciw", None)
    with pytest.raises(MissingExtraError, match=r"\[bench\]"):
        simulators.simulated_by_ciw(SMALL)
    table = compare_simulators(Queues(requests=2000), repeats=1).set_index("simulator")
    assert np.isnan(table.loc["Ciw", "requests_per_s"])
    assert "[bench]" in str(table.loc["Ciw", "missing"])
    assert (table["requests_per_s"].drop("Ciw") > 0).all()
    assert table.loc["SimPy", "times_SimPy"] == 1.0


def test_every_family_can_be_measured_and_the_report_has_a_row_per_size() -> None:
    small = [Family(f.growth, f.subject, (f.sizes[0], 2 * f.sizes[0]), f.tasks) for f in families()]
    report = bench_growth(repeats=1, measured=[f for f in small if f.growth in ("replicas", "stages")])
    assert set(report["growth"]) == {"replicas", "stages"}
    assert (report.groupby(["growth", "subject"])["size"].count() == 2).all()
    assert (report["cpu_ms"] > 0).all()


def test_decisions_of_the_benchmark_are_proven_and_grow_as_said() -> None:
    for problem in growth._clone(7, 9) + growth._drawn(7, 9):
        assert len(problem.options) == 7
        assert solve_exact(problem, growth.DEADLINE_S).proven


def test_the_command_prints_both_tables(monkeypatch: pytest.MonkeyPatch, ipa: Ipa) -> None:
    monkeypatch.setattr(simulators, "Queues", lambda: SMALL)
    one = Family("stages", "exact, PAS", (2, 4), lambda n: growth._decisions(growth._drawn(n, 3)))
    monkeypatch.setattr(growth, "families", lambda: iter([one]))
    printed = json.loads(ipa("bench", "growth", "--repeats", "1", "--json").out)
    assert [row["size"] for row in printed["growth"]] == [2, 4]
    assert {row["simulator"] for row in printed["simulators"]} >= {"SimPy", "Ciw", "plain loop"}
    text = ipa("bench", "growth", "--repeats", "1")
    assert "plain loop" in text.out
    assert "steepest: stages" in text.err
