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

ROOTS = (PACKAGE / "experiments" / "run.py", PACKAGE / "__init__.py")
"""Whatever these import, directly or not, can change a result; figures and claims only read results."""

PLATFORMS = PACKAGE / "platforms" / "registry.py"
"""Imports the settings of every platform; what one of them serves with it imports when it is deployed."""

_LIBRARIES = tuple(
    str(Path(folder).resolve())
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
    if (folder := sysconfig.get_paths().get(name))
)

_BEGAN_WITH = {file: file_stamp(file) for file in sorted(PACKAGE.rglob("*.py"))}
"""The package as this process loaded it; what is edited later takes effect in the next process."""


@cache
def run_sources(platform: Path | None = None) -> dict[Path, str]:
    """Return the files of this package that runs depend on, with their hashes as they were loaded.

    Parameters
    ----------
    platform
        Where the settings of their platform are written; what only other platforms serve with does not count.
        None: runs on any platform.
    """
    if platform is None:
        return _as_loaded(imported_files(ROOTS, within=PACKAGE))
    own = imported_files([*ROOTS, platform], within=PACKAGE, leaf=PLATFORMS)
    return _as_loaded({*own, *_settings_of_all_platforms()})


@cache
def shared_sources() -> dict[Path, str]:
    """Return the files of this package that every run depends on, whatever its platform."""
    return _as_loaded({*imported_files(ROOTS, within=PACKAGE, leaf=PLATFORMS), *_settings_of_all_platforms()})


def _settings_of_all_platforms() -> tuple[Path, ...]:
    """Return what every run imports along with the names of the platforms."""
    return imported_files([PLATFORMS], within=PACKAGE, at_once=True)


def _as_loaded(files: Iterable[Path]) -> dict[Path, str]:
    return {file: _BEGAN_WITH.get(file, "") for file in files}


@cache
def code_sha256(platform: Path | None = None) -> str:
    """Return a hash of the code of this package that runs depend on (``run_sources``)."""
    return _combine(run_sources(platform))


def code_sha256_of(root: Path) -> str:
    """Return a hash of the code of this package that one of its files depends on, as it was loaded."""
    return _combine(_as_loaded(imported_files([root, PACKAGE / "__init__.py"], within=PACKAGE)))


def code_has_changed(platform: Path | None = None) -> bool:
    """Whether a file that can change a result was edited since this process began."""
    return any(file_stamp(file) != loaded for file, loaded in run_sources(platform).items())


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
    roots: Iterable[Path],
    *,
    within: Path | None = None,
    without: Path | None = None,
    leaf: Path | None = None,
    at_once: bool = False,
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
    leaf
        A file of which nothing is followed.
    at_once
        Only what is imported when they are: not what stands in functions, or is for type checkers.

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
            if file != leaf:
                waiting.extend(_imports(file, file_stamp(file), at_once))
    return tuple(sorted(found))


@cache
def _imports(file: Path, _stamp: str, at_once: bool) -> tuple[Path, ...]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    package, folder = _package_of(file.parent)
    names = {name for statement in _statements(tree, at_once) for name in _find_named(statement, package)}
    return tuple({found for name in names for found in _files(name, folder)})


@cache
def _package_of(folder: Path) -> tuple[str, Path]:
    """Return the dotted name of the package that a folder is, empty if it is none, and where that lies."""
    parts: list[str] = []
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


def _statements(node: ast.AST, at_once: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if at_once and _waits(child):
            continue
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield child
            yield from _statements(child, at_once)


def _waits(node: ast.AST) -> bool:
    """Whether a statement is not executed when its module is imported."""
    for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse
    return for_types or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


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
