"""The command line ``ipa COMMAND``: errors a user can act on come without a traceback, with exit code 2."""

import logging
import signal
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ipa.cli.commands import CommandsByName, listed_command
from ipa.cli.messages import tell
from ipa.cli.version import show_version
from ipa.errors import IpaError, brief

EXIT_ERROR = 2
LINE_CHARACTERS = 1500
"""Length of an error; of a longer one, which has a long name in it, both ends are shown."""

EXIT_INTERRUPTED = 128 + signal.SIGINT


UsageError: Any = typer.BadParameter.__base__
"""What a wrong option raises; typer has it under no name of its own."""


class Commands(TyperGroup):
    """The commands; ends those that fail on purpose with a message and an exit code."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = CommandsByName()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the signature of a group)
        """Return the names of the commands."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 (the signature of a group)
        """Return what help lists as a command; the command itself comes when it runs."""
        return listed_command(cmd_name) if cmd_name in self.commands else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of the command that runs, the command, and the arguments left for it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, None if command is None else self.commands[str(name)], rest

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except IpaError as error:
            raise _fail(str(error)) from error
        except UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                raise
            why = brief(error.format_message().rstrip("."), 300)
            raise _fail(f"{why}; see {error.ctx.command_path} --help") from error
        except MemoryError as error:
            raise _fail("not enough memory for this; see the limits in ipa/limits.py") from error
        except OSError as error:
            # A reader of the output that has left, for example `head`, is no failure of a file.
            if isinstance(error, BrokenPipeError):
                raise
            where = f"{error.filename}: " if error.filename else ""
            message = f"error: {where}{error.strerror or error}"
            tell(message, style="red")
            raise typer.Exit(EXIT_ERROR) from error
        except KeyboardInterrupt as error:
            kept = "what was complete is kept, the same command goes on from there"
            tell(f"interrupted; {str(error) or kept}")
            raise typer.Exit(EXIT_INTERRUPTED) from error


def _fail(why: str) -> typer.Exit:
    """Say on one line why a command failed; return what ends it."""
    line = "".join(char if char.isprintable() else "?" for char in why)
    if len(line) > LINE_CHARACTERS:
        line = f"{line[: LINE_CHARACTERS // 2]} ... {line[-LINE_CHARACTERS // 2 :]}"
    tell(f"error: {line}", style="red")
    return typer.Exit(EXIT_ERROR)


class LogLines(logging.Handler):
    """Shows what is logged as one line each on standard error, like the errors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        line = f"{record.levelname.lower()}: {self.format(record)}"
        tell(line)


app = typer.Typer(
    name="ipa",
    cls=Commands,
    help="Inference Pipeline Adaptation: choose model variants, batch sizes and replicas online.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.callback()
def _common(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done to standard error.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show version and commit.", is_eager=True, callback=show_version),
    ] = False,
) -> None:
    log = logging.getLogger("ipa")
    log.handlers = [LogLines()]
    log.setLevel(logging.INFO if verbose else logging.WARNING)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Parameters
    ----------
    arguments
        Command and options; those of the process by default.
    """
    app(args=arguments)
