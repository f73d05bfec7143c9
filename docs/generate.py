"""Writes what the pages say about the code from the code: limits, floors, and the picture of the house.

Run it with ``python docs/generate.py`` after a limit or a floor has changed; a test compares.
"""

import ast
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from ipa import limits

DOCS = Path(__file__).parent
UNITS = {"DEPTH": "levels"}
WIDTH, FLOOR, GAP = 760, 38, 8
CELLAR = 3
"""Floors at the bottom that hold tools and no rooms of the field."""

SVG = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {{height}}" width="{WIDTH}"
     height="{{height}}" role="img" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="14">
  <title>The rooms of ipa, floor by floor</title>
  <rect width="{WIDTH}" height="{{height}}" fill="#ffffff"/>"""
ROOM = f"""  <rect x="{{x:g}}" y="{{y}}" width="{{width:g}}" height="{FLOOR - GAP}" rx="4"
        fill="{{fill}}" stroke="#4c72a0"/>"""
NAME = """  <text x="{x:g}" y="{y}" text-anchor="middle">{room}</text>"""


def documented_limits() -> dict[str, str]:
    """Return what stands below each limit in the source, by name."""
    found: dict[str, str] = {}
    body = ast.parse(Path(limits.__file__).read_text(encoding="utf-8")).body
    for assign, below in pairwise(body):
        match assign, below:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = text.split("\n\n")[0].replace("\n", " ").rstrip(".")
    return found


def floors() -> list[list[str]]:
    """Return the rooms of every floor, from the top, as the contract in pyproject.toml has them."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    return [layer.split(" | ") for layer in layers]


def purpose(room: str) -> str:
    """Return the first sentence of a module or package about itself."""
    package = DOCS.parent / "ipa" / room
    file = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    documentation = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return documentation.split("\n\n")[0].replace("\n", " ").replace("``", "`")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def tables() -> dict[str, str]:
    """Return the tables by name."""
    values = {name: (getattr(limits, name), text) for name, text in documented_limits().items()}
    ranges = [
        (f"`{name}`", text, str(value)) for name, (value, text) in values.items() if hasattr(value, "low")
    ]
    sizes = [
        (f"`{name}`", text, f"{value:,} {UNITS.get(unit := name.split('_')[-1], unit.lower())}")
        for name, (value, text) in values.items()
        if isinstance(value, int)
    ]
    plan = floors()
    rooms = [
        (str(len(plan) - above), f"`{room}`", purpose(room))
        for above, floor in enumerate(plan)
        for room in floor
    ]
    return {
        "ranges": table(("name", "what", "must"), ranges),
        "sizes": table(("name", "what", "at most"), sizes),
        "floors": table(("floor", "room", "what is in it"), rooms),
    }


def page(text: str) -> str:
    """Return a page with its tables as they should be."""
    for name, rows in tables().items():
        mark = f"<!-- table: {name} -->\n"
        if mark in text:
            above, below = text.split(mark)
            text = f"{above}{mark}\n{rows}\n\n<!-- end -->{below.split('<!-- end -->', 1)[1]}"
    return text


def house() -> str:
    """Return the picture of the floors as SVG."""
    plan = floors()
    height = len(plan) * FLOOR + GAP
    parts = [SVG.format(height=height)]
    for above, rooms in enumerate(plan):
        width = (WIDTH - GAP) / len(rooms)
        fill = "#eeeeee" if above >= len(plan) - CELLAR else "#dbe7f3"
        for place, room in enumerate(rooms):
            x, y = GAP + place * width, above * FLOOR + GAP
            parts.append(ROOM.format(x=x, y=y, width=width - GAP, fill=fill))
            parts.append(NAME.format(x=x + (width - GAP) / 2, y=y + 20, room=room))
    return "\n".join([*parts, "</svg>"]) + "\n"


def generated() -> dict[Path, str]:
    """Return every file that is made here, with its content."""
    pages = {DOCS / name: page((DOCS / name).read_text("utf-8")) for name in ("limits.md", "architecture.md")}
    return {**pages, DOCS / "pictures" / "house.svg": house()}


if __name__ == "__main__":
    for file, content in generated().items():
        file.write_text(content, encoding="utf-8")
