"""A payload: the items that requests carry, and what is needed to make them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ipa.errors import InvalidValueError, PayloadError, UnknownNameError, brief
from ipa.limits import Range
from ipa.registry import Registry
from ipa.serving.v2 import Answer, Tensor

ITEMS = Range(1, 100_000, "items", whole=True)
"""Different items of a payload; all are made before the load begins."""

DEFAULT_NAME = "input"
"""Name of the tensor for a model that does not say how it calls its inputs."""


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a model as the model describes it.

    Parameters
    ----------
    name, datatype
        Of the protocol.
    shape
        Length of every axis; -1 stands for any.
    """

    name: str
    datatype: str
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PayloadRequest:
    """What a payload is made of.

    Parameters
    ----------
    inputs
        Inputs that the model describes; none if it describes none.
    seed
        Of everything random.
    settings
        What the user asks for, by name; every kind knows its own.
    """

    inputs: tuple[Input, ...] = ()
    seed: int = 0
    settings: Mapping[str, str | int | float] = field(default_factory=dict)

    def rng(self, item: int, place: int = 0) -> np.random.Generator:
        """Return what draws one input of one item; it depends on the seed and on both numbers only."""
        return np.random.default_rng([self.seed, item, place])

    def whole_numbers(self, allowed: Mapping[str, tuple[int, Range]]) -> dict[str, int]:
        """Return the settings of a kind that takes whole numbers only.

        Parameters
        ----------
        allowed
            Default and range of each by name.

        Raises
        ------
        UnknownNameError
            If the kind has no such setting.
        InvalidValueError
            If a value lies outside its range.
        """
        self.check_names(allowed)
        return {name: self._whole(name, *given) for name, given in allowed.items()}

    def check_names(self, allowed: Mapping[str, object]) -> None:
        """Raise an UnknownNameError if a setting is none of these."""
        for name in self.settings:
            if name not in allowed:
                raise UnknownNameError("setting of this payload", name, allowed)

    def names(self, datatype: str, kind: str) -> tuple[str, ...]:
        """Return the names of the model's inputs, all of which have to be of one datatype.

        Raises
        ------
        PayloadError
            If one is of another.
        """
        for wanted in self.inputs:
            if wanted.datatype not in ("", datatype):
                raise PayloadError(
                    f"payload {kind} is {datatype}, and input {brief(wanted.name)!r} of the model takes"
                    f" {brief(wanted.datatype)}; give another --payload, or none to let the model choose"
                )
        return tuple(wanted.name for wanted in self.inputs) or (DEFAULT_NAME,)

    def _whole(self, name: str, default: int, allowed: Range) -> int:
        given = self.settings.get(name, default)
        try:
            number = int(given)
        except ValueError:
            raise InvalidValueError(f"{name} must {allowed}, not {brief(given)!r}") from None
        return allowed.check(name, number)


class Payload(ABC):
    """The items that requests carry; request i carries item ``i % items``."""

    @property
    @abstractmethod
    def items(self) -> int:
        """How many different items there are."""

    @abstractmethod
    def tensors(self, index: int) -> list[Tensor]:
        """Return the tensors of an item; the same for the same seed and index."""

    def is_right(self, index: int, answer: Answer) -> bool | None:  # noqa: ARG002 (others know the truth)
        """Return whether an answer tells the truth about an item; None where nobody knows it."""
        return None


@dataclass(frozen=True, slots=True)
class MadePayload(Payload):
    """Items that a function makes.

    Parameters
    ----------
    count
        How many different ones there are.
    make
        Returns the tensors of one.
    """

    count: int
    make: Callable[[int], list[Tensor]]

    @property
    def items(self) -> int:
        """How many different items there are."""
        return self.count

    def tensors(self, index: int) -> list[Tensor]:
        """Return the tensors of an item."""
        return self.make(index)


@dataclass(frozen=True, slots=True)
class FixedPayload(Payload):
    """Items that are there already.

    Parameters
    ----------
    contents
        The tensors of each.
    """

    contents: Sequence[list[Tensor]]

    @property
    def items(self) -> int:
        """How many different items there are."""
        return len(self.contents)

    def tensors(self, index: int) -> list[Tensor]:
        """Return the tensors of an item."""
        return self.contents[index]


@dataclass(frozen=True, slots=True)
class JoinedPayload(Payload):
    """Items that carry an item of each of several payloads.

    Parameters
    ----------
    parts
        Each fills some of the inputs.
    """

    parts: tuple[Payload, ...]

    @property
    def items(self) -> int:
        """As many as the part with the most has; the others begin again."""
        return max(part.items for part in self.parts)

    def tensors(self, index: int) -> list[Tensor]:
        """Return the tensors of an item."""
        return [tensor for part in self.parts for tensor in part.tensors(index % part.items)]


PAYLOADS = Registry[Callable[[PayloadRequest], Payload]]("payload")
