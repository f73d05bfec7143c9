"""Everything that ``ipa reproduce`` makes: the runs, the figures and the claims table."""

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from pathlib import Path

from ipa.experiments.grid import RunSet
from ipa.experiments.grid_specs import EDITIONS_BY_DEFAULT, grid_specs
from ipa.experiments.spec import RunSpec
from ipa.paper import FIRST_FIGURE, PAPER_PIPELINES, PAPER_WORKLOADS
from ipa.registry import Registry
from ipa.report.claims.runs import claim_runs
from ipa.report.notebook_record import is_unchanged, notebook_fingerprint, write_record
from ipa.report.notebook_runs import execute
from ipa.report.notebooks import NOTEBOOKS
from ipa.results.written_files import written_files
from ipa.workers import worker_pool
from ipa.workload.catalogue import TraceChoice


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
    timed
        Whether the notebook shows times that it measured.
    trace
        What the notebook is run with in any case, because it takes no load from the trace; None: what is
        asked for.
    """

    name: str
    notebook: str
    parameters: dict[str, object] = field(default_factory=dict)
    editions: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    repeated: bool = False
    timed: bool = False
    trace: TraceChoice | None = None


TARGETS: Registry[Target] = Registry("target")
TARGETS.register("adaptation", Target("adaptation", "1-adaptation"))
for _number, _pipeline in enumerate(PAPER_PIPELINES, start=FIRST_FIGURE):
    TARGETS.register(
        f"figure-{_number}",
        Target(
            f"figure-{_number}", "2-end-to-end", {"pipeline": _pipeline}, EDITIONS_BY_DEFAULT, (_pipeline,)
        ),
    )
TARGETS.register("figure-13", Target("figure-13", "3-decision-time", timed=True))
TARGETS.register("figure-14", Target("figure-14", "4-preferences"))
TARGETS.register("figure-15", Target("figure-15", "6-latency", repeated=True))
TARGETS.register("figure-16", Target("figure-16", "5-load-forecast"))
for _name, _notebook in (
    ("profiling", "7-profiling"),
    ("serving", "8-serving"),
    ("live-against-simulated", "9-live-against-simulated"),
    ("is-pas-right", "10-is-pas-right"),
):
    # What they show was measured, under loads that need no trace.
    TARGETS.register(_name, Target(_name, _notebook, trace="synthetic"))
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
    brief = specs | dict.fromkeys(behind_claims.brief)
    measured = tuple(spec for spec in behind_claims.measured if spec not in brief)
    return RunSet(behind_claims.whole, tuple(brief), measured)


@dataclass(frozen=True, slots=True)
class NotebookReport:
    """What ``run_notebooks`` did.

    Parameters
    ----------
    notebooks
        The executed notebooks, in the order of the targets.
    executed
        Names of the targets that were executed now; the others were unchanged.
    """

    notebooks: tuple[Path, ...]
    executed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """A notebook to execute: what, with what, to where, and its fingerprint."""

    target: Target
    parameters: dict[str, object]
    output: Path
    fingerprint: str


def run_notebooks(
    targets: Sequence[Target],
    results_dir: Path,
    *,
    trace: TraceChoice,
    seed: int,
    seeds: int,
    jobs: int,
    progress: Callable[[int, int, str], None],
    force: bool = False,
    fresh_timings: bool = False,
) -> NotebookReport:
    """Execute the notebooks of some targets that are not there already, complete and unchanged.

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
    force
        Execute them all.
    fresh_timings
        Measure decision times anew instead of showing those measured before.

    Returns
    -------
    NotebookReport
        The notebooks, and which were executed.
    """
    tasks = [_task(target, results_dir, trace, seed, seeds) for target in targets]
    again = {task.target.name for task in tasks if force or (fresh_timings and task.target.timed)}
    missing = [
        task for task in tasks if task.target.name in again or not is_unchanged(task.output, task.fingerprint)
    ]
    done = len(tasks) - len(missing)
    progress(done, len(tasks), "")
    if missing:
        with worker_pool(min(jobs, len(missing))) as pool:
            # The last ones take longest: begun at the end, they would leave the other processes idle.
            futures = {
                pool.submit(_execute, task, fresh_timings): task.target.name for task in reversed(missing)
            }
            for number, future in enumerate(as_completed(futures), start=done + 1):
                future.result()
                progress(number, len(tasks), futures[future])
    return NotebookReport(tuple(task.output for task in tasks), tuple(task.target.name for task in missing))


def _task(target: Target, results_dir: Path, trace: TraceChoice, seed: int, seeds: int) -> _Task:
    trace = target.trace or trace
    shown = {"trace": trace, "seed": seed} | target.parameters
    if target.repeated:
        shown |= {"seeds": seeds}
    source = NOTEBOOKS[target.notebook].file
    # Where the results lie determines nothing that is shown, and results may be moved.
    fingerprint = notebook_fingerprint(source, shown, PAPER_WORKLOADS, trace=trace, seed=seed)
    output = results_dir / "notebooks" / f"{target.name}.ipynb"
    return _Task(target, shown | {"results_dir": str(results_dir.resolve())}, output, fingerprint)


def _execute(task: _Task, fresh_timings: bool) -> None:
    parameters = task.parameters
    if fresh_timings and task.target.timed:
        parameters = parameters | {"measure_again": True}
    with written_files() as written:
        execute(task.target.notebook, parameters, task.output)
    write_record(task.output, task.fingerprint, written)
