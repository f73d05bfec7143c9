"""Options of the commands that serve a pipeline on this machine."""

from typing import Annotated, Literal

import typer

from ipa import limits
from ipa.cli.options import within

SourceOption = Annotated[
    Literal["emulated", "packaged", "random", "pretrained"] | None,
    typer.Option(
        "--source",
        help="Weights: emulated (replicas wait as long as the profile says; the default), packaged, random"
        " or pretrained.",
    ),
]
QueueLimitOption = Annotated[
    int | None, typer.Option("--queue-limit", help="Visits that may wait in front of a stage; 10000.")
]
CoreLimitOption = Annotated[
    int | None,
    typer.Option(
        "--core-limit",
        callback=within(limits.CORES),
        help="Cores that all replicas may hold together; a plan that does not fit waits.",
    ),
]
StartUpOption = Annotated[
    bool | None,
    typer.Option(
        "--emulate-start-up", help="Let emulated replicas take as long to start as the pipeline file says."
    ),
]
PayloadOption = Annotated[
    str | None, typer.Option("--payload", help="What requests carry; what the pipeline takes by default.")
]
PayloadSettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--payload-setting", metavar="NAME=VALUE", help="For example size=4096 or width=320; repeatable."
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        callback=within(limits.LATENCY_S),
        help="Seconds after which the load generator gives a request up; 60.",
    ),
]
