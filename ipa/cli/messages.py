"""Where progress, notes and errors go."""

from rich.console import Console

messages = Console(stderr=True)
"""For progress, notes and errors, so that standard output holds results only."""


def tell(text: str, style: str | None = None) -> None:
    """Print a text on one line as it is: brackets in it are no markup, and numbers have no colours."""
    messages.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
