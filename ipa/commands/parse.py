"""Turns comma-separated option values into tuples."""

from ipa.errors import InvalidValueError


def names(text: str | None) -> tuple[str, ...] | None:
    """Return the names in ``a,b,c``; None if nothing was given."""
    return tuple(part.strip() for part in text.split(",")) if text else None


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
    if not all(part.isdigit() and int(part) >= 1 for part in parts):
        raise InvalidValueError(f"expected whole numbers of at least 1 separated by commas, got {text!r}")
    return tuple(int(part) for part in parts)
