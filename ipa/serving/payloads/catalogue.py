"""Which payload a model gets."""

from collections.abc import Mapping

from ipa.serving.payloads.payload import PAYLOADS, Input, JoinedPayload, Payload, PayloadRequest

NAMED_IMAGE = ("image", "picture", "photo", "frame")
NAMED_AUDIO = ("audio", "sound", "speech", "wave")


def make_payload(
    kind: str,
    inputs: tuple[Input, ...] = (),
    seed: int = 0,
    settings: Mapping[str, str | int | float] | None = None,
) -> Payload:
    """Return a payload for a model.

    Parameters
    ----------
    kind
        Name in ``PAYLOADS``; empty chooses one that fits the inputs, or one for each kind of inputs.
    inputs
        What the model describes.
    seed
        Of everything random.
    settings
        What the kind takes beside it.

    Raises
    ------
    UnknownNameError
        If there is no such kind, or it has no such setting.
    PayloadError
        If the kind does not fit the inputs.

    Examples
    --------
    >>> make_payload("text", (Input("question", "BYTES", (-1,)),)).tensors(0)[0].name
    'question'
    """
    given = dict(settings or {})
    groups = {kind: inputs} if kind else _by_kind(inputs)
    parts = tuple(PAYLOADS[name](PayloadRequest(group, seed, given)) for name, group in groups.items())
    return parts[0] if len(parts) == 1 else JoinedPayload(parts)


def _by_kind(inputs: tuple[Input, ...]) -> dict[str, tuple[Input, ...]]:
    """Return the inputs by the kind of payload that fits; together where one kind fits all."""
    if (whole := fitting_kind(inputs)) != "numbers" or all(one.datatype != "BYTES" for one in inputs):
        return {whole: inputs}
    kinds = {one: fitting_kind((one,)) for one in inputs}
    return {kind: tuple(one for one in inputs if kinds[one] == kind) for kind in kinds.values()}


def fitting_kind(inputs: tuple[Input, ...]) -> str:
    """Return the kind of payload that fits the inputs of a model.

    Examples
    --------
    >>> fitting_kind((Input("image", "BYTES"),)), fitting_kind((Input("x", "FP32"),)), fitting_kind(())
    ('image', 'numbers', 'bytes')
    """
    if not inputs:
        return "bytes"
    datatypes = {wanted.datatype for wanted in inputs}
    if datatypes == {"BYTES"}:
        return "image" if _named(inputs, NAMED_IMAGE) else "text"
    if datatypes == {"FP32"} and len(inputs) == 1 and _named(inputs, NAMED_AUDIO):
        return "audio"
    return "numbers"


def _named(inputs: tuple[Input, ...], words: tuple[str, ...]) -> bool:
    return any(word in wanted.name.lower() for wanted in inputs for word in words)
