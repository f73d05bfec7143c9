"""How Sphinx builds these pages: ``make docs``."""

import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

project = "IPA"
author = "the IPA artifact authors"
copyright = "2024, the IPA artifact authors. Apache-2.0"  # noqa: A001 (the name that Sphinx asks for)
release = metadata.version("ipa")

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build"]
nitpicky = True
# What other projects document; their pages are not looked up, so that this builds without a network.
nitpick_ignore_regex = [
    ("py:class", r"(collections|pandas|pd|pathlib|numpy)\..*|NDArray|ArrayLike|(int|float)\d+|.*\.T")
]

# The notebooks are stored executed; `make test` executes them again and compares.
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "IPA"
html_static_path = ["_static"]
html_css_files = ["ipa.css"]
html_show_sourcelink = False
html_copy_source = False
html_use_index = False

# Sphinx wants its pages below this folder, but on GitHub the links have to lead to where the notebooks are.
HERE = Path(__file__).parent
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", dirs_exist_ok=True)


def _prepare(_app: Sphinx, _name: str, content: list[str]) -> None:
    """Lead links to the copies, and leave out of notebooks what is there for the checker alone."""
    text = content[0].replace("](../notebooks/", "](notebooks/")
    content[0] = re.sub(r'"# NBVAL_CHECK_OUTPUT\\n",\s*("\\n",\s*)?', "", text)


ARRAY = re.compile(r"~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[~numpy\.(\w+)\]\]")
ARRAY_LIKE = re.compile(r"~numpy\._typing\._array_like\._Buffer.*?\[complex \| bytes \| str\]")


def _shorten(_app: Sphinx, *seen: Any) -> tuple[str | None, str | None]:
    """Write array types the way the code does, not as what they stand for."""
    signature, returned = (
        text and ARRAY_LIKE.sub("ArrayLike", ARRAY.sub(r"NDArray[\1]", text)) for text in seen[-2:]
    )
    return signature, returned


def setup(app: Sphinx) -> None:
    """Register what is done to each page when it is read."""
    app.connect("source-read", _prepare)
    app.connect("autodoc-process-signature", _shorten)
