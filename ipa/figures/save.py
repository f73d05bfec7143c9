"""Writes figures to files that are the same bytes for the same figure."""

import os
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures.style import PAGE_IN, PRINT_DPI
from ipa.results.file_names import safe_name, short_hash
from ipa.results.written_files import note_written

METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "png": {"Software": None},
}
"""Formats, and the metadata to leave out of each: times and versions would make equal figures differ."""

LONGEST_NAME = 120
"""Characters of a file name, well below what every file system takes."""


def save_figure(figure: Figure, results_dir: Path, name: str) -> list[Path]:
    """Write a figure as PDF and PNG, each whole or not at all; its layout stays as it is in them.

    A figure that is not as wide as a page is named by its width, so that it stands beside the page-wide one.

    Parameters
    ----------
    figure
        What to write.
    results_dir
        The files go to ``<results_dir>/figures/``.
    name
        File name without its ending.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ResultsError
        If a file cannot be written.
    """
    folder = results_dir / "figures"
    if (width_in := figure.get_figwidth()) != PAGE_IN:
        name = f"{name}-{width_in:g}in"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _lay_out(figure)
        return [_write(figure, folder / f"{name}.{form}", form) for form in METADATA]
    except OSError as error:
        raise ResultsError(
            f"figure {name} cannot be written to {folder}: {error.strerror}; choose another folder"
        ) from error


def _lay_out(figure: Figure) -> None:
    """Place the parts of a figure for good; each file, and a notebook that shows it, would do it anew.

    The places are those of the PDF, which has no pixels that text is fitted to.
    """
    engine, canvas, dpi = figure.get_layout_engine(), figure.canvas, figure.get_dpi()
    if engine is None:
        return
    try:
        FigureCanvasPdf(figure)
        engine.execute(figure)
    finally:
        figure.set_canvas(canvas)
        figure.set_dpi(dpi)
    figure.set_layout_engine(None)


def _write(figure: Figure, file: Path, form: str) -> Path:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        # Type 42 embeds TrueType outlines, which publishers accept and editors can change.
        with mpl.rc_context({"pdf.fonttype": 42}):
            figure.savefig(draft, format=form, dpi=PRINT_DPI, metadata=METADATA[form])
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    note_written(file)
    return file


def file_name(
    subject: str, frame: pd.DataFrame | None = None, changed: Mapping[str, object] | None = None
) -> str:
    """Return a name that tells figures of other editions, traces, seeds and parameters apart.

    Parameters
    ----------
    subject
        What the figure shows; of the paper's figures with their number.
    frame
        Results with the columns ``trace`` and ``seed``, and ``edition`` where it matters.
    changed
        Further parameters that differ from their defaults.

    Examples
    --------
    >>> file_name("figure-7", None, {"workloads": ["bursty", "loads/mine.txt"]})
    'figure-7-workloads=bursty+mine~f03020'
    """
    parts = [safe_name(subject)]
    told = pd.DataFrame() if frame is None else frame
    for column in ("edition", "trace"):
        parts += [safe_name(v) for v in dict.fromkeys(told.get(column, ())) if v not in parts]
    parts += [f"seed{seed}" for seed in dict.fromkeys(told.get("seed", ())) if seed]
    parts += [f"{name}={_brief(value)}" for name, value in (changed or {}).items()]
    name = "-".join(parts)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 7]}~{short_hash(name)}"


def _brief(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "+".join(map(_brief, value)) if isinstance(value, list | tuple) else safe_name(str(value))
