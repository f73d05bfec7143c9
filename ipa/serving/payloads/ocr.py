"""Photographs with a text each that is known, so that a pipeline that reads them can be marked."""

from dataclasses import dataclass

from ipa.errors import PayloadError
from ipa.serving.payloads.ocr_images import make_image
from ipa.serving.payloads.ocr_texts import normal_form
from ipa.serving.payloads.payload import ITEMS, PAYLOADS, Payload, PayloadRequest
from ipa.serving.v2 import Answer, Tensor

ANSWER = "text"
"""Output that holds what was read."""


@dataclass(frozen=True, slots=True)
class OcrPayload(Payload):
    """Labelled images.

    Parameters
    ----------
    name
        Input of the model that takes an image.
    jpegs
        The images.
    texts
        What stands on them.
    """

    name: str
    jpegs: tuple[bytes, ...]
    texts: tuple[str, ...]

    @property
    def items(self) -> int:
        """How many different images there are."""
        return len(self.jpegs)

    def tensors(self, index: int) -> list[Tensor]:
        """Return one image as a request carries it."""
        return [Tensor(self.name, "BYTES", (1, 1), (self.jpegs[index],))]

    def is_right(self, index: int, answer: Answer) -> bool | None:
        """Return whether the text was read right: its letters and digits, upper and lower case alike."""
        for tensor in answer.tensors:
            if tensor.name == ANSWER and isinstance(tensor.data, tuple) and len(tensor.data) == 1:
                read = tensor.data[0].decode("utf-8", "replace")
                return normal_form(read) == normal_form(self.texts[index])
        return None


@PAYLOADS.named("ocr")
def labelled_images(request: PayloadRequest) -> Payload:
    """Return ``items`` (200) photographs of 320 by 320 pixels with a text each, as JPEG."""
    given = request.whole_numbers({"items": (200, ITEMS)})
    names = request.names("BYTES", "ocr")
    if len(names) != 1:
        raise PayloadError(f"payload ocr fills one input, and the model has {len(names)}")
    images = [make_image(request.seed, index) for index in range(given["items"])]
    return OcrPayload(names[0], tuple(i.jpeg for i in images), tuple(i.text for i in images))
