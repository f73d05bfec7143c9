"""Runs many experiments on all cores; what is complete and unchanged is not run again."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ipa.errors import InvalidValueError, IpaError
from ipa.experiments.fingerprint import code_of_runs
from ipa.experiments.run import is_complete, run_once
from ipa.experiments.spec import RunSpec
from ipa.results.folder import ALL_FILES, KEPT_IN_BRIEF, KEPT_MEASURES
from ipa.results.run_folders import check_writable, sweep
from ipa.workers import worker_pool

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
    specs: Sequence[RunSpec],
    results_dir: Path,
    jobs: int,
    progress: Progress | None = None,
    kept: Sequence[str] = ALL_FILES,
    *,
    force: bool = False,
) -> GridReport:
    """Run what is missing of a grid.

    Parameters
    ----------
    specs
        Resolved specs (``ipa.experiments.grid_specs``).
    results_dir
        Where the results lie.
    jobs
        Processes to use, at least 1. With 1 the runs stay in this process, where methods and forecasters are
        known that the caller registered itself.
    progress
        Called as runs end.
    kept
        Files to keep of every run (``ipa.results.folder``).
    force
        Run all of them anew.

    Returns
    -------
    GridReport
        How many runs were run and reused.

    Raises
    ------
    IpaError
        If a run fails; names the run. Runs that ended before are kept.

    Notes
    -----
    An interrupted grid keeps the runs that ended; the next call does the others.
    """
    return _run_missing([(spec, tuple(kept)) for spec in specs], results_dir, jobs, progress, force)


Wanted = tuple[RunSpec, tuple[str, ...]]
"""A run, and the files of it to keep."""


def _run_missing(
    wanted: Sequence[Wanted], results_dir: Path, jobs: int, progress: Progress | None, force: bool
) -> GridReport:
    """Run what is missing, all of it with the same processes: each takes two seconds to begin."""
    if jobs < 1:
        raise InvalidValueError(f"jobs must be at least 1, not {jobs}")
    missing = [(spec, kept) for spec, kept in wanted if force or not is_complete(results_dir, spec, kept)]
    done, ran = len(wanted) - len(missing), 0
    if progress is not None:
        progress(done, len(wanted), "")
    if missing:
        check_writable(results_dir)
        sweep(results_dir)
    code = {platform: code_of_runs(platform) for platform in {spec.platform for spec, _ in missing}}
    task = partial(_run_once, results_dir=results_dir, force=force, code=code)
    try:
        with closing(_runs(missing, task, min(jobs, len(missing)))) as ended:
            for spec, reused in ended:
                done, ran = done + 1, ran + (not reused)
                if progress is not None:
                    progress(done, len(wanted), _name(spec))
    except KeyboardInterrupt:
        # A worker that did not end in time was killed, and could not remove its draft.
        sweep(results_dir)
        raise
    return GridReport(ran=ran, reused=len(wanted) - ran)


def _run_once(
    spec: RunSpec, kept: Sequence[str], results_dir: Path, force: bool, code: Mapping[str, str]
) -> bool:
    """Run a spec, in a process that has loaded the same code as the caller, and say if it was there."""
    if code_of_runs(spec.platform) != code[spec.platform]:
        raise IpaError("the code of IPA was edited while the runs were under way; run the same command again")
    settings = spec.settings.for_many_runs()
    return run_once(replace(spec, platform_settings=settings), results_dir, kept, force=force).reused


@dataclass(frozen=True, slots=True)
class RunSet:
    """Runs of which some are kept whole, some in brief, and some as measures only.

    Parameters
    ----------
    whole
        Resolved specs of runs that are kept with the account of every request.
    brief
        Runs of which only decisions and measures are kept, because nothing reads their single requests.
    measured
        Runs that only add to averages: nothing reads their decisions either.
    """

    whole: tuple[RunSpec, ...]
    brief: tuple[RunSpec, ...]
    measured: tuple[RunSpec, ...] = ()

    def run(
        self, results_dir: Path, jobs: int, progress: Progress | None = None, *, force: bool = False
    ) -> GridReport:
        """Run what is missing, or all of it (``run_grid``)."""
        wanted = [
            *((spec, ALL_FILES) for spec in self.whole),
            *((spec, KEPT_IN_BRIEF) for spec in self.brief),
            *((spec, KEPT_MEASURES) for spec in self.measured),
        ]
        return _run_missing(wanted, results_dir, jobs, progress, force)


def _runs(
    missing: Sequence[Wanted], task: Callable[[RunSpec, Sequence[str]], bool], jobs: int
) -> Generator[tuple[RunSpec, bool], None, None]:
    """Run specs and yield each one as it ends, with whether it was there."""
    if jobs < 2:
        for spec, kept in missing:
            with _naming_errors(spec):
                reused = task(spec, kept)
            yield spec, reused
        return
    with worker_pool(jobs) as pool:
        futures = {pool.submit(task, spec, kept): spec for spec, kept in missing}
        for future in as_completed(futures):
            with _naming_errors(futures[future]):
                reused = future.result()
            yield futures[future], reused


def _name(spec: RunSpec) -> str:
    return f"{spec.folder_name}/{spec.run_name}"


@contextmanager
def _naming_errors(spec: RunSpec) -> Iterator[None]:
    """Say in an error which run it comes from."""
    try:
        yield
    except IpaError as error:
        raise IpaError(f"run {_name(spec)} failed: {error}") from error
    except Exception as error:
        raise IpaError(f"run {_name(spec)} failed: {type(error).__name__}: {error}") from error
