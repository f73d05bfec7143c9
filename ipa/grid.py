"""Runs many experiments on all cores; what is complete and unchanged is not run again."""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from ipa.errors import IpaError, ResultsError
from ipa.experiments import RunSpec, is_complete, run, run_folder
from ipa.results import read_summary

Progress = Callable[[int, int, str], None]
"""(runs done, runs in all, name of the run that just ended) -> None."""


@dataclass(frozen=True, slots=True)
class GridReport:
    """What a grid did.

    Parameters
    ----------
    ran, reused
        Runs that were run now, and that were complete already.
    """

    ran: int
    reused: int


def run_grid(
    specs: Sequence[RunSpec], results_dir: Path, jobs: int, progress: Progress | None = None
) -> GridReport:
    """Run what is missing of a grid.

    Parameters
    ----------
    specs
        Resolved specs (``ipa.experiments.grid_specs``).
    results_dir
        Where the results lie.
    jobs
        Processes to use, at least 1.
    progress
        Called as runs end.

    Returns
    -------
    GridReport
        How many runs were run and reused.

    Notes
    -----
    An interrupted grid keeps the runs that ended; the next call does the others.
    """
    missing = [spec for spec in specs if not is_complete(results_dir, spec)]
    done = len(specs) - len(missing)
    report = GridReport(ran=len(missing), reused=done)
    if progress is not None:
        progress(done, len(specs), "")
    if not missing:
        return report
    # Spawned workers start clean: a fork would inherit the threads of the caller (a notebook kernel, a bar).
    pool = ProcessPoolExecutor(
        min(jobs, len(missing)), mp_context=get_context("spawn"), initializer=ignore_interrupts
    )
    try:
        futures = {pool.submit(run, spec, results_dir): spec for spec in missing}
        for future in as_completed(futures):
            spec = futures[future]
            _check(spec, future.exception())
            done += 1
            if progress is not None:
                progress(done, len(specs), f"{spec.experiment}/{spec.run}")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return report


def _check(spec: RunSpec, error: BaseException | None) -> None:
    if isinstance(error, IpaError):
        raise error
    if error is not None:
        raise IpaError(f"run {spec.experiment}/{spec.run} failed: {type(error).__name__}: {error}") from error


def ignore_interrupts() -> None:
    """Leave it to the parent process to end this one on Ctrl-C."""
    # Ctrl-C reaches the whole process group; the parent alone decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def summaries(specs: Sequence[RunSpec], results_dir: Path) -> pd.DataFrame:
    """Return the summaries of the runs of a grid, one row each.

    Raises
    ------
    ResultsError
        If a run is missing; says how to run it.
    """
    absent = [spec for spec in specs if not (run_folder(results_dir, spec) / "summary.json").is_file()]
    if absent:
        raise ResultsError(
            f"{len(absent)} of {len(specs)} runs are missing under {results_dir}, the first is"
            f" {absent[0].experiment}/{absent[0].run}; run: ipa grid --edition {absent[0].edition}"
        )
    return pd.DataFrame([read_summary(run_folder(results_dir, spec)) for spec in specs])
