"""The runs that claims are checked against."""

from dataclasses import replace

from ipa.claims.from_latency import latency_specs
from ipa.experiments import grid_specs
from ipa.grid import RunSet
from ipa.intervals import SEEDS

EDITIONS_SHOWN = ("as-published", "as-published-v1", "corrected")
"""Editions whose runs are kept whole."""

EDITIONS_REPEATED = ("as-published", "as-published-v1")
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
        The grids with the first seed and figure 15's runs, whole; further seeds of the grids, in brief.
    """
    grid = grid_specs(EDITIONS_SHOWN, trace=trace, seed=seed)
    repeated = [spec for spec in grid if spec.edition in EDITIONS_REPEATED]
    return RunSet(
        (*grid, *latency_specs(trace, seed, seeds)),
        tuple(replace(spec, seed=seed + more) for more in range(1, seeds) for spec in repeated),
    )
