"""Palette, sizes and wording of all figures, in one place.

Colours are those of Okabe and Ito, which the common colour-vision deficiencies tell apart; line styles,
hatches and markers carry the same information in greyscale.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Transform, offset_copy

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

PAGE_IN = 7.2
"""Width in inches of a figure over both columns of a paper page."""

COLUMN_IN = 3.3
"""Width in inches of a figure in one column of it."""

NARROW_BELOW_IN = 5.0
"""A figure narrower than this is laid out for one column."""

SCREEN_DPI, PRINT_DPI = 110, 220

INK, MUTED, FAINT = "#222222", "#767676", "#DDDDDD"
LOAD, DECIDED, ALERT = "#9A9A9A", "#0072B2", "#D55E00"

RC: "dict[RcKeyType, Any]" = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.7,
    "lines.linewidth": 1.2,
    "legend.title_fontsize": 7.5,
}

COLUMN_RC: "dict[RcKeyType, Any]" = RC | {
    "font.size": 7,
    "axes.labelsize": 6.5,
    "axes.titlesize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "legend.handlelength": 2.2,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "axes.labelpad": 2,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "lines.linewidth": 1.0,
}
"""What differs in one column: text is as large as in print, so that nothing has to be shrunk."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a series is drawn.

    Parameters
    ----------
    colour
        Colour of lines, bars and markers.
    dashes
        On and off lengths in line widths; empty for a solid line.
    hatch
        Pattern of bars.
    marker
        Marker of points.
    """

    colour: str
    dashes: tuple[float, ...] = ()
    hatch: str = ""
    marker: str = "o"

    @property
    def line_style(self) -> Literal["solid"] | tuple[float, tuple[float, ...]]:
        """Line style as matplotlib takes it."""
        return (0.0, self.dashes) if self.dashes else "solid"


METHOD_LOOKS = {
    "ipa": Look("#0072B2", (), "", "o"),
    "fa2-low": Look("#E69F00", (4, 1.5), "////", "v"),
    "fa2-high": Look("#D55E00", (1.2, 1.2), "xxxx", "^"),
    "rim": Look("#009E73", (6, 1.5, 1.2, 1.5), "....", "s"),
}

SPARE_LOOKS = (
    Look("#CC79A7", (2, 1), "\\\\\\\\", "D"),
    Look("#56B4E9", (8, 2), "----", "P"),
    Look("#222222", (3, 1, 1, 1, 1, 1), "++++", "X"),
)
"""For methods that a user registered, and for the stages of a pipeline."""

STAGE_LOOKS = (Look("#0072B2"), Look("#D55E00", (4, 1.5)), Look("#009E73", (1.2, 1.2)), *SPARE_LOOKS)

METHOD_TITLES = {"ipa": "IPA", "fa2-low": "FA2-low", "fa2-high": "FA2-high", "rim": "RIM"}

TRACE_TITLES = {"real": "real Twitter trace", "synthetic": "synthetic workload"}

CAPTION_PT, CAPTION_CHARACTERS_PER_IN, CAPTION_DOT = 6.5, 20, "  ·  "
COLUMN_CAPTION_PT, COLUMN_CHARACTERS_PER_IN = 6.0, 22

LINE_GAP_PT = 1.3
"""Distance between lines that would cover each other."""

LOG_TICKS = tuple(digit * 10.0**power for power in range(-4, 7) for digit in (1, 2, 5))


def method_looks(methods: list[str]) -> dict[str, Look]:
    """Return the look of each method; a method outside the paper takes a spare one."""
    others = [method for method in methods if method not in METHOD_LOOKS]
    spare = {name: SPARE_LOOKS[index % len(SPARE_LOOKS)] for index, name in enumerate(others)}
    return {method: METHOD_LOOKS.get(method) or spare[method] for method in methods}


def method_title(method: str) -> str:
    """Return the name of a method as it is printed."""
    return METHOD_TITLES.get(method, method)


def put_in_order(names: pd.Series, known: tuple[str, ...]) -> list[str]:
    """Return the distinct names, the known ones first and in their own order."""
    found = list(dict.fromkeys(names))
    return [name for name in known if name in found] + [name for name in found if name not in known]


class NotebookFigure(Figure):
    """A figure that belongs to no window and shows itself in a notebook exactly once."""

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.savefig(content, format="png", dpi=SCREEN_DPI, metadata={"Software": None})
        return content.getvalue()


@contextmanager
def house_style(width_in: float = PAGE_IN) -> Iterator[None]:
    """Apply the style of all figures of some width for the duration of a ``with`` block."""
    with mpl.rc_context(COLUMN_RC if is_narrow(width_in) else RC):
        yield


def is_narrow(width_in: float) -> bool:
    """Whether a figure of this width is laid out for one column of a page."""
    return width_in < NARROW_BELOW_IN


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure whose parts make room for each other."""
    # Beside the axes a little more: on a screen letters are fitted to pixels and wider than in print.
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.03)
    return NotebookFigure(figsize=(width_in, height_in), layout=layout, facecolor="white")


def provenance_line(frame: pd.DataFrame, *notes: str) -> str:
    """Return what the small line under a figure says: edition, trace, seed, then notes.

    Parameters
    ----------
    frame
        Results with the columns ``edition``, ``trace`` and ``seed``.
    notes
        Further remarks.
    """
    editions = " and ".join(dict.fromkeys(frame["edition"]))
    traces = " and ".join(TRACE_TITLES.get(trace, trace) for trace in dict.fromkeys(frame["trace"]))
    plural = "s" if len(set(frame["edition"])) > 1 else ""
    return "  ·  ".join([f"edition{plural} {editions}", traces, seeds_text(frame["seed"]), *notes])


def seeds_text(seeds: Iterable[int]) -> str:
    """Return some seeds as a caption names them.

    Examples
    --------
    >>> seeds_text([3]), seeds_text([0, 1, 2, 0]), seeds_text([0, 4])
    ('seed 3', 'seeds 0 to 2', 'seeds 0, 4')
    """
    found = sorted(set(seeds))
    if len(found) == 1:
        return f"seed {found[0]}"
    if found == list(range(found[0], found[-1] + 1)):
        return f"seeds {found[0]} to {found[-1]}"
    return f"seeds {', '.join(map(str, found))}"


def write_caption(figure: Figure, text: str) -> None:
    """Write a small text under the figure, inside its layout, in as many lines as it needs."""
    width_in = figure.get_figwidth()
    size_pt, density = (
        (COLUMN_CAPTION_PT, COLUMN_CHARACTERS_PER_IN)
        if is_narrow(width_in)
        else (CAPTION_PT, CAPTION_CHARACTERS_PER_IN)
    )
    characters = int(width_in * density)
    # Few remarks share a short line: there they are set as running text, no line of which begins with a dot.
    fill = _running_lines if is_narrow(width_in) else _caption_lines
    lines = [line for part in text.split("\n") for line in fill(part, characters)]
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=size_pt, color=MUTED)


def _running_lines(text: str, characters: int) -> list[str]:
    return wrap(text.replace(CAPTION_DOT, "\N{NO-BREAK SPACE}· "), characters)


def _caption_lines(text: str, characters: int) -> list[str]:
    """Break a caption at its dots, and only a part that is too long for a line at its spaces."""
    lines: list[str] = []
    for part in text.split(CAPTION_DOT):
        for piece in wrap(part, characters) or [""]:
            if lines and len(lines[-1]) + len(CAPTION_DOT) + len(piece) <= characters:
                lines[-1] += CAPTION_DOT + piece
            else:
                lines.append(piece)
    return lines


def name_panel(axes: Axes, title: str, gap_pt: float | None = None) -> None:
    """Write the title of a panel, left-aligned, at some distance from it."""
    axes.set_title(title, loc="left", fontweight="bold", pad=gap_pt)


def short_name(name: str, most: int = 18) -> str:
    """Return a name that fits a panel: of a path its stem, and not more than some characters (at least 4).

    Examples
    --------
    >>> short_name("audio-qa"), short_name("/home/me/pipelines/mine.yaml")
    ('audio-qa', 'mine')
    >>> short_name("a-name-that-never-seems-to-end")
    'a-name-that…to-end'
    """
    path = PurePath(name)
    shown = path.stem if path.suffix or len(path.parts) > 1 else name
    if len(shown) <= most:
        return shown
    # Long names often differ at their end.
    tail = most // 3
    return f"{shown[: most - 1 - tail]}…{shown[-tail:]}"


def set_apart(
    axes: Axes, place: int, places: int, *, gap_pt: float = LINE_GAP_PT, sideways: bool = False
) -> Transform:
    """Return the transform of one of several lines that may coincide: a point or so above the one before.

    Parameters
    ----------
    axes
        Where the lines are drawn.
    place, places
        Which of how many lines.
    gap_pt
        Distance to the next line.
    sideways
        Whether lines are steep, so that they have to be moved to the side as well.
    """
    # Many lines move closer together, so that none seems to have another value.
    gap_pt *= min(1.0, 4 / places)
    shift_pt = ((places - 1) / 2 - place) * gap_pt
    figure = axes.get_figure(root=True)
    return offset_copy(axes.transData, figure, x=-shift_pt if sideways else 0.0, y=shift_pt, units="points")


def use_log_scale(axes: Axes, name: Literal["x", "y"], low: float, high: float, most: int = 7) -> None:
    """Make an axis logarithmic over a range of positive values, with plain numbers as ticks."""
    low, high = low / 1.45, high * 1.25
    axis = axes.xaxis if name == "x" else axes.yaxis
    axes.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    ticks = [tick for tick in LOG_TICKS if low <= tick <= high]
    for kept in ("15", "1"):
        if len(ticks) > most:
            ticks = [tick for tick in ticks if f"{tick:e}"[0] in kept]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.15g}"))
    axis.set_minor_locator(NullLocator())


def whole_ticks(axis: XAxis | YAxis, most: int = 4) -> None:
    """Put ticks at whole numbers only."""
    axis.set_major_locator(MaxNLocator(most, integer=True))
