"""An experiment in the simulator."""

from dataclasses import replace

from ipa.errors import InvalidValueError
from ipa.experiments.execute import RunOutcome, execute
from ipa.experiments.resolved import resolve_run
from ipa.experiments.spec import RunSpec
from ipa.platforms.simulated import SimulatedSettings
from ipa.workload import Workload


def settings_of(spec: RunSpec) -> SimulatedSettings:
    """Return what is assumed in a run that is simulated.

    Raises
    ------
    InvalidValueError
        If it runs on another platform.
    """
    if not isinstance(spec.settings, SimulatedSettings):
        raise InvalidValueError(f"this needs the platform simulated, not {spec.platform}")
    return spec.settings


def simulate(spec: RunSpec, workload: Workload | None = None) -> RunOutcome:
    """Run an experiment in the simulator without touching the disk.

    Parameters
    ----------
    spec
        What to run. One that names another platform is simulated with default settings.
    workload
        A load to use instead of the one that the spec names.

    Returns
    -------
    RunOutcome
        Decisions, requests and measures.

    Examples
    --------
    >>> outcome = simulate(RunSpec(workload="steady-low", trace="synthetic", duration_s=60))
    >>> len(outcome.decisions), outcome.measures.dropped
    (7, 0)
    """
    if spec.platform != "simulated":
        spec = replace(spec, platform="simulated", platform_settings=None)
    return execute(resolve_run(spec, workload))
