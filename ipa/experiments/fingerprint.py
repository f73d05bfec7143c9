"""What a run's result depends on, as one hash: taken before the run, from what is loaded in memory."""

from hashlib import sha256
from pathlib import Path

from ipa.experiments.editions import EDITIONS
from ipa.experiments.resolved import ResolvedRun
from ipa.experiments.run_names import pipeline_identity, workload_identity
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS, ForecastContext, make_forecaster
from ipa.optimizer.methods import METHODS
from ipa.optimizer.solve import SOLVERS
from ipa.paths import PACKAGE
from ipa.platforms.registry import PLATFORMS
from ipa.results.memory_digest import digest
from ipa.results.own_code import file_of_class
from ipa.results.provenance import package_versions
from ipa.results.source_files import code_sha256
from ipa.workload import ARRIVAL_PROCESSES

RESULT_FORMAT = 2
"""Raised when the files of a run change their form, so that older ones are run again."""


def fingerprint(spec: RunSpec) -> str:
    """Return a hash of everything that determines the result of a resolved spec."""
    return fingerprint_of_run(ResolvedRun(spec, spec.parameters(), spec.load()))


def fingerprint_of_run(run: ResolvedRun) -> str:
    """Return a hash of everything that determines the result of a run.

    What was registered by a name counts by its code. The same result has the same hash wherever its files
    lie.
    """
    spec, parameters = run.spec, run.parameters
    context = ForecastContext(true_rates_rps=run.workload.rates_rps)
    return digest(
        _inputs(run),
        make_forecaster(parameters.forecaster, context),
        FORECASTERS[parameters.forecaster],
        EDITIONS[spec.edition],
        METHODS[spec.method],
        SOLVERS[spec.solver],
        ARRIVAL_PROCESSES[spec.arrivals],
        PLATFORMS[spec.platform],
    )


def platform_file(platform: str) -> Path | None:
    """Return where the settings of a platform are written; None for a user's own: it may use any of ours."""
    file = Path(file_of_class(PLATFORMS[platform])).resolve()
    return file if file.is_relative_to(PACKAGE) else None


def code_of_runs(platform: str) -> str:
    """Return a hash of the code of IPA that runs on a platform depend on, as this process loaded it."""
    return code_sha256(platform_file(platform))


def inputs_digest(run: ResolvedRun) -> str:
    """Return a hash of what a run says and has read, and of the code of IPA."""
    return digest(_inputs(run))


def _inputs(run: ResolvedRun) -> tuple[object, ...]:
    # Where files lie does not matter; what they hold is in the parameters and the rates.
    named = {
        "pipeline": pipeline_identity(run.spec.pipeline)[0],
        "workload": workload_identity(run.spec.workload)[0],
    }
    return (
        RESULT_FORMAT,
        code_of_runs(run.spec.platform),
        package_versions(),
        run.spec.as_dict() | named,
        run.parameters,
        run.workload.source,
        sha256(run.workload.rates_rps.tobytes()).hexdigest(),
    )
