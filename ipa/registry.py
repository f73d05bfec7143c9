"""A named table of things a user can choose from: solvers, methods, forecasters, workloads, platforms."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from ipa.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for; an unknown name is an error that lists the known ones.

    Parameters
    ----------
    kind
        What an entry is, as it reads in an error message (``"solver"``).

    Examples
    --------
    >>> shapes = Registry[int]("shape")
    >>> _ = shapes.register("triangle", 3)
    >>> shapes["triangle"]
    3
    >>> shapes["triangel"]
    Traceback (most recent call last):
    ...
    ipa.errors.UnknownNameError: unknown shape 'triangel'; allowed: triangle. Did you mean 'triangle'?
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str, entry: T) -> T:
        """Add an entry under a name that is not taken yet and return it."""
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered already")
        self._entries[name] = entry
        return entry

    def named(self, name: str) -> Callable[[T], T]:
        """Register what it decorates under ``name``."""
        return lambda entry: self.register(name, entry)

    @contextmanager
    def temporarily(self, name: str, entry: T | None = None) -> Iterator[None]:
        """Let a name stand for something else until the end of a ``with`` block, as tests need it.

        Parameters
        ----------
        name
            A name that is taken or not; afterwards it stands for what it stood for before.
        entry
            What it stands for meanwhile; without one the name is free, to be registered in the block.

        Examples
        --------
        >>> shapes = Registry[int]("shape")
        >>> with shapes.temporarily("square", 4):
        ...     shapes["square"]
        4
        >>> "square" in shapes
        False
        """
        before = dict(self._entries)
        if entry is None:
            self._entries.pop(name, None)
        else:
            self._entries[name] = entry
        try:
            yield
        finally:
            self._entries.pop(name, None)
            self._entries = before | self._entries

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)
