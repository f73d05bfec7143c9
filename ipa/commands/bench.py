"""``ipa bench``: how fast decisions and the simulator are on this machine."""

from typing import Annotated

import pandas as pd
import typer

from ipa.bench.decision import bench_decision
from ipa.bench.simulator import bench_simulator
from ipa.commands.options import JsonOption, SeedOption
from ipa.commands.output import messages, print_json, print_table
from ipa.provenance import environment

app = typer.Typer(
    help="Measure this machine. Compare within one run only: machines are noisy.", no_args_is_help=True
)
RepeatsOption = Annotated[int, typer.Option(min=1, help="Repetitions; medians are over them.")]


@app.command("decision")
def decision_command(repeats: RepeatsOption = 20, seed: SeedOption = 0, as_json: JsonOption = False) -> None:
    """Time every solver on the five pipelines and on 10 stages with 10 variants and 7 batch sizes."""
    _show(bench_decision(repeats=repeats, seed=seed), as_json=as_json)


@app.command("simulator")
def simulator_command(repeats: RepeatsOption = 5, seed: SeedOption = 0, as_json: JsonOption = False) -> None:
    """Count the requests per second that one core simulates."""
    _show(bench_simulator(repeats=repeats, seed=seed), as_json=as_json)


def _show(frame: pd.DataFrame, *, as_json: bool) -> None:
    if as_json:
        print_json({"environment": environment(), "rows": frame.to_dict("records")})
        return
    print_table(frame)
    messages.print(f"on {environment()['cpu']}, Python {environment()['python']}", highlight=False)
