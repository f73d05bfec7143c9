"""Writes figures to files that are the same bytes for the same figure."""

import os
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures.style import PRINT_DPI
from ipa.written_files import note_written

METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "png": {"Software": None},
}
"""Formats, and the metadata to leave out of each: times and versions would make equal figures differ."""


def save(figure: Figure, results_dir: Path, name: str) -> list[Path]:
    """Write a figure as PDF and PNG, each whole or not at all.

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
        If the folder cannot be made.
    """
    folder = results_dir / "figures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"{folder} cannot be made: {error.strerror}; choose another folder") from error
    files = []
    for form, metadata in METADATA.items():
        file = folder / f"{name}.{form}"
        draft = folder / f".{file.name}.{os.getpid()}"
        # Type 42 embeds TrueType outlines, which publishers accept and editors can change.
        with mpl.rc_context({"pdf.fonttype": 42}):
            figure.savefig(draft, format=form, dpi=PRINT_DPI, metadata=metadata)
        draft.replace(file)
        note_written(file)
        files.append(file)
    return files


def file_name(subject: str, frame: pd.DataFrame) -> str:
    """Return a name that tells figures of other editions, traces and seeds apart.

    Parameters
    ----------
    subject
        What the figure shows.
    frame
        Results with the columns ``edition``, ``trace`` and ``seed``.
    """
    parts = [subject]
    for column in ("edition", "trace"):
        parts += [value for value in dict.fromkeys(frame[column]) if value not in parts]
    return "-".join([*parts, *(f"seed{seed}" for seed in dict.fromkeys(frame["seed"]) if seed)])
