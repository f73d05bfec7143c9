"""Which payload a model gets."""

from collections.abc import Mapping

from ipa.serving.payloads.payload import PAYLOADS, Input, Payload, PayloadRequest

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
        Name in ``PAYLOADS``; empty chooses one that fits the inputs.
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
    request = PayloadRequest(inputs, seed, dict(settings or {}))
    return PAYLOADS[kind or fitting_kind(inputs)](request)


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
