"""The commands by name; the module of one is imported when it runs, not when help lists it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command, get_group


@dataclass(frozen=True, slots=True)
class Source:
    """Where a command comes from.

    Parameters
    ----------
    module
        Name of its module in ``ipa.cli``.
    name
        Name there: of a function that is the command, or of an app with commands of its own.
    summary
        What the list of commands says about it, which is how its own help begins.
    """

    module: str
    name: str
    summary: str


SOURCES = {
    "reproduce": Source(
        "reproduce",
        "reproduce_command",
        "Run the experiments, execute the notebooks, save the figures and check the claims.",
    ),
    "run": Source(
        "run",
        "run_command",
        "Run one pipeline, workload and method on a platform and write its folder under results/.",
    ),
    "grid": Source(
        "grid",
        "grid_command",
        "Run every combination of editions, pipelines, workloads and methods; complete runs are kept.",
    ),
    "load": Source(
        "load",
        "load_command",
        "Send an open-loop load to a V2 endpoint and account for every request.",
    ),
    "up": Source(
        "up",
        "up_command",
        "Serve a pipeline by processes on this machine until Ctrl-C, and say how to call it.",
    ),
    "adapt": Source(
        "adapt",
        "adapt_command",
        "Adapt a live pipeline to its load, step after step, until Ctrl-C or its end.",
    ),
    "controller": Source(
        "controller",
        "controller_command",
        "Adapt all InferencePipelines of a Kubernetes cluster to their load until Ctrl-C or SIGTERM.",
    ),
    "solve": Source(
        "solve",
        "solve_command",
        "Decide once: the variant, batch size and replicas of every stage at an arrival rate.",
    ),
    "frontier": Source(
        "frontier",
        "frontier_command",
        "List every plan within the limits that no cheaper plan matches in accuracy, and who chooses it.",
    ),
    "describe": Source(
        "describe",
        "describe_command",
        "Check a pipeline file and show its stages, variants, base allocations and SLA.",
    ),
    "claims": Source(
        "claims",
        "claims_command",
        "Check every claim of the paper against the runs under results/.",
    ),
    "published": Source(
        "claims",
        "published_command",
        "Compare all 160 published runs with ours on the real trace; without it, show the stored comparison.",
    ),
    "profile": Source(
        "profile",
        "profile_command",
        "Measure the variants of a pipeline, one replica at a time, and write a profile and a pipeline file.",
    ),
    "doctor": Source(
        "doctor",
        "doctor_command",
        "Say what is installed, which solvers and licences work, which trace is used, and how to mend the"
        " rest.",
    ),
    "forecast": Source("forecast", "app", "Train the load forecasters, or measure them."),
    "trace": Source("trace", "app", "Fetch the real load trace, or say which one is used."),
    "models": Source("models", "app", "Fetch pretrained weights, or say which are here."),
    "cluster": Source(
        "cluster", "app", "Install IPA into a Kubernetes cluster, look at it there, remove it."
    ),
    "bench": Source("bench", "app", "Measure this machine. Compare within one run only: machines are noisy."),
}
"""Commands in the order in which help lists them."""


def listed_command(name: str) -> TyperCommand:
    """Return what stands for a command in the list of commands."""
    return TyperCommand(name=name, help=SOURCES[name].summary)


def load_command(name: str) -> Any:
    """Import a command and return it."""
    source = SOURCES[name]
    found = getattr(import_module(f"ipa.cli.{source.module}"), source.name)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(found)
        return get_command(alone)
    command: Any = get_group(found)
    command.name = name
    return command


class CommandsByName(Mapping[str, Any]):
    """The commands; each is imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        """Return a command."""
        if name not in SOURCES:
            raise KeyError(name)
        return load_command(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(SOURCES)

    def __contains__(self, name: object) -> bool:
        """Whether there is a command of this name."""
        return name in SOURCES

    def __len__(self) -> int:
        """Return how many there are."""
        return len(SOURCES)
