"""Where progress, notes and errors go."""

import os
from collections.abc import Sequence

from rich.console import Console

messages = Console(stderr=True)
"""For progress, notes and errors, so that standard output holds results only."""


def tell(text: str, style: str | None = None) -> None:
    """Print a text on one line as it is: brackets in it are no markup, and numbers have no colours."""
    messages.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def write_nowhere(streams: Sequence[int]) -> None:
    """Let nothing be written any more to where nobody reads: that would fail."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in streams:
        os.dup2(nowhere, stream)
    os.close(nowhere)
