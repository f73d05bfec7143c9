"""The code blocks of README and docs run, in the order of the page, and print what is shown.

A comment above a block says what else it is: ``<!-- file: NAME -->`` is written to that file,
``<!-- exit: N -->`` ends with that code, ``<!-- not run: WHY -->`` is only checked for commands and options
that exist. A line ``...`` of the shown output stands for any lines, and inside a line for any text.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ipa.forecast import FORECASTERS
from ipa.optimizer.methods import METHODS
from ipa.optimizer.solve import SOLVERS
from ipa.platforms.registry import PLATFORMS
from ipa.report.claims import CHECKS
from ipa.workload import WORKLOADS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
REGISTRIES: dict[str, Any] = {
    "CHECKS": CHECKS,
    "FORECASTERS": FORECASTERS,
    "METHODS": METHODS,
    "PLATFORMS": PLATFORMS,
    "SOLVERS": SOLVERS,
    "WORKLOADS": WORKLOADS,
}

BLOCK = re.compile(
    r"(?:^<!-- (?P<key>[a-z ]+): (?P<value>[^\n]+) -->\n)?^```(?P<language>\w+)\n(?P<body>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)
VARYING = re.compile(r'(?<="solve_ms": )[\d.]+|[\d.]+(?= ms\b)')


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with the comment above it."""

    language: str
    body: str
    key: str
    value: str
    follows: bool
    """Whether nothing stands between it and the block before."""


@dataclass(frozen=True)
class Command:
    """A line of a console, and the output shown below it."""

    words: list[str]
    shown: str


def blocks(page: Path) -> list[Block]:
    text, found, end = page.read_text(encoding="utf-8"), [], -1
    for match in BLOCK.finditer(text):
        part = match.groupdict(default="")
        follows = end >= 0 and not text[end : match.start()].strip()
        found.append(Block(part["language"], part["body"], part["key"], part["value"], follows))
        end = match.end()
    return found


def commands(body: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        words = shlex.split(line, comments=True)
        yield Command([words[0].removeprefix(".venv/bin/"), *words[1:]], shown)


def lines(text: str) -> list[str]:
    plain = VARYING.sub("#", re.sub(r"[ \u2501]+", " ", text))
    return [line.strip() for line in plain.strip().splitlines()]


def is_line(shown: str, real: str) -> bool:
    parts = re.split(r"\s*\.\.\.\s*", shown)
    return re.fullmatch(".*".join(re.escape(part) for part in parts), real) is not None


def is_shown(shown: list[str], real: list[str]) -> bool:
    if not shown:
        return not real
    if shown[0] == "...":
        return any(is_shown(shown[1:], real[start:]) for start in range(len(real) + 1))
    return bool(real) and is_line(shown[0], real[0]) and is_shown(shown[1:], real[1:])


def check(shown: str, real: str, what: str) -> None:
    if shown.strip():
        assert is_shown(lines(shown), lines(real)), f"{what}\nshown:\n{shown}\nreal:\n{real}"


def run_console(block: Block, ipa: Callable[..., Any]) -> None:
    for command in commands(block.body):
        program, *arguments = command.words
        if program == "ipa" and block.key == "not run":
            assert ipa(*arguments, "--help").code == 0, command
        elif program == "ipa":
            outcome = ipa(*arguments)
            assert outcome.code == int(block.value if block.key == "exit" else 0), (command, outcome)
            check(command.shown, outcome.out + outcome.err, " ".join(command.words))
        elif program == "make":
            assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
        else:
            assert block.key == "not run" or program in {"export"}, f"nobody checks {command}"


def run_blocks(page: Path, ipa: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    printed = ""
    for block in blocks(page):
        if block.key == "file":
            Path(block.value).write_text(block.body, encoding="utf-8")
        elif block.language == "console":
            run_console(block, ipa)
        elif block.language == "python":
            exec(compile(block.body, f"a block of {page.name}", "exec"), namespace)  # noqa: S102 (our own pages)
            printed = capsys.readouterr().out
        elif block.language == "text" and block.follows and printed:
            check(block.body, printed, page.name)
            printed = ""


@contextmanager
def registered_for_a_while(page: Path) -> Iterator[None]:
    """Forget afterwards what a page registers."""
    names = re.findall(r'^@([A-Z]+)\.named\("(.+)"\)', page.read_text(encoding="utf-8"), re.MULTILINE)
    with ExitStack() as stack:
        for registry, name in names:
            stack.enter_context(REGISTRIES[registry].temporarily(name))
        yield


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run_and_print_what_is_shown(
    page: Path,
    ipa: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with registered_for_a_while(page):
        run_blocks(page, ipa, capsys)


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\nb", "a\nb\nc", False),
        ("a\n...", "a\nb\nc", True),
        ("took 1.2 ms", "took 0.9 ms", True),
        ("took 1.2 s", "took 0.9 s", False),
        ("a ... c", "a b c", True),
        ("a   │  1", "a │ 1   ", True),
    ],
)
def test_shown_output_is_compared_line_by_line(shown: str, real: str, *, same: bool) -> None:
    assert is_shown(lines(shown), lines(real)) is same


def inline_commands() -> list[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    found = re.findall(r"`ipa ((?!COMMAND)[a-z][^`]*)`", text)
    return sorted({command.replace(" ...", "").strip() for command in found})


@pytest.mark.parametrize("command", inline_commands())
def test_every_command_and_option_that_the_text_names_exists(command: str, ipa: Callable[..., Any]) -> None:
    assert ipa(*command.split(), "--help").code == 0


def test_blocks_that_are_not_run_say_why_and_are_few() -> None:
    left_out = [block for page in PAGES for block in blocks(page) if block.key == "not run"]
    assert all(len(block.value) > 10 for block in left_out)
    assert len(left_out) <= 10
