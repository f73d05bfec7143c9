"""The networks of the ``ocr`` pipeline as a pipeline file describes them: weights, and a size in pixels."""

from collections.abc import Mapping

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.limits import Range
from ipa.serving.runtimes.text_detection import STRIDE_PX, TextDetector, Thresholds
from ipa.serving.runtimes.text_recognition import TextRecogniser
from ipa.serving.weights.ocr import ocr_characters, ocr_network

Settings = Mapping[str, bool | int | float | str]

DETECTORS = {
    "ppocrv6-tiny-det": Thresholds(pixel=0.2, box=0.4, enlargement=1.4),
    "ppocrv3-det": Thresholds(pixel=0.3, box=0.5, enlargement=1.6),
    "ppocrv5-det": Thresholds(pixel=0.3, box=0.6, enlargement=1.5),
}
"""Thresholds that the networks were published with."""

RECOGNISERS = ("ppocrv6-tiny-rec", "ppocrv6-small-rec")

SIDES_PX = Range(STRIDE_PX, 2048)
WIDTHS_PX = Range(32, 3200)


def load_detector(settings: Settings, cores: int) -> TextDetector:
    """Load a detector from the settings of its variant: ``weights`` and ``side_px``."""
    weights = _weights(settings, tuple(DETECTORS))
    side_px = _pixels(settings, "side_px", SIDES_PX)
    if side_px % STRIDE_PX:
        raise InvalidValueError(f"setting side_px is {side_px}; it must be a multiple of {STRIDE_PX}")
    return TextDetector(ocr_network(weights), side_px, DETECTORS[weights], cores)


def load_recogniser(settings: Settings, cores: int) -> TextRecogniser:
    """Load a recogniser from the settings of its variant: ``weights`` and ``width_px``."""
    weights = _weights(settings, RECOGNISERS)
    width_px = _pixels(settings, "width_px", WIDTHS_PX)
    return TextRecogniser(ocr_network(weights), ocr_characters(weights), width_px, cores)


def _weights(settings: Settings, allowed: tuple[str, ...]) -> str:
    name = settings.get("weights", "")
    if name not in allowed:
        raise UnknownNameError("value of the setting weights", str(name), allowed)
    return str(name)


def _pixels(settings: Settings, key: str, allowed: Range) -> int:
    value = settings.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not allowed.holds(value):
        raise InvalidValueError(f"setting {key} is {value!r}; it must be a whole number and {allowed}")
    return value
