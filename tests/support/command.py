"""Calling the command line as its user does, in this process."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What a command left on the screen, and its exit code."""

    code: int
    out: str
    err: str


Ipa = Callable[..., Outcome]
"""The fixture ``ipa``: called with the arguments of a command line."""
