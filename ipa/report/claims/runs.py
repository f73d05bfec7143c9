"""The runs that claims are checked against."""

from collections.abc import Sequence
from dataclasses import replace

from ipa.experiments.grid import RunSet
from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.spec import RunSpec
from ipa.paper import PAPER_EDITIONS, VERSION_OF_EDITION
from ipa.report.claims.from_latency import latency_specs
from ipa.results.intervals import SEEDS

EDITIONS_SHOWN = PAPER_EDITIONS
"""Editions whose runs are shown with the first seed."""

EDITIONS_REPEATED = tuple(VERSION_OF_EDITION)
"""Editions that claims are averaged over seeds for."""


def claim_runs(trace: str, seed: int = 0, seeds: int = SEEDS) -> RunSet:
    """Return the runs behind the claims.

    Parameters
    ----------
    trace
        Which workloads to use.
    seed
        First of the seeds.
    seeds
        Number of seeds: the published grids and figure 15 are repeated with consecutive ones.

    Returns
    -------
    RunSet
        Figure 15's runs, whole: only there single requests are read. The grids with the first seed, in brief.
        Of further seeds only the measures, but for the few whose decisions are read as well.
    """
    grid = grid_specs(EDITIONS_SHOWN, trace=trace, seed=seed)
    return _run_set(grid, trace, seed, seeds)


def evidence_runs(trace: str, seed: int = 0, seeds: int = SEEDS) -> RunSet:
    """Return what the checks read of ``claim_runs`` and no more."""
    return _run_set(grid_specs(EDITIONS_REPEATED, trace=trace, seed=seed), trace, seed, seeds)


def _run_set(grid: Sequence[RunSpec], trace: str, seed: int, seeds: int) -> RunSet:
    repeated = [spec for spec in grid if spec.edition in EDITIONS_REPEATED]
    more = [replace(spec, seed=seed + number) for number in range(1, seeds) for spec in repeated]
    return RunSet(
        whole=tuple(latency_specs(trace, seed, seeds)),
        brief=(*grid, *(spec for spec in more if decisions_are_read(spec))),
        measured=tuple(spec for spec in more if not decisions_are_read(spec)),
    )


def decisions_are_read(spec: RunSpec) -> bool:
    """Whether a claim that is averaged over seeds reads the decisions of such a run (C6)."""
    return (spec.edition, spec.workload, spec.method) == ("as-published", "bursty", "rim")
