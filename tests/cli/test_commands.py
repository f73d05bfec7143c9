"""Commands that are imported when they run."""

import subprocess
import sys

import pytest

import ipa
from ipa.cli.commands import SOURCES, CommandsByName, listed_command
from ipa.lazy_names import import_on_use

THIRD_PARTY = ("numpy", "pydantic", "pandas", "pyarrow", "scipy", "matplotlib", "highspy", "typer", "yaml")
NOT_FOR_HELP = ("numpy", "pydantic", "pandas", "pyarrow", "scipy", "matplotlib", "ipa.optimizer")
NOT_FOR_A_DECISION = ("pandas", "pyarrow", "scipy", "matplotlib", "highspy", "pulp", "numba", "papermill")


def imported(program: str, of: tuple[str, ...]) -> set[str]:
    """Return which of some modules a fresh process has imported once a program has run."""
    tell = f"import sys; print('\\n', *sorted(set({of!r}) & set(sys.modules)))"
    program = f"import atexit; atexit.register(lambda: exec({tell!r}))\n{program}"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_helper_sees_what_is_imported() -> None:
    assert imported("import pandas", THIRD_PARTY) >= {"numpy", "pandas"}


@pytest.mark.parametrize("module", ["ipa", "ipa.errors", "ipa.limits"])
def test_errors_and_limits_need_nothing_but_python(module: str) -> None:
    assert imported(f"import {module}", (*THIRD_PARTY, "ipa.adapter")) == set()


def test_help_imports_no_command() -> None:
    program = "import sys; from ipa.cli.app import main\nsys.argv = ['ipa', '--help']; main()"
    commands = tuple(f"ipa.cli.{source.module}" for source in SOURCES.values())
    assert imported(program, (*NOT_FOR_HELP, *commands)) == set()


def test_a_decision_needs_no_tables_and_no_figures() -> None:
    program = "import sys; from ipa.cli.app import main\nsys.argv = ['ipa', 'solve', '--rate', '9']; main()"
    assert imported(program, (*NOT_FOR_A_DECISION, "ipa.cli.bench", "ipa.cli.solve")) == {"ipa.cli.solve"}


@pytest.mark.parametrize("name", SOURCES)
def test_the_list_of_commands_says_what_the_help_of_each_says_first(name: str) -> None:
    command = CommandsByName()[name]
    assert command.name == name
    assert " ".join(command.help.split("\n\n")[0].split()) == listed_command(name).help


def test_a_command_that_does_not_exist_is_none() -> None:
    commands = CommandsByName()
    assert "sovle" not in commands
    assert len(commands) == len(set(commands)) == len(SOURCES)
    with pytest.raises(KeyError):
        commands["sovle"]


@pytest.mark.parametrize("name", ipa.__all__)
def test_every_public_name_is_found(name: str) -> None:
    found = getattr(ipa, name)
    # A registry has no name of its own.
    assert getattr(found, "__name__", name) == name
    assert ipa.__dict__[name] is found


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'ipa' has no attribute 'Pipelin'"):
        import_on_use("ipa", {"Pipeline": "ipa.pipeline.pipeline"})("Pipelin")
    assert not hasattr(ipa, "Pipelin")
