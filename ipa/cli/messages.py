"""Where progress, notes and errors go."""

from rich.console import Console

messages = Console(stderr=True)
"""For progress, notes and errors, so that standard output holds results only."""
