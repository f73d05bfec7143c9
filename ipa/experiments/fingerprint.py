"""What a run's result depends on, as one hash: taken before the run, from what is loaded in memory."""

from dataclasses import asdict
from hashlib import sha256

from ipa.experiments.editions import EDITIONS, RunParameters
from ipa.experiments.run_names import pipeline_identity, workload_identity
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS, ForecastContext, make_forecaster
from ipa.optimizer.methods import METHODS
from ipa.optimizer.solve import SOLVERS
from ipa.results.memory_digest import digest
from ipa.results.provenance import package_versions
from ipa.results.source_files import code_sha256
from ipa.workload import ARRIVAL_PROCESSES, Workload

RESULT_FORMAT = 2
"""Raised when the files of a run change their form, so that older ones are run again."""


def fingerprint(spec: RunSpec) -> str:
    """Return a hash of everything that determines the result of a resolved spec.

    What was registered by a name counts by its code. The same result has the same hash wherever its files
    lie.
    """
    parameters, workload = spec.parameters(), _workload(spec)
    context = ForecastContext(true_rates_rps=workload.rates_rps)
    return digest(
        _inputs(spec, parameters, workload),
        make_forecaster(parameters.forecaster, context),
        FORECASTERS[parameters.forecaster],
        EDITIONS[spec.edition],
        METHODS[spec.method],
        SOLVERS[spec.solver],
        ARRIVAL_PROCESSES[spec.arrivals],
    )


def inputs_digest(spec: RunSpec) -> str:
    """Return a hash of what a resolved spec says and reads, and of the code of IPA."""
    return digest(_inputs(spec, spec.parameters(), _workload(spec)))


def _inputs(spec: RunSpec, parameters: RunParameters, workload: Workload) -> tuple[object, ...]:
    """Return what is loaded; a file is read anew if its content has changed."""
    # Where files lie does not matter; what they hold is in the parameters and the rates.
    named = {
        "pipeline": pipeline_identity(spec.pipeline)[0],
        "workload": workload_identity(spec.workload)[0],
    }
    return (
        RESULT_FORMAT,
        code_sha256(),
        package_versions(),
        asdict(spec) | named,
        parameters,
        workload.source,
        sha256(workload.rates_rps.tobytes()).hexdigest(),
    )


def _workload(spec: RunSpec) -> Workload:
    return spec.load()
