"""Lets a gateway end without losing what it holds."""

import asyncio

from ipa.serving.gateway.engine import Engine


async def drain(engine: Engine, timeout_s: float) -> bool:
    """Refuse new requests; return whether all others ended within a time."""
    engine.accepting = False
    empty = asyncio.Event()

    def look() -> None:
        if not engine.unsettled:
            empty.set()

    engine.on_settled = look
    look()
    try:
        await asyncio.wait_for(empty.wait(), timeout_s)
    except TimeoutError:
        return False
    return True
