"""``ipa bench``: how fast decisions and the simulator are on this machine, and whether solvers agree."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import pandas as pd
import typer

from ipa import limits
from ipa.bench.adversarial import climb
from ipa.bench.agreement import Campaign, bench_agreement, keep, usable_opponents
from ipa.bench.artifact import measure_artifact
from ipa.bench.decision import bench_decision
from ipa.bench.growth import bench_growth, steepest
from ipa.bench.hard_problems import store_recipe
from ipa.bench.reproducer import replay_problem
from ipa.bench.simulator import bench_simulator
from ipa.bench.simulators import compare_simulators
from ipa.bench.trace import bench_trace, full_trace
from ipa.bench.validate import REQUESTS, RUNS, validate
from ipa.cli import bench_live, bench_live_runs
from ipa.cli.messages import messages
from ipa.cli.options import (
    DEFAULT_RESULTS,
    EditionOption,
    JobsOption,
    JsonOption,
    MethodOption,
    PipelineOption,
    ResultsOption,
    SeedOption,
    within,
)
from ipa.cli.output import default_jobs, print_json, print_table, progress_bar
from ipa.errors import MissingExtraError, SolverUnavailableError
from ipa.experiments.spec import RunSpec
from ipa.optimizer.solve import DEFAULT_DEADLINE_S
from ipa.optimizer.solvers.gurobi import SizeLimits, size_limits
from ipa.paths import stored_results_dir
from ipa.results.json_files import write_json
from ipa.results.provenance import environment

EXIT_DISAGREEMENT = 1

app = typer.Typer(
    help="Measure this machine. Compare within one run only: machines are noisy.", no_args_is_help=True
)
app.command("load")(bench_live.load_command)
app.command("live")(bench_live_runs.live_command)
app.command("switch")(bench_live_runs.switch_command)
app.command("serving")(bench_live.serving_command)
app.command("reconfigure")(bench_live.reconfigure_command)

DAY_S = 86_400
EngineOption = Annotated[
    Literal["auto", "numba", "python"],
    typer.Option("--engine", help="numba needs the extra fast; auto takes it where it is."),
]
RepeatsOption = Annotated[
    int, typer.Option(callback=within(limits.REPETITIONS), help="Repetitions; medians are over them.")
]


@app.command("decision")
def decision_command(
    repeats: RepeatsOption = 20,
    seed: SeedOption = 0,
    solver: Annotated[
        list[str] | None, typer.Option("--solver", help="All that can be used by default. May be repeated.")
    ] = None,
    deadline_s: Annotated[
        float, typer.Option("--deadline", callback=within(limits.DEADLINE_S), help="Time limit of one solve.")
    ] = DEFAULT_DEADLINE_S,
    adversarial: Annotated[
        bool,
        typer.Option("--adversarial", help="Search for the hardest problems instead."),
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=1.0, help="How long to search for them.", show_default=True)
    ] = 60.0,
    keep_in: Annotated[
        Path | None, typer.Option("--keep", help="Folder to keep the hardest problems found in.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Time solvers on the five pipelines and on generated problems of up to 50 stages and 20 variants.

    All times are wall times in milliseconds: from the problem to the plan, and how much of it built the
    solver's model and how much the solver itself took. A solver that has spent 20 s on a family of problems
    sits the rest out (see n). "refused" is the size limit of the Gurobi licence.

    \b
    Examples:
      ipa bench decision
      ipa bench decision --solver exact --solver highs --repeats 100 --json
      ipa bench decision --adversarial --seconds 120 --deadline 1
    """
    if adversarial:
        _adversarial((solver or ["exact"])[0], seconds, seed, deadline_s, keep_in, as_json=as_json)
        return
    with progress_bar("decision") as show:
        rows = bench_decision(repeats, seed, solver, deadline_s, progress=show)
    limits = _gurobi_limits()
    if as_json:
        _show(rows, as_json=True, gurobi_licence=None if limits is None else asdict(limits))
        return
    rows["refused"] = rows["refused"].map(lambda why: "yes" if why else "")
    _show(rows, as_json=False)
    if limits is not None:
        messages.print(f"Gurobi licence here: {_limits_text(limits)}", highlight=False)


def _adversarial(
    solver: str, seconds: float, seed: int, deadline_s: float, keep_in: Path | None, *, as_json: bool
) -> None:
    """Report the hardest problems that a climb finds."""
    with progress_bar("seconds") as show:
        found = climb(seconds, seed, deadline_s, solver, show)
    if keep_in is not None:
        for what, trial in found.worst.items():
            store_recipe(keep_in / f"{what.replace(' ', '-')}-{seed}.json", trial.recipe)
    counts = {"problems": found.trials, "unproven": found.unproven, "memory_mb": found.memory_mb}
    _show(pd.DataFrame(found.rows()), as_json=as_json, solver=solver, deadline_s=deadline_s, **counts)
    if not as_json:
        messages.print(
            f"{solver}: {found.trials} problems, {found.unproven} of them unproven after {deadline_s:g} s;"
            f" peak memory grew by {found.memory_mb:g} MB",
            highlight=False,
        )


def _gurobi_limits() -> SizeLimits | None:
    try:
        return size_limits()
    except (MissingExtraError, SolverUnavailableError):
        return None


def _limits_text(limits: SizeLimits) -> str:
    if limits.variables is None:
        return "no size limit found"
    return (
        f"at most {limits.variables:,} variables and {limits.constraints:,} constraints,"
        f" {limits.variables_with_products:,} variables with products"
    )


@app.command("simulator")
def simulator_command(repeats: RepeatsOption = 5, seed: SeedOption = 0, as_json: JsonOption = False) -> None:
    """Count the requests per second that one core simulates, with each engine that is installed."""
    with messages.status("simulating") as status:
        frame = bench_simulator(
            repeats=repeats, seed=seed, progress=lambda done: status.update(f"measured: {done}")
        )
    _show(frame, as_json=as_json)


@app.command("growth")
def growth_command(repeats: RepeatsOption = 3, as_json: JsonOption = False) -> None:
    """Measure how time grows with backlog, replicas, stages and variants, and simulators side by side.

    Times are processor times. The exponent is the slope of log time over log size: 1 is in proportion. SimPy
    and Ciw come with the extra bench, numba with the extra fast.

    \b
    Examples:
      ipa bench growth
      ipa bench growth --repeats 5 --json
    """
    with messages.status("measuring") as status:

        def show(done: str) -> None:
            status.update(f"measured: {done}")

        simulators = compare_simulators(repeats=repeats, progress=show)
        growth = bench_growth(repeats, progress=show)
    if as_json:
        rows = {"growth": growth.to_dict("records"), "simulators": simulators.to_dict("records")}
        print_json({"environment": environment(), **rows})
        return
    print_table(simulators.drop(columns="missing").dropna(axis="columns", how="all"))
    for line in sorted(set(simulators["missing"]) - {""}):
        messages.print(line, highlight=False, markup=False)
    _show(growth, as_json=False)
    messages.print(steepest(growth), highlight=False)


@app.command("validate")
def validate_command(
    requests: Annotated[
        int, typer.Option(min=1000, callback=within(limits.REQUESTS), help="Requests per case and run.")
    ] = REQUESTS,
    runs: Annotated[
        int, typer.Option(callback=within(limits.REPETITIONS), help="Runs per case, each with another seed.")
    ] = RUNS,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Hold the simulator against queueing theory: M/M/c, M/D/1, M/G/1, batches, Little's law."""
    with progress_bar("queues") as show:
        frame = validate(requests, runs, seed, progress=lambda done, total: show(done, total, ""))
    _show(frame, as_json=as_json)


@app.command("trace")
def trace_command(
    pipeline: PipelineOption = "video",
    method: MethodOption = "ipa",
    edition: EditionOption = "corrected",
    days: Annotated[
        float | None, typer.Option(callback=within(limits.DAYS), help="Only the first days of the 21.")
    ] = None,
    seed: SeedOption = 0,
    engine: EngineOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Run the whole 21-day trace, 121 million requests, through one pipeline with adaptation."""
    rates_rps = full_trace()
    if days is not None:
        rates_rps = rates_rps[: round(days * DAY_S)]
    spec = RunSpec(pipeline=pipeline, method=method, edition=edition, seed=seed)
    with progress_bar("simulated seconds") as show:
        found = bench_trace(rates_rps, spec, engine, lambda done, total: show(done, total, ""))
    if as_json:
        print_json({"environment": environment(), "engine": engine, **asdict(spec), **found})
        return
    print_table(
        pd.DataFrame([{"measure": name.replace("_", " "), "value": value} for name, value in found.items()])
    )


@app.command("artifact")
def artifact_command(
    results: Annotated[
        Path | None, typer.Option(help="New folder for the results; one that is removed by default.")
    ] = None,
    store: Annotated[bool, typer.Option("--store", help="Keep the figures in results/stored.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure what `make reproduce` costs from nothing, and a second time: seconds, memory, disk, runs.

    \b
    Examples:
      ipa bench artifact
      ipa bench artifact --store
    """
    with TemporaryDirectory() as folder:
        costs = measure_artifact(
            results or Path(folder) / "results",
            progress=lambda command: messages.print(f"measuring: ipa {command}", highlight=False),
        )
    rows = [asdict(cost) for cost in costs]
    if store:
        write_json(stored_results_dir() / "artifact.json", {"environment": environment(), "rows": rows})
    _show(pd.DataFrame(rows), as_json=as_json)


@app.command("agree")
def agree_command(
    cases: Annotated[int, typer.Option(callback=within(limits.CASES), help="Problems to solve.")] = 100_000,
    seed: SeedOption = 0,
    jobs: JobsOption = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Keep the problems that are done already.")
    ] = True,
    results: ResultsOption = DEFAULT_RESULTS,
    replay: Annotated[
        Path | None, typer.Option(help="Solve one file of a disagreement again instead.")
    ] = None,
    store: Annotated[bool, typer.Option("--store", help="Keep the summary in results/stored.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the exact solver with brute force, HiGHS, CBC and Gurobi on very many problems.

    Problems have 1 to 6 stages and 1 to 8 variants, ties, rates from zero to far too much and SLAs that no
    plan keeps. Slow solvers see a sample; the share is in the summary. An interrupted run goes on where it
    stopped. Exits with 1 if solvers disagree; each disagreement is shrunk and kept as a file.

    \b
    Examples:
      ipa bench agree --cases 2000
      ipa bench agree --cases 100000 --seed 1 --jobs 2 --store
      ipa bench agree --replay results/agreement/seed-0/disagreement-0-17-highs.json
    """
    if replay is not None:
        rows = replay_problem(replay)
        _show(rows, as_json=as_json)
        raise typer.Exit(0 if rows["agrees"].all() else EXIT_DISAGREEMENT)
    campaign = Campaign(cases, seed, usable_opponents(), results / "agreement" / f"seed-{seed}")
    with progress_bar("agree") as show:
        outcome = bench_agreement(campaign, jobs or default_jobs(), resume=resume, progress=show)
    write_json(campaign.folder / "summary.json", outcome)
    if store:
        messages.print(f"stored: {keep(campaign)}", highlight=False)
    if as_json:
        print_json(outcome)
    else:
        print_table([{"solver": name} | counts for name, counts in outcome["solvers"].items()])
        messages.print(
            f"{outcome['cases']:,} problems, {outcome['infeasible']:,} of them infeasible;"
            f" kept in {campaign.folder}",
            highlight=False,
        )
    if outcome["disagreements"]:
        messages.print(f"disagreements: {', '.join(outcome['disagreements'])}", highlight=False)
        raise typer.Exit(EXIT_DISAGREEMENT)


def _show(frame: pd.DataFrame, *, as_json: bool, **also: object) -> None:
    if as_json:
        print_json({"environment": environment(), **also, "rows": frame.to_dict("records")})
        return
    print_table(frame)
    messages.print(f"on {environment()['cpu']}, Python {environment()['python']}", highlight=False)
