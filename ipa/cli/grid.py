"""``ipa grid``: many experiments in the simulator."""

from pathlib import Path
from typing import Annotated

import typer

from ipa.cli.messages import messages, tell
from ipa.cli.options import (
    DEFAULT_RESULTS,
    DEFAULT_SOLVER,
    ForceOption,
    GapsOption,
    JobsOption,
    JsonOption,
    MaxCoresOption,
    MaxReplicasOption,
    PerMinuteOption,
    ReplicasOption,
    ResultsOption,
    SeedOption,
    SolverOption,
    TimestampsOption,
    TraceOption,
)
from ipa.cli.output import default_jobs, print_json, print_table, progress_bar
from ipa.cli.parse import load_format, whole_numbers
from ipa.experiments.finished import summaries
from ipa.experiments.grid import run_grid
from ipa.experiments.grid_specs import default_editions, grid_specs, left_out_note
from ipa.experiments.spec import RunSpec
from ipa.paper import PAPER_PIPELINES, PAPER_WORKLOADS, VERSION_OF_EDITION
from ipa.results.folder import ALL_FILES, KEPT_IN_BRIEF
from ipa.studies.published import compare


def grid_command(
    edition: Annotated[
        list[str] | None,
        typer.Option(
            "--edition",
            "-e",
            help="Editions; as-published and corrected by default, corrected for what the paper does not"
            " have. May be repeated.",
        ),
    ] = None,
    pipeline: Annotated[
        list[str] | None, typer.Option("--pipeline", "-p", help="The paper's by default.")
    ] = None,
    workload: Annotated[
        list[str] | None, typer.Option("--workload", "-w", help="All four by default.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "-m", help="All four by default; of a pipeline of your own rim needs --replicas."
        ),
    ] = None,
    replicas: ReplicasOption = None,
    timestamps: TimestampsOption = False,
    per_minute: PerMinuteOption = False,
    gaps: GapsOption = "refuse",
    trace: TraceOption = "auto",
    seed: SeedOption = 0,
    solver: SolverOption = DEFAULT_SOLVER,
    max_replicas: MaxReplicasOption = None,
    max_cores: MaxCoresOption = None,
    jobs: JobsOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    requests: Annotated[
        bool, typer.Option("--requests", help="Keep the account of every request, about 1 MB a run.")
    ] = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run every combination of editions, pipelines, workloads and methods; complete runs are kept.

    An interrupted grid goes on where it stopped. As-published editions on the real trace are compared with
    the published averages.

    \b
    Examples:
      ipa grid
      ipa grid --edition as-published --trace real
      ipa grid -p video -p nlp -w bursty -m ipa -m rim --json
      ipa grid -p my-pipeline.yaml --replicas 3,3
    """
    pipelines, workloads = pipeline or PAPER_PIPELINES, workload or PAPER_WORKLOADS
    specs = grid_specs(
        edition or default_editions(pipelines, workloads),
        pipelines,
        workloads,
        method,
        replicas=whole_numbers(replicas),
        trace=trace,
        seed=seed,
        solver=solver,
        max_replicas=max_replicas,
        max_cores=max_cores,
        load_format=load_format(timestamps, per_minute),
        gaps=gaps,
    )
    if method is None and (note := left_out_note(specs)):
        tell(f"{note} (--replicas)")
    with progress_bar("grid") as show:
        report = run_grid(
            specs,
            results,
            jobs or default_jobs(),
            show,
            ALL_FILES if requests else KEPT_IN_BRIEF,
            force=force,
        )
    messages.print(f"{report.ran} runs done, {report.reused} kept; results in {results}", highlight=False)
    frame = summaries(specs, results)
    if as_json:
        print_json(frame.to_dict("records"))
        return
    keys = ["edition", "pipeline", "workload", "method"]
    columns = [*keys, "cost_mean_cores", "PAS × 100", "violation_share", "switches_per_hour"]
    print_table(frame.assign(**{"PAS × 100": 100 * frame["pas_mean"]})[columns])
    _print_agreement(specs, results)


def _print_agreement(specs: list[RunSpec], results: Path) -> None:
    """Print how many runs agree with the published averages, per edition that has any."""
    for edition, name in VERSION_OF_EDITION.items():
        real = [spec for spec in specs if spec.edition == edition and spec.trace == "real"]
        if real:
            frame = compare(real, results)
            typer.echo(
                f"\n{edition}: {frame['within'].sum()} of {len(frame)} runs within 5 % of the published cost"
                f" and 2 % of the accuracy ({name}); {frame['within_with_ties'].sum()} accepting exact ties"
            )
