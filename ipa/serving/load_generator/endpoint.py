"""What a load generator needs of the endpoint that it loads, whichever protocol that speaks."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ipa.results.requests import REASONS
from ipa.serving.payloads import Input
from ipa.serving.v2 import Answer, Tensor

Stamp = Callable[[], None]
"""Called at the instant in which a request goes out."""


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
    """

    reason: str
    stage: str = ""
    message: str = ""


_TOLD = re.compile(rf"(?P<reason>{'|'.join(REASONS)})\b(?:.*?\bstage '?(?P<stage>[^\s',:;]+))?", re.DOTALL)


def failure(message: str, otherwise: str) -> Failure:
    """Return the failure that a message tells of.

    Parameters
    ----------
    message
        What the endpoint said; a gateway begins with the reason and names the stage.
    otherwise
        The reason if the message begins with none.

    Examples
    --------
    >>> failure("expired: stage detect did not take it within 2 s", "timeout")
    Failure(reason='expired', stage='detect', message='expired: stage detect did not take it within 2 s')
    >>> failure("Deadline Exceeded", "timeout").reason
    'timeout'
    """
    told = _TOLD.match(message)
    if told is None:
        return Failure(otherwise, "", message)
    return Failure(told["reason"], told["stage"] or "", message)


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
