"""The networks of the ``ocr`` pipeline as a pipeline file describes them: weights, and a size in pixels."""

from collections.abc import Mapping

from ipa.pipeline.pipeline import Setting
from ipa.pipeline.task_settings import read_settings
from ipa.serving.runtimes.text_detection import TextDetector, Thresholds
from ipa.serving.runtimes.text_recognition import TextRecogniser
from ipa.serving.weights.ocr import ocr_characters, ocr_network

Settings = Mapping[str, Setting]

DETECTORS = {
    "ppocrv6-tiny-det": Thresholds(pixel=0.2, box=0.4, enlargement=1.4),
    "ppocrv3-det": Thresholds(pixel=0.3, box=0.5, enlargement=1.6),
    "ppocrv5-det": Thresholds(pixel=0.3, box=0.6, enlargement=1.5),
}
"""Thresholds that the networks were published with."""


def load_detector(settings: Settings, cores: int) -> TextDetector:
    """Load a detector from the settings of its variant: ``weights`` and ``side_px``."""
    known = read_settings("ocr-detection", settings)
    weights = str(known["weights"])
    return TextDetector(ocr_network(weights), int(known["side_px"]), DETECTORS[weights], cores)


def load_recogniser(settings: Settings, cores: int) -> TextRecogniser:
    """Load a recogniser from the settings of its variant: ``weights`` and ``width_px``."""
    known = read_settings("ocr-recognition", settings)
    weights = str(known["weights"])
    return TextRecogniser(ocr_network(weights), ocr_characters(weights), int(known["width_px"]), cores)
