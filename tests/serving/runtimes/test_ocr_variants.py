"""What a pipeline file may say of a detector or recogniser."""

import pytest

from ipa.errors import InvalidValueError, UnknownNameError, WeightsError
from ipa.pipeline.task_settings import TASK_SETTINGS
from ipa.serving.runtimes.ocr_variants import DETECTORS, load_detector, load_recogniser
from ipa.serving.weights.ocr import OCR_WEIGHTS


def test_every_network_that_is_known_is_pinned() -> None:
    detectors, recognisers = (
        TASK_SETTINGS[task]["weights"].names for task in ("ocr-detection", "ocr-recognition")
    )
    assert set(detectors) == set(DETECTORS)
    networks = {f"{name}.onnx" for name in (*detectors, *recognisers)}
    assert networks | {f"{name}.txt" for name in recognisers} == set(OCR_WEIGHTS.files)


@pytest.mark.parametrize("side_px", [None, True, 320.5, "320", 16, 4096])
def test_a_size_that_is_no_number_of_pixels_is_refused(side_px: object) -> None:
    settings = {"weights": "ppocrv3-det"} | ({} if side_px is None else {"side_px": side_px})
    with pytest.raises(InvalidValueError, match=r"side_px must be a whole number between 32 and 2,048"):
        load_detector(settings, 1)


def test_a_size_that_the_network_cannot_take_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"side_px must be a multiple of 32, not 200"):
        load_detector({"weights": "ppocrv3-det", "side_px": 200}, 1)


def test_unknown_weights_are_named_with_those_that_there_are() -> None:
    with pytest.raises(UnknownNameError, match=r"'ppocrv3-rec'; allowed: ppocrv6-tiny-rec, ppocrv6-small"):
        load_recogniser({"weights": "ppocrv3-rec", "width_px": 160}, 1)
    with pytest.raises(UnknownNameError, match=r"setting weights ''; allowed: ppocrv6-tiny-det"):
        load_detector({"side_px": 320}, 1)


def test_weights_that_were_not_fetched_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/nonexistent")
    with pytest.raises(
        WeightsError, match=r"not on this machine .*`ipa models fetch ocr`, which downloads 87"
    ):
        load_recogniser({"weights": "ppocrv6-tiny-rec", "width_px": 160}, 1)
