"""Palette, sizes and wording of all figures, in one place.

Colours are those of Okabe and Ito, which the common colour-vision deficiencies tell apart; line styles,
hatches and markers carry the same information in greyscale.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

PAGE_IN = 7.2
"""Width in inches of a figure over both columns of a paper page."""

COLUMN_IN = 3.5
"""Width in inches of a figure in one column."""

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


def method_looks(methods: list[str]) -> dict[str, Look]:
    """Return the look of each method; a method outside the paper takes a spare one."""
    others = [method for method in methods if method not in METHOD_LOOKS]
    spare = {name: SPARE_LOOKS[index % len(SPARE_LOOKS)] for index, name in enumerate(others)}
    return {method: METHOD_LOOKS.get(method) or spare[method] for method in methods}


def method_title(method: str) -> str:
    """Return the name of a method as it is printed."""
    return METHOD_TITLES.get(method, method)


def ordered(names: pd.Series, known: tuple[str, ...]) -> list[str]:
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
def house_style() -> Iterator[None]:
    """Apply the style of all figures for the duration of a ``with`` block."""
    with mpl.rc_context(RC):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure whose parts make room for each other."""
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
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
    seeds = ", ".join(str(seed) for seed in dict.fromkeys(frame["seed"]))
    plural = "s" if len(set(frame["edition"])) > 1 else ""
    return "  ·  ".join([f"edition{plural} {editions}", traces, f"seed {seeds}", *notes])


def write_caption(figure: Figure, text: str) -> None:
    """Write a small line under the figure, inside its layout."""
    figure.supxlabel(text, x=0.01, ha="left", fontsize=6.5, color=MUTED)


def name_panel(axes: Axes, title: str) -> None:
    """Write the title of a panel, left-aligned."""
    axes.set_title(title, loc="left", fontweight="bold")
