"""Hashes of what is in memory: values, objects, and functions with all the code and values they refer to.

A value is walked: the items of containers, the fields of objects, the elements of arrays. A function of this
package counts by its name, since the package's code is hashed elsewhere (``ipa.results.source_files``); one
of a library by its name and the library's version; one that the user wrote by its code
(``ipa.results.own_code``).
"""

import copyreg
import functools
import hashlib
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import uuid4

import numpy as np

from ipa.pipeline.pipeline import Pipeline
from ipa.results import own_code

MOST_PARTS = 1_000_000
"""A value of more parts than this is taken for one that cannot be hashed."""

_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented)})
_NOT_STATE = frozenset(
    {
        *("__annotations__", "__dict__", "__doc__", "__firstlineno__", "__module__", "__qualname__"),
        *("__slotnames__", "__weakref__"),
    }
)


class CannotBeHashedError(Exception):
    """A value has a state that nobody outside of it can see, for example a generator's."""


def digest(*values: object) -> str:
    """Return a hash of some values, equal in every process in which they are equal.

    Something whose state cannot be seen has another hash each time, so that it never equals anything.

    Examples
    --------
    >>> digest({"a": [1, 2.5]}) == digest({"a": [1, 2.5]})
    True
    >>> digest([1, 2]) == digest([1, 3])
    False
    """
    walk = Walk()
    try:
        walk.add(values)
    except (CannotBeHashedError, RecursionError):
        return f"never the same: {uuid4().hex}"
    return walk.result()


class Walk:
    """Visits everything that a value is made of, each part once, and hashes it on the way."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._numbers: dict[int, int] = {}
        self._visited: list[object] = []

    def result(self) -> str:
        """Return the hash of what was visited."""
        return self._hash.hexdigest()

    def put(self, *tokens: object) -> None:
        """Hash tokens as they print."""
        for token in tokens:
            content = token if isinstance(token, bytes) else repr(token).encode("utf-8", "backslashreplace")
            self._hash.update(b"%d:" % len(content) + content)

    def add(self, value: Any) -> None:
        """Visit a value."""
        if type(value) in _PLAIN:
            self.put(type(value).__name__, value)
            return
        if id(value) in self._numbers:
            self.put("again", self._numbers[id(value)])
            return
        if len(self._visited) > MOST_PARTS:
            raise CannotBeHashedError
        self._numbers[id(value)] = len(self._visited)
        # What was visited stays alive, or its identity could be given to something else.
        self._visited.append(value)
        visit = next((visit for kind, visit in VISITS if isinstance(value, kind)), _add_object)
        visit(self, value)

    def add_all(self, values: Iterable[object]) -> None:
        """Visit values in their order."""
        self.put("(")
        for value in values:
            self.add(value)
        self.put(")")


def _add_object(walk: Walk, value: Any) -> None:
    walk.put("object")
    walk.add(type(value))
    if is_dataclass(value) and own_code.is_of_a_run(own_code.file_of_class(type(value))):
        walk.add_all(getattr(value, field.name, None) for field in fields(value))
    elif hasattr(value, "py_func"):
        walk.add(value.py_func)
    else:
        _add_reduced(walk, value)


def _add_reduced(walk: Walk, value: Any) -> None:
    """Visit what pickle would write; unlike there, classes and functions need not be found by their names."""
    try:
        reduce = copyreg.dispatch_table.get(type(value))
        parts = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception as error:
        raise CannotBeHashedError from error
    if isinstance(parts, str):
        walk.put("global", parts)
        return
    walk.add_all(list(part) if isinstance(part, Iterator) else part for part in parts)


def _add_sequence(walk: Walk, value: Any) -> None:
    if type(value) not in {list, tuple}:
        _add_object(walk, value)
        return
    walk.put(type(value).__name__)
    walk.add_all(value)


def _add_mapping(walk: Walk, value: Any) -> None:
    if type(value) is not dict:
        _add_object(walk, value)
        return
    walk.put("dict", len(value))
    for key, item in value.items():
        walk.add(key)
        walk.add(item)


def _add_set(walk: Walk, value: Any) -> None:
    members = []
    for member in value:
        inner = Walk()
        inner.add(member)
        members.append(inner.result())
    walk.put(type(value).__name__, sorted(members))


def _add_array(walk: Walk, value: Any) -> None:
    walk.put("array", value.dtype.str, value.shape)
    if value.dtype.hasobject:
        walk.add(value.tolist())
    else:
        walk.put(value.tobytes())


def _add_function(walk: Walk, value: types.FunctionType) -> None:
    file = value.__code__.co_filename
    if own_code.is_of_a_run(file) or own_code.is_library(file):
        walk.put("function", value.__module__, value.__qualname__, value.__code__.co_firstlineno)
        walk.put(own_code.library_version(value.__module__))
    else:
        walk.put("own function")
        own_code.add_code(walk, value.__code__, value.__globals__)
    walk.add_all([value.__defaults__, value.__kwdefaults__, value.__closure__, _attributes(value)])


def _attributes(value: Any) -> dict[str, object]:
    return {name: item for name, item in vars(value).items() if name != "__wrapped__"}


def _add_builtin(walk: Walk, value: Any) -> None:
    walk.put("builtin", type(value).__name__, getattr(value, "__module__", ""), value.__name__)
    owner = getattr(value, "__self__", getattr(value, "__objclass__", None))
    if not isinstance(owner, types.ModuleType):
        walk.add(owner)


def _add_class(walk: Walk, value: type) -> None:
    file = own_code.file_of_class(value)
    walk.put("class", value.__qualname__)
    if own_code.is_of_a_run(file) or own_code.is_library(file):
        walk.put(value.__module__, own_code.library_version(value.__module__))
        return
    sources = own_code.sources(file)
    walk.put(sources)
    walk.add(value.__bases__)
    for name, member in sorted(vars(value).items()):
        if name in _NOT_STATE:
            continue
        walk.put(name)
        try:
            walk.add(member)
        except CannotBeHashedError:
            # What a class holds beside its methods is made by its source.
            if not sources:
                raise


def _add_module(walk: Walk, value: types.ModuleType) -> None:
    file = getattr(value, "__file__", None) or ""
    walk.put("module", value.__name__.rpartition(".")[2])
    if own_code.is_of_a_run(file) or own_code.is_library(file):
        walk.put(value.__name__, own_code.library_version(value.__name__))
    else:
        walk.put(own_code.sources(file))


def _add_path(walk: Walk, value: PurePath) -> None:
    walk.put("path", str(value), own_code.content_of(str(value)))


def _add_cell(walk: Walk, value: types.CellType) -> None:
    try:
        content = value.cell_contents
    except ValueError:
        walk.put("empty")
        return
    own_code.add_value(walk, content)


class _Same:
    """Equal only to a holder of the very same object: comparing pipelines would walk all of them."""

    def __init__(self, value: Pipeline) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _add_pipeline(walk: Walk, value: Pipeline) -> None:
    walk.put("pipeline", _pipeline_digest(_Same(value)))


@functools.lru_cache(maxsize=256)
def _pipeline_digest(holder: _Same) -> str:
    inner = Walk()
    _add_object(inner, holder.value)
    return inner.result()


VISITS: tuple[tuple[Any, Callable[[Walk, Any], None]], ...] = (
    (Pipeline, _add_pipeline),
    (Enum, lambda walk, value: walk.add_all([type(value), value.name])),
    ((list, tuple), _add_sequence),
    (dict, _add_mapping),
    ((set, frozenset), _add_set),
    ((np.ndarray, np.generic), _add_array),
    (types.FunctionType, _add_function),
    (types.MethodType, lambda walk, value: walk.add_all(["method", value.__func__, value.__self__])),
    (functools.partial, lambda walk, value: walk.add_all([value.func, value.args, value.keywords])),
    (type(functools.lru_cache(len)), lambda walk, value: walk.add(value.__wrapped__)),
    (
        (
            types.BuiltinFunctionType,
            types.MethodDescriptorType,
            types.WrapperDescriptorType,
            types.MethodWrapperType,
            types.ClassMethodDescriptorType,
            types.GetSetDescriptorType,
            types.MemberDescriptorType,
        ),
        _add_builtin,
    ),
    ((staticmethod, classmethod), lambda walk, value: walk.add(value.__func__)),
    (property, lambda walk, value: walk.add_all([value.fget, value.fset, value.fdel])),
    (functools.cached_property, lambda walk, value: walk.add(value.func)),
    (types.CodeType, lambda walk, value: own_code.add_code(walk, value, {})),
    (types.CellType, _add_cell),
    (types.MappingProxyType, lambda walk, value: walk.add(dict(value))),
    (types.ModuleType, _add_module),
    (type, _add_class),
    (PurePath, _add_path),
    (weakref.ref, lambda walk, value: walk.add(value())),
)
"""How the parts of each kind of value are visited; anything else is an object."""
