"""Keeps the garbage collector away from what lives long."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_settled() -> Iterator[None]:
    """Let the collector leave alone what is there now: to walk through it in the middle of work is slow."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
