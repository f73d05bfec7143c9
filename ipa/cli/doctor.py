"""``ipa doctor``: what works on this machine."""

from dataclasses import asdict

import typer

from ipa.cli.options import DEFAULT_RESULTS, JsonOption, ResultsOption
from ipa.cli.output import print_json, print_table
from ipa.doctor import State, diagnose

EXIT_BROKEN = 1


def doctor_command(results: ResultsOption = DEFAULT_RESULTS, as_json: JsonOption = False) -> None:
    """Say what is installed, which solvers and licences work, which trace is used, and how to mend the rest.

    Exits with 1 if something that is needed is broken; optional things that are absent are fine.
    """
    found = diagnose(results)
    rows = [asdict(diagnosis) | {"state": diagnosis.state.value} for diagnosis in found]
    if as_json:
        print_json(rows)
    else:
        print_table(rows)
    if any(diagnosis.state is State.BROKEN for diagnosis in found):
        raise typer.Exit(EXIT_BROKEN)
