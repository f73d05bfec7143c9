"""What determines the behaviour of code that a user wrote, and which code that is."""

import builtins
import os
import re
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from ipa.file_stamps import file_stamp
from ipa.paths import PACKAGE
from ipa.results import source_files

_HEAP = 1 << 9
"""Flag of classes that are made while a program runs."""

LONGEST_PATH = 256
"""A text longer than this is not taken for the name of a file."""

_ENVIRONMENT_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,}")
_first_seen: dict[Path, str] = {}


class Visitor(Protocol):
    """Who visits: hashes tokens, and values with everything that they are made of."""

    def put(self, *tokens: object) -> None:
        """Hash tokens as they print."""

    def add(self, value: Any) -> None:
        """Visit a value."""


def add_code(walk: Visitor, code: types.CodeType, namespace: Mapping[str, Any]) -> None:
    """Visit the code of a user's function, the globals it refers to and the files it comes from.

    Parameters
    ----------
    walk
        Who visits.
    code
        What the function does.
    namespace
        Its globals.
    """
    codes = list(_walk_nested(code))
    names = sorted({name for each in codes for name in each.co_names})
    for each in codes:
        _add_instructions(walk, each)
    walk.put(sources(code.co_filename))
    for name in names:
        if name in namespace:
            walk.put(name)
            add_value(walk, namespace[name])
            _add_attributes(walk, namespace[name], names)
    constants = [constant for each in codes for constant in each.co_consts]
    walk.put(in_named_folders([*constants, *(namespace[name] for name in names if name in namespace)]))


def in_named_folders(values: Iterable[object]) -> list[str]:
    """Return the hashes of files whose names are put together of two values, a folder and a name in it."""
    texts = {str(value) for value in values if isinstance(value, str | Path)}
    names = sorted(text for text in texts if 0 < len(text) <= LONGEST_PATH)
    # Not all that is in a folder: results may lie there too, and would never be found unchanged.
    folders = [name for name in names if os.path.isdir(name)]  # noqa: PTH112 (takes any text)
    found = (content_of(str(Path(folder, name))) for folder in folders for name in names)
    return [content for content in found if content]


def _walk_nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _walk_nested(constant)


def _add_instructions(walk: Visitor, code: types.CodeType) -> None:
    # Neither names of files nor numbers of lines: the same function elsewhere is the same function.
    walk.put(code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    walk.put(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    walk.put(code.co_exceptiontable)
    folder = Path(code.co_filename).parent
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            walk.put("code")
            continue
        walk.add(constant)
        if isinstance(constant, str):
            walk.put(content_of(constant), content_of(str(folder / constant)))
            # A module may be imported by a name in a text.
            walk.put(content_of(str(folder / f"{constant.replace('.', '/')}.py")))
            if _ENVIRONMENT_NAME.fullmatch(constant):
                walk.put(os.environ.get(constant))


def _add_attributes(walk: Visitor, value: object, names: list[str]) -> None:
    """Visit what a user's function may take from a module of the user's own."""
    if not isinstance(value, types.ModuleType):
        return
    file = getattr(value, "__file__", None) or ""
    if not (is_of_a_run(file) or is_library(file)):
        for name in names:
            if name in vars(value):
                walk.put(name)
                add_value(walk, vars(value)[name])


def add_value(walk: Visitor, value: object) -> None:
    """Visit a value that a user's function refers to; where it names a file, what is in that file too."""
    walk.add(value)
    if isinstance(value, str):
        walk.put(content_of(value))


def content_of(name: str) -> str:
    """Return the hash of a file; empty if there is none of that name."""
    return file_stamp(Path(name)) if 0 < len(name) <= LONGEST_PATH else ""


def sources(file: str) -> list[tuple[str, str, str]]:
    """Return name, hash when first seen and hash now of a user's file and of those it imports."""
    path = Path(file)
    if not file or not path.is_file():
        return []
    inside = path.resolve().is_relative_to(PACKAGE)
    found = source_files.imported_files([path], without=None if inside else PACKAGE)
    return sorted(
        (each.name, _first_seen.setdefault(each, file_stamp(each)), file_stamp(each))
        for each in found
        if not is_of_a_run(str(each))
    )


@lru_cache(maxsize=4096)
def is_of_a_run(file: str) -> bool:
    """Whether a file is part of this package's code that every run depends on."""
    return bool(file) and Path(file).resolve() in source_files.shared_sources()


@lru_cache(maxsize=4096)
def is_library(file: str) -> bool:
    """Whether a file belongs to Python or an installed distribution."""
    return source_files.is_library(file)


def library_version(module: str) -> str:
    """Return the version that a library states; empty for one that does not, and for Python's own."""
    top = sys.modules.get((module or "").partition(".")[0])
    stated = getattr(top, "__version__", "")
    return stated if isinstance(stated, str) else ""


def file_of_class(value: type) -> str:
    """Return the file that a class was written in; empty for one of Python or without a file."""
    if getattr(builtins, value.__name__, None) is value:
        return ""
    # Code that was executed without a module of its own says that it is one of Python's.
    homeless = value.__module__ == "builtins" and value.__flags__ & _HEAP
    module = None if homeless else sys.modules.get(value.__module__)
    if module is not None and (file := getattr(module, "__file__", None)):
        return str(file)
    return "" if module is not None and value.__module__ != "__main__" else "<interactive>"
