"""``ipa adapt``: the adapter in front of a live pipeline of another terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout

from ipa.cli.adapt_loop import RunningPlatform, check_live, live_adapter, recorded, step_line
from ipa.cli.messages import messages, tell, write_nowhere
from ipa.cli.options import (
    DEFAULT_SOLVER,
    AlphaOption,
    BetaOption,
    EditionOption,
    MaxCoresOption,
    MaxReplicasOption,
    MethodOption,
    MetricOption,
    ReplicasOption,
    SlaOption,
    SolverOption,
    VariantsOption,
)
from ipa.cli.parse import names, whole_numbers
from ipa.cli.run import ForecasterOption, HorizonOption, IntervalOption
from ipa.errors import InvalidValueError
from ipa.experiments.spec import RunSpec
from ipa.platforms.local.folder import LiveFolder, find_folder, running_names
from ipa.platforms.local.remote import RemotePlatform
from ipa.platforms.local.settings import LocalSettings
from ipa.results.decisions import DecisionRecord

NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="Name of the live pipeline; the only one that runs by default."),
]
RecordOption = Annotated[
    Path | None,
    typer.Option(
        "--record", help="File for the decisions; beside the pipeline's logs by default.", metavar="FILE"
    ),
]

LOOK_EVERY_S = 1.0
"""Time between two looks whether the pipeline still runs."""


def adapt_command(
    name: NameArgument = None,
    method: MethodOption = "ipa",
    edition: EditionOption = "corrected",
    solver: SolverOption = DEFAULT_SOLVER,
    forecaster: ForecasterOption = None,
    interval_s: IntervalOption = None,
    horizon_s: HorizonOption = None,
    alpha: AlphaOption = None,
    beta: BetaOption = None,
    metric: MetricOption = None,
    sla_s: SlaOption = None,
    max_replicas: MaxReplicasOption = None,
    max_cores: MaxCoresOption = None,
    replicas: ReplicasOption = None,
    variants: VariantsOption = None,
    record: RecordOption = None,
) -> None:
    """Adapt a live pipeline to its load, step after step, until Ctrl-C or its end.

    The pipeline was started by `ipa up` and goes on when this ends. Every decision is shown and written down.

    \b
    Examples:
      ipa adapt
      ipa adapt video --interval 5 --alpha 20 --record decisions.jsonl
    """
    folder = find_folder(name)
    platform = RemotePlatform(folder)
    about = platform.about
    if about.adapts:
        raise InvalidValueError(f"{about.name} adapts itself already; start it without --adapt")
    spec = RunSpec(
        pipeline=about.pipeline,
        method=method,
        edition=edition,
        solver=solver,
        forecaster=forecaster,
        interval_s=interval_s,
        horizon_s=horizon_s,
        alpha=alpha,
        beta=beta,
        metric=metric,
        sla_s=sla_s,
        max_replicas=max_replicas,
        max_cores=max_cores,
        replicas=whole_numbers(replicas),
        variants=names(variants),
        platform="local",
        platform_settings=LocalSettings(core_limit=about.core_limit),
    )
    check_live(spec)
    file = record or folder.logs / "decisions.jsonl"
    tell(f"decisions go to {file}")
    with _alone(folder), recorded(file, _show) as take:
        adapter = live_adapter(spec, RunningPlatform(platform, _wait_for(folder)), take)
        try:
            adapter.run(until_s=float("inf"))
        except KeyboardInterrupt:
            tell(f"{about.name} goes on with its last plan")


@contextmanager
def _alone(folder: LiveFolder) -> Iterator[None]:
    """Refuse to adapt what another adapter adapts: each would undo what the other decides."""
    lock = FileLock(folder.path / "adapter.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InvalidValueError(f"another ipa adapt adapts {folder.name} already; end that first") from None
    try:
        yield
    finally:
        lock.release()


def _show(step: DecisionRecord) -> None:
    """Print a step; end where nobody reads any more."""
    try:
        typer.echo(step_line(step))
    except BrokenPipeError:
        write_nowhere([1])
        raise SystemExit(1) from None


def _wait_for(folder: LiveFolder) -> Callable[[float], bool]:
    """Return what waits for a while and says whether a live pipeline still runs."""

    def wait(seconds: float) -> bool:
        time.sleep(min(seconds, LOOK_EVERY_S))
        if folder.name in running_names():
            return True
        messages.print(f"{folder.name} has ended", highlight=False)
        return False

    return wait
