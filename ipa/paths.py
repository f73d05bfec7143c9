"""Where things lie: the data shipped with the repository, results, and downloads of this user."""

import os
from pathlib import Path

from platformdirs import user_cache_path

from ipa.errors import IpaError

PACKAGE = Path(__file__).resolve().parent
"""Folder of the package."""

DATA_VARIABLE = "IPA_DATA"


def data_dir() -> Path:
    """Return the folder with pipelines, profiles and published figures.

    Returns
    -------
    Path
        ``$IPA_DATA`` if set, else ``data/`` beside the package.

    Raises
    ------
    IpaError
        If that folder does not exist, which happens when the package is installed without its repository.
    """
    named = os.environ.get(DATA_VARIABLE)
    folder = Path(named) if named else PACKAGE.parent / "data"
    if not folder.is_dir():
        raise IpaError(
            f"data folder {folder} not found; install IPA from a clone (pip install -e .)"
            f" or set {DATA_VARIABLE} to the clone's data folder"
        )
    return folder


def stored_results_dir() -> Path:
    """Return the folder for the results that are part of the repository; it need not exist yet."""
    return data_dir().parent / "results" / "stored"


def cache_dir() -> Path:
    """Return the folder for this user's downloads; it need not exist yet."""
    return user_cache_path("ipa")
