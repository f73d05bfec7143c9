"""Where the inputs of a stage's model come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ipa.errors import InvalidValueError, brief

REQUEST = "request"
"""What stands in place of a stage for the request itself."""


@dataclass(frozen=True, slots=True)
class StageInput:
    """One input of a stage's model.

    Parameters
    ----------
    name
        Name of the input, as the model knows it.
    stage
        Stage whose output it is; empty if it is an input of the request.
    tensor
        Name of that output, or of that input of the request.
    """

    name: str
    stage: str
    tensor: str

    @classmethod
    def parse(cls, name: str, source: str, before: Sequence[str]) -> Self:
        """Read a source as it stands in a pipeline file.

        Parameters
        ----------
        name
            Name of the model's input.
        source
            ``request.TENSOR`` or ``STAGE.TENSOR``.
        before
            Stages that lead to the one whose input it is, directly or through others.

        Raises
        ------
        InvalidValueError
            If the source is of another form or names none of those stages.

        Examples
        --------
        >>> StageInput.parse("image", "text-detection.crops", ["text-detection"])
        StageInput(name='image', stage='text-detection', tensor='crops')
        """
        if source.startswith(f"{REQUEST}.") and REQUEST in before:
            raise InvalidValueError(
                f"{brief(source)!r} could be of the request or of the stage named {REQUEST}; rename the stage"
            )
        # Names may hold dots, so the longest name that fits is the stage's.
        for stage in sorted((REQUEST, *before), key=len, reverse=True):
            if source.startswith(f"{stage}.") and (tensor := source.removeprefix(f"{stage}.")):
                return cls(name, "" if stage == REQUEST else stage, tensor)
        allowed = ", ".join(f"{stage}.NAME" for stage in (REQUEST, *before))
        raise InvalidValueError(
            f"must be an input of the request or an output of a stage before this one, got {brief(source)!r};"
            f" allowed: {allowed}"
        )
