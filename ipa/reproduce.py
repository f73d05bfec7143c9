"""Everything that ``ipa reproduce`` makes: the runs, the figures and the claims table."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from ipa.claims.runs import claim_runs
from ipa.experiments import FIRST_FIGURE, PIPELINES, grid_specs
from ipa.grid import RunSet, ignore_interrupts
from ipa.notebooks import execute
from ipa.registry import Registry
from ipa.run_spec import RunSpec

BOTH_EDITIONS = ("as-published", "corrected")


@dataclass(frozen=True, slots=True)
class Target:
    """Something to reproduce: a notebook with parameters, and the runs that it reads.

    Parameters
    ----------
    name
        What ``--only`` calls it, and the name of the executed notebook.
    notebook
        Name of the notebook.
    parameters
        What the notebook is run with, besides trace, seed and results folder.
    editions, pipelines
        Grid that has to be complete first.
    repeated
        Whether the notebook averages over several seeds.
    """

    name: str
    notebook: str
    parameters: dict[str, object] = field(default_factory=dict)
    editions: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    repeated: bool = False


TARGETS: Registry[Target] = Registry("target")
TARGETS.register("adaptation", Target("adaptation", "1-adaptation"))
for _number, _pipeline in enumerate(PIPELINES, start=FIRST_FIGURE):
    TARGETS.register(
        f"figure-{_number}",
        Target(f"figure-{_number}", "2-end-to-end", {"pipeline": _pipeline}, BOTH_EDITIONS, (_pipeline,)),
    )
TARGETS.register("figure-13", Target("figure-13", "3-decision-time"))
TARGETS.register("figure-14", Target("figure-14", "4-preferences"))
TARGETS.register("figure-15", Target("figure-15", "6-latency", repeated=True))
TARGETS.register("figure-16", Target("figure-16", "5-load-forecast"))
TARGETS.register("claims", Target("claims", "0-claims", repeated=True))

QUICK = ("adaptation", f"figure-{FIRST_FIGURE}")
"""What ``--quick`` makes: enough to see every part work."""


def required_runs(targets: Sequence[Target], trace: str, seed: int, seeds: int) -> RunSet:
    """Return the runs that some targets read, each once; the claims read as many seeds as asked for."""
    specs: dict[RunSpec, None] = {
        spec: None
        for target in targets
        if target.editions
        for spec in grid_specs(target.editions, target.pipelines, trace=trace, seed=seed)
    }
    if all(target.name != "claims" for target in targets):
        return RunSet(whole=(), brief=tuple(specs))
    behind_claims = claim_runs(trace, seed, seeds)
    return RunSet(behind_claims.whole, tuple(specs | dict.fromkeys(behind_claims.brief)))


def run_notebooks(
    targets: Sequence[Target],
    results_dir: Path,
    *,
    trace: str,
    seed: int,
    seeds: int,
    jobs: int,
    progress: Callable[[int, int, str], None],
) -> list[Path]:
    """Execute the notebooks of some targets.

    Parameters
    ----------
    targets
        What to make; the runs they read exist (``required_runs``).
    results_dir
        Executed notebooks go to its ``notebooks/``, figures to its ``figures/``.
    trace, seed, seeds
        Workloads of the runs, their seed, and the number of seeds behind averages.
    jobs
        Notebooks executed at the same time.
    progress
        Called as notebooks end.

    Returns
    -------
    list of Path
        The executed notebooks, in the order of the targets.
    """
    common = {"trace": trace, "seed": seed, "results_dir": str(results_dir.resolve())}
    repeated = common | {"seeds": seeds}
    outputs = [results_dir / "notebooks" / f"{target.name}.ipynb" for target in targets]
    progress(0, len(targets), "")
    pool = ProcessPoolExecutor(
        min(jobs, len(targets)), mp_context=get_context("spawn"), initializer=ignore_interrupts
    )
    try:
        futures = {
            pool.submit(
                execute,
                target.notebook,
                target.parameters | (repeated if target.repeated else common),
                output,
            ): target.name
            for target, output in zip(targets, outputs, strict=True)
        }
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            progress(done, len(targets), futures[future])
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return outputs
