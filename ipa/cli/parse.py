"""Turns the texts of options into values."""

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from ipa.errors import InvalidValueError, UnknownNameError, brief
from ipa.simulator import ClusterSettings
from ipa.workload.load_formats import LoadFormat

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"


def names(text: str | None) -> tuple[str, ...] | None:
    """Return the names in ``a,b,c``; None if nothing was given.

    Raises
    ------
    InvalidValueError
        If the text is empty, as that of a variable of a script that was never set.
    """
    if text is None:
        return None
    if not text.strip():
        raise InvalidValueError("expected names or numbers separated by commas, got an empty text")
    return tuple(part.strip() for part in text.split(","))


def load_format(timestamps: bool, per_minute: bool) -> LoadFormat:
    """Return the format of a load file that two switches name."""
    if timestamps and per_minute:
        raise InvalidValueError("give either --timestamps or --per-minute")
    return "timestamps" if timestamps else "per-minute" if per_minute else "rates"


def whole_numbers(text: str | None) -> tuple[int, ...] | None:
    """Return the numbers in ``3,3``; None if nothing was given.

    Raises
    ------
    InvalidValueError
        If a part is not a whole number of at least 1.
    """
    parts = names(text)
    if parts is None:
        return None
    if not all(re.fullmatch("[0-9]{1,18}", part) and int(part) >= 1 for part in parts):
        raise InvalidValueError(
            f"expected whole numbers of at least 1 separated by commas, got {brief(text or '')!r}"
        )
    return tuple(int(part) for part in parts)


def seconds(text: str) -> float:
    """Return the seconds of a time such as ``90``, ``90s``, ``1.5m`` or ``2h``.

    Raises
    ------
    InvalidValueError
        If it is no time.
    """
    found = re.fullmatch(rf"({_NUMBER})\s*([smh]?)", text.strip())
    if found is None:
        raise InvalidValueError(f"expected a time such as 90s, 10m or 1h, got {brief(text)!r}")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def share(text: str) -> float:
    """Return the share of a text such as ``5%`` or ``0.05``.

    Raises
    ------
    InvalidValueError
        If it is no share.
    """
    found = re.fullmatch(rf"({_NUMBER})\s*(%?)", text.strip())
    if found is None:
        raise InvalidValueError(f"expected a share such as 5% or 0.05, got {brief(text)!r}")
    return float(found[1]) / (100 if found[2] else 1)


def assignments(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Return the values that the texts ``NAME=VALUE`` of an option give, by name.

    Raises
    ------
    InvalidValueError
        If a text is no assignment, or a name is given twice.
    """
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and name) or name in given:
            raise InvalidValueError(f"{option} takes NAME=VALUE, each once, not {brief(text)!r}")
        given[name] = value
    return given


def cluster_settings(assignments: Sequence[str] | None) -> ClusterSettings:
    """Return what ``name=value`` texts say about a cluster.

    Raises
    ------
    UnknownNameError
        If there is no such property.
    InvalidValueError
        If a text is no assignment, its value is not a number where one is needed, or a property is given
        twice.
    """
    known = [field.name for field in fields(ClusterSettings)]
    given: dict[str, Any] = {}
    for text in assignments or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise InvalidValueError(f"expected name=value, for example start_up_s=30, got {text!r}")
        if name not in known:
            raise UnknownNameError("property of a cluster", name, known)
        if name in given:
            raise InvalidValueError(f"--cluster {name} is given twice")
        given[name] = value if name == "switching" else _number(name, value)
    return ClusterSettings(**given)


def _number(name: str, value: str) -> float:
    try:
        return int(value) if name == "core_limit" else float(value)
    except ValueError:
        kind = "a whole number" if name == "core_limit" else "a number"
        raise InvalidValueError(f"{name} must be {kind}, not {value!r}") from None
