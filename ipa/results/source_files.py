"""The source files that code comes from: as they were when this process began, and what they import."""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import resolve_name
from pathlib import Path

from ipa.file_stamps import file_stamp
from ipa.paths import PACKAGE

ROOT_OF_A_RUN = PACKAGE / "experiments" / "run.py"
"""Whatever this file imports, directly or not, can change a result; figures and claims only read results."""

_LIBRARIES = tuple(
    str(Path(folder).resolve())
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
    if (folder := sysconfig.get_paths().get(name))
)

_BEGAN_WITH = {file: file_stamp(file) for file in sorted(PACKAGE.rglob("*.py"))}
"""The package as this process loaded it; what is edited later takes effect in the next process."""


@cache
def run_sources(root: Path = ROOT_OF_A_RUN) -> dict[Path, str]:
    """Return the files of this package that a file depends on, with their hashes as they were loaded."""
    files = imported_files([root, PACKAGE / "__init__.py"], within=PACKAGE)
    return {file: _BEGAN_WITH.get(file, "") for file in files}


@cache
def code_sha256(root: Path = ROOT_OF_A_RUN) -> str:
    """Return a hash of the code of this package that a file depends on, as this process loaded it."""
    return _combine(run_sources(root.resolve()))


def code_has_changed() -> bool:
    """Whether a file that can change a result was edited since this process began."""
    return any(file_stamp(file) != loaded for file, loaded in run_sources().items())


def _combine(hashes: dict[Path, str]) -> str:
    lines = (f"{file.relative_to(PACKAGE).as_posix()} {hashes[file]}\n" for file in sorted(hashes))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_library(file: str) -> bool:
    """Whether a file belongs to Python or an installed distribution, whose version stands for it."""
    if not file or file.startswith("<frozen"):
        return True
    path = str(Path(file).resolve())
    return path.startswith(_LIBRARIES) or "site-packages" in path or "dist-packages" in path


def imported_files(
    roots: Iterable[Path], *, within: Path | None = None, without: Path | None = None
) -> tuple[Path, ...]:
    """Return files and those they import, directly or not, wherever in them the import stands.

    Parameters
    ----------
    roots
        Files to begin with.
    within
        Only files below this folder; by default all but those of libraries.
    without
        No files below this folder.

    Returns
    -------
    tuple of Path
        Sorted. What is imported by a name that is made while running is not found.
    """
    found: set[Path] = set()
    seen: set[Path] = set()
    waiting = [Path(root).resolve() for root in roots]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        counts = file.is_relative_to(within) if within else not is_library(str(file))
        if without and file.is_relative_to(without):
            continue
        if counts and file.is_file():
            found.add(file)
            waiting.extend(_imports(file, file_stamp(file)))
    return tuple(sorted(found))


@cache
def _imports(file: Path, _stamp: str) -> tuple[Path, ...]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    package, folder = _package_of(file.parent)
    names = {name for statement in _statements(tree) for name in _find_named(statement, package)}
    return tuple({found for name in names for found in _files(name, folder)})


@cache
def _package_of(folder: Path) -> tuple[str, Path]:
    """Return the dotted name of the package that a folder is, empty if it is none, and where that lies."""
    parts: list[str] = []
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield child
            yield from _statements(child)


def _find_named(statement: ast.AST, package: str) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        module = statement.module or ""
        if statement.level:
            if statement.level > len(package.split(".")) or not package:
                return
            module = resolve_name("." * statement.level + module, package)
        yield module
        yield from (f"{module}.{alias.name}" for alias in statement.names)


def _files(module: str, folder: Path) -> tuple[Path, ...]:
    """Return the files that importing a module runs: those of its packages, then its own."""
    return _locate(module, str(folder))[0]


@cache
def _locate(module: str, folder: str) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the files that importing a module runs, none of a library, and where its submodules lie."""
    package = module.rpartition(".")[0]
    files, search = _locate(package, folder) if package else ((), (folder, *sys.path))
    spec = PathFinder.find_spec(module, search) if search else None
    if spec is None:
        return files, ()
    if spec.origin and spec.origin.endswith(".py"):
        files = (*files, Path(spec.origin).resolve())
    search = tuple(spec.submodule_search_locations or ())
    return ((), ()) if search and files and is_library(str(files[-1])) else (files, search)
