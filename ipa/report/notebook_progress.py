"""A bar in a notebook cell while it works, gone once it is done, so that stored outputs hold results only."""

import sys
import time
from collections.abc import Callable
from typing import Any

WIDTH = 30
_EVERY_S = 0.5
_QUIET_S = 1.0


def notebook_progress(doing: str) -> Callable[..., None]:
    """Return what a long call of a cell reports its progress to.

    Parameters
    ----------
    doing
        What is counted, for example ``experiments``.

    Returns
    -------
    callable
        (done, in all, what just ended) -> None; the last is optional. Outside a notebook it shows nothing.
        The cell should print its results after the call has ended: the bar clears the cell's output.
    """
    display = _display()
    started_s = time.monotonic()
    handle: Any = None
    shown_s = started_s + _QUIET_S - _EVERY_S

    def show(done: int, total: int, _at: str = "") -> None:
        nonlocal handle, shown_s
        now_s = time.monotonic()
        if display is None:
            return
        if done >= total:
            if handle is not None:
                display.clear_output()
                handle = None
        elif now_s >= shown_s + _EVERY_S:
            content = {"text/plain": bar_text(doing, done, total, now_s - started_s)}
            shown_s = now_s
            if handle is None:
                handle = display.display(content, raw=True, display_id=True)
            else:
                handle.update(content, raw=True)

    return show


def bar_text(doing: str, done: int, total: int, elapsed_s: float) -> str:
    """Return a bar with what is done, what there is in all, and the time left.

    Examples
    --------
    >>> bar_text("runs", 8, 32, 5.0)
    'runs ███████▌░░░░░░░░░░░░░░░░░░░░░░ 8 of 32, 15 s left'
    """
    eighths = 8 * WIDTH * done // total
    bar = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    left = f", {time_left(done, total, elapsed_s)} left" if done else ""
    return f"{doing} {bar.ljust(WIDTH, '░')} {done} of {total}{left}"


def time_left(done: int, total: int, elapsed_s: float) -> str:
    """Return the time left if the rest takes as long as what is done, in words.

    Examples
    --------
    >>> time_left(1, 10, 20.0), time_left(9, 10, 20.0)
    ('3 min', '2 s')
    """
    left_s = elapsed_s * (total - done) / done
    return f"{left_s / 60:.0f} min" if left_s >= 90 else f"{left_s:.0f} s"


def _display() -> Any:
    """Return IPython's display module inside a notebook's kernel, else None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython import display

    return display
