"""``ipa bench``: how fast decisions and the simulator are on this machine."""

from dataclasses import asdict
from typing import Annotated, Literal

import pandas as pd
import typer

from ipa.bench.decision import bench_decision
from ipa.bench.simulator import bench_simulator
from ipa.bench.trace import bench_trace, full_trace
from ipa.bench.validate import REQUESTS, validate
from ipa.commands.options import EditionOption, JsonOption, MethodOption, PipelineOption, SeedOption
from ipa.commands.output import messages, print_json, print_table, progress_bar
from ipa.experiments import RunSpec
from ipa.intervals import SEEDS
from ipa.provenance import environment

app = typer.Typer(
    help="Measure this machine. Compare within one run only: machines are noisy.", no_args_is_help=True
)
DAY_S = 86_400
EngineOption = Annotated[
    Literal["auto", "numba", "python"],
    typer.Option("--engine", help="numba needs the extra fast; auto takes it where it is."),
]
RepeatsOption = Annotated[int, typer.Option(min=1, help="Repetitions; medians are over them.")]


@app.command("decision")
def decision_command(repeats: RepeatsOption = 20, seed: SeedOption = 0, as_json: JsonOption = False) -> None:
    """Time every solver on the five pipelines and on 10 stages with 10 variants and 7 batch sizes."""
    _show(bench_decision(repeats=repeats, seed=seed), as_json=as_json)


@app.command("simulator")
def simulator_command(repeats: RepeatsOption = 5, seed: SeedOption = 0, as_json: JsonOption = False) -> None:
    """Count the requests per second that one core simulates, with each engine that is installed."""
    with messages.status("simulating") as status:
        frame = bench_simulator(
            repeats=repeats, seed=seed, progress=lambda done: status.update(f"measured: {done}")
        )
    _show(frame, as_json=as_json)


@app.command("validate")
def validate_command(
    requests: Annotated[int, typer.Option(min=1000, help="Requests per case and run.")] = REQUESTS,
    runs: Annotated[int, typer.Option(min=1, help="Runs per case, each with another seed.")] = SEEDS,
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
    days: Annotated[float | None, typer.Option(min=0.01, help="Only the first days of the 21.")] = None,
    seed: SeedOption = 0,
    engine: Annotated[
        Literal["auto", "numba", "python"],
        typer.Option(help="numba needs the extra fast; auto takes it if there."),
    ] = "auto",
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


def _show(frame: pd.DataFrame, *, as_json: bool) -> None:
    if as_json:
        print_json({"environment": environment(), "rows": frame.to_dict("records")})
        return
    print_table(frame)
    messages.print(f"on {environment()['cpu']}, Python {environment()['python']}", highlight=False)
