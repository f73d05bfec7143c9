"""Writes the tables of limits.md from ``ipa/limits.py``; a test compares them.

Run it with ``python docs/limits_page.py`` after a limit has changed.
"""

import ast
import re
from itertools import pairwise
from pathlib import Path

from ipa import limits

PAGE = Path(__file__).parent / "limits.md"
UNITS = {"DEPTH": "levels"}


def documented() -> dict[str, str]:
    """Return what stands below each limit in the source, by name."""
    body = ast.parse(Path(limits.__file__).read_text(encoding="utf-8")).body
    return {
        target.id: text.value.value.split("\n\n")[0].replace("\n", " ").rstrip(".")
        for assign, text in pairwise(body)
        if isinstance(assign, ast.Assign) and isinstance(target := assign.targets[0], ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def tables() -> dict[str, str]:
    """Return the tables of the page by name."""
    values = {name: (getattr(limits, name), text) for name, text in documented().items()}
    ranges = [
        (f"`{name}`", text, str(value)) for name, (value, text) in values.items() if hasattr(value, "low")
    ]
    sizes = [
        (f"`{name}`", text, f"{value:,} {UNITS.get(unit := name.split('_')[-1], unit.lower())}")
        for name, (value, text) in values.items()
        if isinstance(value, int)
    ]
    return {
        "ranges": table(("name", "what", "must"), ranges),
        "sizes": table(("name", "what", "at most"), sizes),
    }


def page(text: str) -> str:
    """Return the page with its tables as they should be."""
    for name, rows in tables().items():
        text = re.sub(
            rf"(<!-- table: {name} -->\n).*?(<!-- end -->)",
            lambda found, rows=rows: f"{found[1]}\n{rows}\n\n{found[2]}",  # type: ignore[misc]
            text,
            count=1,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
