"""Tables as they are printed: numbers rounded, texts to the left, nothing where nothing is known."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

import pandas as pd

from ipa.errors import ResultsError
from ipa.results.written_files import note_written

MISSING = "–"
UNITS = {"s": "s", "ms": "ms", "rps": "requests/s", "pct": "%", "cores": "cores"}
HEADS = {
    "pas": "PAS",
    "smape_pct": "SMAPE (%)",
    "mae_rps": "MAE (requests/s)",
    "mape_pct": "MAPE (%)",
    "ratio_from": "α/β from",
    "ratio_to": "α/β to",
    "violation_pct": "late or lost (%)",
    "median_ms": "median (ms)",
    "worst_ms": "slowest (ms)",
    "build_ms": "build (ms)",
    "search_ms": "search (ms)",
    "speed_up": "speed-up",
    "same_plan": "same plan",
    "supported": "chosen by some α/β",
    "on_frontier": "on the frontier",
    "mean_s": "mean (s)",
    "p99_s": "p99 (s)",
}
"""Headers that no rule gives."""

LATEX_SPECIAL = {**{sign: f"\\{sign}" for sign in "&%$#_{}"}, "×": r"$\times$", "±": r"$\pm$", "–": "--"}


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table of texts that shows itself in a notebook, and gives itself as Markdown and LaTeX.

    Parameters
    ----------
    heads
        Rows of headers, the upper ones with repetitions where a header spans columns.
    rows
        Cells.
    left
        Whether each column holds text and is aligned to the left.
    """

    heads: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[bool, ...]

    def __repr__(self) -> str:
        """Return the table in columns of equal width."""
        lines = [*self.heads, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.left))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip(line, widths, self.left, strict=True)
            ).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<tr>{''.join(self._header_cells(row))}</tr>" for row in self.heads)
        body = "".join(
            f"<tr>{''.join(_cell('td', *cell) for cell in zip(row, self.left, strict=True))}</tr>"
            for row in self.rows
        )
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"

    def _header_cells(self, row: Sequence[str]) -> Iterator[str]:
        column = 0
        for text, group in groupby(row):
            count = len(list(group))
            # Only an upper row has headers that span columns.
            spans = [count] if text and row is not self.heads[-1] else [1] * count
            for span in spans:
                yield _cell("th", text, self.left[column], span)
                column += span

    def to_markdown(self) -> str:
        """Return the table as GitHub shows it."""
        heads = [" ".join(dict.fromkeys(filter(None, parts))) for parts in zip(*self.heads, strict=True)]
        rules = [":--" if left else "--:" for left in self.left]
        lines = [heads, rules, *([cell.replace("|", "\\|") for cell in row] for row in self.rows)]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def to_latex(self) -> str:
        """Return the table for a paper (needs the package booktabs)."""
        body = [" & ".join(map(_latex, row)) + r" \\" for row in self.rows]
        heads = [" & ".join(map(_latex, row)) + r" \\" for row in self.heads]
        columns = "".join("l" if left else "r" for left in self.left)
        lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *heads, r"\midrule", *body]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def format_table(table: pd.DataFrame, digits: int | Mapping[str, int] = 2) -> PrintedTable:
    """Return a table as it is printed.

    Parameters
    ----------
    table
        What to print. An index without a name is left out.
    digits
        Decimals of numbers that are not whole; for all columns, or by printed header (2 for the others).

    Returns
    -------
    PrintedTable
        Whole numbers without decimals, yes and no for truth values, a dash for what is missing.

    Examples
    --------
    >>> format_table(pd.DataFrame({"method": ["ipa", "rim"], "cost": [2.123, -0.001], "n": [1, None]}))
    method  cost  n
    ipa     2.12  1
    rim     0.00  –
    """
    index_levels = 0 if table.index.names == [None] else table.index.nlevels
    flat = table.reset_index() if index_levels else table
    depth = table.columns.nlevels
    names = [name if isinstance(name, tuple) else (name,) for name in flat.columns]
    heads = [[human(part) for part in name] for name in names]
    # A header of the index belongs beside the lowest row of headers.
    heads = [[*[""] * (depth - 1), head[0]] if n < index_levels else head for n, head in enumerate(heads)]
    columns = [_column(flat.iloc[:, n], _digits(digits, heads[n])) for n in range(len(names))]
    groups = [_without_repetitions(columns[: level + 1]) for level in range(index_levels - 1)]
    columns = [*groups, *columns[len(groups) :]]
    return PrintedTable(
        heads=tuple(zip(*heads, strict=True)),
        rows=tuple(zip(*columns, strict=True)),
        left=tuple(not _is_numeric(flat.iloc[:, n]) for n in range(len(names))),
    )


def save_table(
    table: pd.DataFrame, results_dir: Path, name: str, digits: int | Mapping[str, int] = 2
) -> list[Path]:
    """Write a table as CSV (unrounded), Markdown and LaTeX.

    Parameters
    ----------
    table
        What to write.
    results_dir
        The files go to ``<results_dir>/tables/``.
    name
        File name without its ending.
    digits
        As for ``printed``.

    Raises
    ------
    ResultsError
        If a file cannot be written.
    """
    shown = format_table(table, digits)
    unnamed = table.index.names == [None]
    texts = {
        "csv": table.to_csv(index=not unnamed, lineterminator="\n"),
        "md": shown.to_markdown(),
        "tex": shown.to_latex(),
    }
    folder = results_dir / "tables"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for form, text in texts.items():
            (folder / f"{name}.{form}").write_text(text, encoding="utf-8")
            note_written(folder / f"{name}.{form}")
    except OSError as error:
        raise ResultsError(f"table {name} cannot be written to {folder}: {error.strerror}") from error
    return [folder / f"{name}.{form}" for form in texts]


def human(head: object) -> str:
    """Return the header of a column as it is printed: words, and the unit in brackets.

    Examples
    --------
    >>> human("cost_cores"), human("forecast_rps"), human("plan"), human("smape_pct")
    ('cost (cores)', 'forecast (requests/s)', 'plan', 'SMAPE (%)')
    """
    text = "" if head is None else str(head)
    if text in HEADS:
        return HEADS[text]
    words = text.split("_")
    if len(words) > 1 and words[-1] in UNITS:
        return f"{' '.join(words[:-1])} ({UNITS[words[-1]]})"
    return " ".join(words)


def _is_numeric(column: pd.Series) -> bool:
    known = column.dropna()
    return bool(len(known)) and all(_is_number(value) for value in known)


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__float__") and not isinstance(value, str)


def _digits(digits: int | Mapping[str, int], head: Sequence[str]) -> int:
    if isinstance(digits, int):
        return digits
    return next((digits[part] for part in reversed(head) if part in digits), 2)


def _column(column: pd.Series, digits: int) -> list[str]:
    numbers = [float(value) for value in column.dropna() if _is_number(value)]
    whole = all(value.is_integer() for value in numbers if math.isfinite(value))
    return [_text(value, 0 if whole else digits) for value in column]


def _text(value: object, digits: int) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if str(value) in ("True", "False") and not isinstance(value, str):
        return "yes" if value else "no"
    if not _is_number(value):
        return str(value)
    number = float(str(value))
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    text = f"{number:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def _without_repetitions(columns: Sequence[Sequence[str]]) -> list[str]:
    keys = list(zip(*columns, strict=True))
    return [key[-1] if n == 0 or key != keys[n - 1] else "" for n, key in enumerate(keys)]


def _cell(tag: str, text: str, left: bool, columns: int = 1) -> str:
    align = "left" if left else "center" if columns > 1 else "right"
    span = f' colspan="{columns}"' if columns > 1 else ""
    return f'<{tag}{span} align="{align}" style="text-align: {align}">{escape(text)}</{tag}>'


def _latex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(sign, sign) for sign in text)
