"""What a load generator needs of the endpoint that it loads, whichever protocol that speaks."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ipa.results.requests import REASONS
from ipa.serving.payloads import Input
from ipa.serving.v2 import Answer, Tensor

Stamp = Callable[[], None]
"""Called at the instant in which a request goes out, and again each time that it is sent again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without an answer.

    Parameters
    ----------
    reason
        Why, one of ``REASONS``.
    stage
        Where in the pipeline; empty where the endpoint does not say.
    message
        What the endpoint said.
    again_after_s
        After how many seconds it may be sent again under the same id, for nobody serves it any more; None: it
        may not, or nobody knows.
    """

    reason: str
    stage: str = ""
    message: str = ""
    again_after_s: float | None = None


_TOLD = re.compile(rf"(?P<reason>{'|'.join(REASONS)})\b(?:.*?\bstage '?(?P<stage>[^\s',:;]+))?", re.DOTALL)


def failure(message: str, otherwise: str, again_after_s: float | None = None) -> Failure:
    """Return the failure that a message tells of.

    Parameters
    ----------
    message
        What the endpoint said; a gateway begins with the reason and names the stage.
    otherwise
        The reason if the message begins with none.
    again_after_s
        After how many seconds the request may be sent again; None: it may not.

    Examples
    --------
    >>> told = failure("expired: stage detect did not take it within 2 s", "timeout")
    >>> told.reason, told.stage
    ('expired', 'detect')
    >>> failure("Deadline Exceeded", "timeout").reason
    'timeout'
    """
    told = _TOLD.match(message)
    if told is None:
        return Failure(otherwise, "", message, again_after_s)
    return Failure(told["reason"], told["stage"] or "", message, again_after_s)


def pause_s(told: object, otherwise: float | None) -> float | None:
    """Return the seconds of a ``Retry-After``; another value if there is none that is a number of seconds.

    Examples
    --------
    >>> pause_s("2", None), pause_s(None, 0.0), pause_s("Wed, 21 Oct 2026 07:28:00 GMT", 1.0)
    (2.0, 0.0, 1.0)
    """
    text = str(told)
    return float(text) if text.isascii() and text.isdecimal() else otherwise


class Endpoint(Protocol):
    """A model behind one protocol."""

    async def inputs(self) -> tuple[Input, ...]:
        """Return the inputs that the model describes; none if it describes none.

        Raises
        ------
        EndpointError
            If there is nobody, or no such model, or it is not ready.
        """
        ...

    def prepare(self, items: Sequence[Sequence[Tensor]]) -> None:
        """Take the payloads that requests will carry, so that sending one costs little."""
        ...

    async def send(self, item: int, request_id: str, stamp: Stamp) -> Answer | Failure:
        """Send one request and return what came of it.

        Parameters
        ----------
        item
            Number of the payload.
        request_id
            Its id.
        stamp
            Called when it goes out.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
