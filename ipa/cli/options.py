"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ipa import limits
from ipa.limits import Range
from ipa.paper import PAPER_PIPELINES
from ipa.pipeline.accuracy import MEASURED, METRICS
from ipa.workload.catalogue import TraceChoice
from ipa.workload.load_formats import Gaps


def within(allowed: Range) -> Callable[[typer.CallbackParam, float | None], float | None]:
    """Return what refuses a number of the command line outside a range, NaN and infinity included."""

    def check(param: typer.CallbackParam, value: float | None) -> float | None:
        return value if value is None else allowed.check(param.opts[0], value)

    return check


OTHER_PIPELINES = ("calls", "ocr", "traffic")
"""Pipelines that come with IPA and are not the paper's."""

NAMED_PIPELINES = ", ".join((*PAPER_PIPELINES, *OTHER_PIPELINES))
"""What help says that pipelines are called."""

RateOption = Annotated[float, typer.Option("--rate", "-r", help="Arrival rate in requests per second.")]
PipelineOption = Annotated[
    str,
    typer.Option("--pipeline", "-p", help=f"{NAMED_PIPELINES}, or a YAML file of your own."),
]
WorkloadOption = Annotated[
    str,
    typer.Option(
        "--workload",
        "-w",
        help="bursty, steady-low, steady-high, fluctuating, constant-RATE, poisson-RATE, or a file: one"
        " number a second, or a table with the header time,rate; may be compressed.",
    ),
]
TimestampsOption = Annotated[
    bool,
    typer.Option("--timestamps", help="The file holds the time of one request a line or row, not rates."),
]
PerMinuteOption = Annotated[
    bool, typer.Option("--per-minute", help="The file holds requests per minute, not per second.")
]
GapsOption = Annotated[
    Gaps,
    typer.Option("--gaps", help="Seconds that a file with times leaves out: refuse them, or fill with 0."),
]
MethodOption = Annotated[str, typer.Option("--method", "-m", help="ipa, fa2-low, fa2-high, rim.")]
EditionOption = Annotated[
    str, typer.Option("--edition", "-e", help="as-published (v3), as-published-v1, or corrected.")
]
TraceOption = Annotated[
    TraceChoice,
    typer.Option(
        "--trace", help="Which workloads: the real trace, its synthetic twin, or real where it is found."
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", callback=within(limits.SEED), help="Seed of everything random.")
]
SeedsOption = Annotated[
    int,
    typer.Option(
        "--seeds",
        callback=within(limits.REPETITIONS),
        help="Repetitions behind the claims, with as many seeds from --seed on.",
    ),
]
SolverOption = Annotated[
    str,
    typer.Option(
        "--solver",
        help="exact (the default everywhere), auto (the first usable of Gurobi, HiGHS, CBC), brute-force,"
        " highs, pulp, pulp-highs, pulp-cbc, gurobi, gurobi-nonlinear.",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", callback=within(limits.PROCESSES), help="Processes; all cores by default."),
]
ResultsOption = Annotated[Path, typer.Option("--results", help="Folder for results.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Run again even if the result is there.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AlphaOption = Annotated[float | None, typer.Option(help="Weight of the accuracy, instead of the edition's.")]
BetaOption = Annotated[float | None, typer.Option(help="Weight of one core, instead of the edition's.")]
MetricOption = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help=f"Accuracy metric, instead of the edition's: {', '.join(METRICS)}, or {MEASURED.name} for the"
        " accuracies that the pipeline file states for combinations of variants.",
    ),
]
SlaOption = Annotated[
    float | None, typer.Option("--sla", help="End-to-end SLA in seconds, instead of the edition's.")
]
MaxReplicasOption = Annotated[
    int | None, typer.Option("--max-replicas", help="Most replicas of one stage, instead of the edition's.")
]
MaxCoresOption = Annotated[
    int | None, typer.Option("--max-cores", help="Most cores of a plan; no limit by default.")
]
ReplicasOption = Annotated[
    str | None, typer.Option(help="Fixed replicas of each stage for rim, for example 3,3.", metavar="N,N,...")
]
VariantsOption = Annotated[
    str | None,
    typer.Option(help="Fixed variant of each stage for fa2-low and fa2-high.", metavar="NAME,NAME,..."),
]

DEFAULT_SOLVER = "exact"
"""Needs no licence and proves what it answers; the same in every command and in ``RunSpec``."""

EXIT_INFEASIBLE = 1
"""Exit code of a decision that finds no plan within the limits."""

DEFAULT_RESULTS = Path("results")
