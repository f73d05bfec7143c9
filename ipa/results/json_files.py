"""JSON files of results: written whole or not at all, read with a clear error."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from ipa.errors import ResultsError, brief


@contextmanager
def writing(path: Path, option: str = "--results") -> Iterator[None]:
    """Turn what can go wrong while something is written into a ResultsError of one line.

    Parameters
    ----------
    path
        What is written.
    option
        The option of the command line that says where.
    """
    try:
        yield
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else str(path)
        if isinstance(error, FileExistsError | NotADirectoryError):
            advice = f"it is, or lies below, something that is not a folder; choose another with {option}"
        else:
            advice = f"{error.strerror or error}; choose another folder with {option}, or make room"
        raise ResultsError(f"results cannot be written to {brief(named, 120)}: {advice}") from error
    except ValueError as error:
        # A null byte or half a surrogate pair in a name.
        if "null" not in str(error) and not isinstance(error, UnicodeError):
            raise
        raise ResultsError(f"results cannot be written to {str(path)!r}: {error}") from error


def write_json(file: Path, content: Any) -> None:
    """Write a JSON file whole or not at all; keys keep their order, NaN and infinity become null."""
    text = json.dumps(without_nan(content), indent=2, ensure_ascii=False) + "\n"
    draft = file.with_name(f".{file.name}.{uuid4().hex[:12]}")
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)


def read_json(file: Path) -> Any:
    """Read a JSON file; a missing or broken one is a ResultsError."""
    with _reading(file):
        return json.loads(file.read_text(encoding="utf-8"))


@contextmanager
def _reading(file: Path) -> Iterator[Path]:
    """Turn what can go wrong while a file is read into a ResultsError."""
    try:
        yield file
    except OSError as error:
        raise ResultsError(
            f"{file}: cannot be read: {error.strerror or error}; run the experiment again"
        ) from error
    # A lone bracket too many recurses, another kind of file in its place has no such attributes.
    except (ValueError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        raise ResultsError(f"{file}: is damaged: {error}; run the experiment again") from error


def without_nan(value: Any) -> Any:
    """Return plain values with every NaN and infinity replaced by None, which JSON can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
