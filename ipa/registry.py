"""A named table of things a user can choose from: solvers, methods, forecasters, workloads, platforms."""

from collections.abc import Callable, Iterator
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
