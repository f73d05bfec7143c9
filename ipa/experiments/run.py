"""One run: executed, measured, written to its folder under ``results/`` unless it is there already."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ipa.errors import IpaError
from ipa.experiments.execute import Record, RunOutcome, execute
from ipa.experiments.fingerprint import (
    code_of_runs,
    fingerprint,
    fingerprint_of_run,
    inputs_digest,
    platform_file,
)
from ipa.experiments.resolved import ResolvedRun, resolve_run
from ipa.experiments.spec import RunSpec
from ipa.results.decision_log import decision_log
from ipa.results.decisions import DecisionRecord
from ipa.results.folder import (
    ALL_FILES,
    DECISIONS,
    PROVENANCE,
    REQUESTS,
    SUMMARY,
    fingerprint_of,
    write_requests,
)
from ipa.results.json_files import write_json
from ipa.results.provenance import environment, file_sha256, machine
from ipa.results.run_folders import check_replaceable, check_writable, locked, replacing
from ipa.results.source_files import code_has_changed

_log = logging.getLogger(__name__)


def run_folder(results_dir: Path, spec: RunSpec) -> Path:
    """Return the folder of a resolved spec."""
    return results_dir / spec.folder_name / spec.run_name


def is_complete(results_dir: Path, spec: RunSpec, needed: Sequence[str] = ALL_FILES) -> bool:
    """Whether a resolved spec was run already and nothing that determines its result has changed since.

    Parameters
    ----------
    results_dir
        Where the results lie.
    spec
        What was run.
    needed
        Files that the run has to have left.
    """
    return fingerprint_of(run_folder(results_dir, spec), needed) == fingerprint(spec)


def run(spec: RunSpec, results_dir: Path, kept: Sequence[str] = ALL_FILES) -> Path:
    """Run an experiment and write its folder, replacing an earlier one whole.

    Parameters
    ----------
    spec
        What to run.
    results_dir
        The run's folder is ``<results_dir>/<experiment>/<run>``.
    kept
        Files to leave in it besides ``provenance.json``.

    Returns
    -------
    Path
        The folder, with ``decisions.jsonl``, ``requests.parquet``, ``summary.json`` and ``provenance.json``.

    Raises
    ------
    ResultsError
        If nothing can be written there, or the folder holds what no run has written.
    """
    return run_once(spec, results_dir, kept, force=True).folder


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came of asking for a run.

    Parameters
    ----------
    folder
        Where the run lies.
    reused
        Whether it was complete and unchanged already.
    """

    folder: Path
    reused: bool


def run_once(
    spec: RunSpec,
    results_dir: Path,
    kept: Sequence[str] = ALL_FILES,
    *,
    force: bool = False,
    watch: Record | None = None,
) -> RunReport:
    """Run an experiment unless it is complete and unchanged; the rest is as for ``run``.

    Another process that is running the same experiment is waited for, and its result is taken.

    Parameters
    ----------
    spec, results_dir, kept
        As for ``run``.
    force
        Run it in any case.
    watch
        Called with the record of every step as soon as it is written down.
    """
    run = resolve_run(spec)
    folder, depends_on = run_folder(results_dir, run.spec), fingerprint_of_run(run)

    def there() -> bool:
        return not force and fingerprint_of(folder, kept) == depends_on

    if there():
        return RunReport(folder, reused=True)
    check_writable(results_dir)
    with locked(folder, results_dir):
        if there():
            return RunReport(folder, reused=True)
        check_replaceable(folder)
        _write(run, depends_on, folder, results_dir, kept, watch)
    return RunReport(folder, reused=False)


def _write(
    run: ResolvedRun,
    depends_on: str,
    folder: Path,
    results_dir: Path,
    kept: Sequence[str],
    watch: Record | None,
) -> None:
    """Run an experiment and write its folder; one that is killed on the way leaves a draft."""
    started, started_s = datetime.now(UTC), time.perf_counter()
    inputs = inputs_digest(run)
    busy = {"machine": machine()} if run.spec.settings.real_time else {}
    with replacing(folder, results_dir) as draft:
        outcome = _execute_logged(run, draft, watch) if DECISIONS in kept else execute(run, watch)
        changed = _find_change(run.spec, inputs)
        if changed:
            _log.warning("%s/%s: %s; it will be run again", folder.parent.name, folder.name, changed)
        if REQUESTS in kept:
            write_requests(draft / REQUESTS, outcome.requests.to_frame())
        write_json(draft / SUMMARY, outcome.summary())
        write_json(
            draft / PROVENANCE,
            {
                "fingerprint": "" if changed else depends_on,
                "incomplete": changed,
                **environment(),
                "code_sha256": code_of_runs(run.spec.platform),
                **busy,
                "seed": run.spec.seed,
                "solver": run.spec.solver,
                "started": started.isoformat(timespec="seconds"),
                "wall_s": round(time.perf_counter() - started_s, 3),
                "files_sha256": {name: file_sha256(draft / name) for name in kept},
            },
        )


def _both(first: Record, second: Record) -> Record:
    """Return what hands a record to two takers."""

    def take(record: DecisionRecord) -> None:
        first(record)
        second(record)

    return take


def _execute_logged(run: ResolvedRun, draft: Path, watch: Record | None) -> RunOutcome:
    """Execute a run; what it decides is on the disk at once."""
    with decision_log(draft) as log:
        outcome = execute(run, log.add if watch is None else _both(log.add, watch))
        log.complete(outcome.decisions)
    return outcome


def _find_change(spec: RunSpec, inputs: str) -> str:
    """Say what a run depends on that has changed since it began; empty if nothing has."""
    if code_has_changed(platform_file(spec.platform)):
        return "the code of IPA was edited after this process began"
    try:
        now = inputs_digest(resolve_run(spec))
    except IpaError as error:
        return f"an input changed while it was under way: {error}"
    return "" if now == inputs else "an input changed while it was under way"
