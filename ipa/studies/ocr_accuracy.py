"""What every variant of the ``ocr`` pipeline, alone and combined, gets right on the same labelled images.

Detection is right where the rectangle found and the true one overlap by at least half (intersection over
union). Recognition alone reads the true rectangle, straightened. A combination is right where the text read
on the rectangle found is the true one: equal letters and digits, upper and lower case alike.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ipa.errors import ResultsError, brief
from ipa.paths import PACKAGE, stored_results_dir
from ipa.pipeline.load import pipeline_config
from ipa.results.json_files import write_json, writing
from ipa.results.provenance import environment, file_sha256
from ipa.serving.images import Pixels, decode_image
from ipa.serving.payloads.ocr_images import LabelledImage, make_image
from ipa.serving.payloads.ocr_texts import normal_form
from ipa.serving.runtimes.ocr_variants import load_detector, load_recogniser
from ipa.serving.runtimes.text_detection import TextDetector, overlap, straighten
from ipa.serving.runtimes.text_recognition import TextRecogniser
from ipa.serving.weights.ocr import OCR_WEIGHTS
from ipa.workers import worker_pool

PIPELINE = "ocr"
CALIBRATION_SEED, TEST_SEED = 1, 2
"""Seed of the images whose accuracies the pipeline file holds, and of those that results are reported on."""
PART_IMAGES = 25
BATCH = 5
_CODE = (
    "images.py",
    "payloads/ocr_images.py",
    "payloads/ocr_texts.py",
    "runtimes/ocr_variants.py",
    "runtimes/onnx_model.py",
    "runtimes/text_detection.py",
    "runtimes/text_recognition.py",
)
"""The modules of ``ipa.serving`` that decide what is measured."""
PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "pillow", "matplotlib", "scikit-learn")

T = TypeVar("T")
Progress = Callable[[int, int | None, str], None]


def detection_column(variant: str) -> str:
    """Return the name of the column with the overlap that a detector reached."""
    return f"overlap {variant}"


def recognition_column(variant: str) -> str:
    """Return the name of the column that says whether a recogniser read the true rectangle right."""
    return f"reads {variant}"


def combination_column(detector: str, recogniser: str) -> str:
    """Return the name of the column that says whether a combination answered right."""
    return f"{detector} + {recogniser}"


def measure_items(
    folder: Path, seed: int, images: int, jobs: int = 1, progress: Progress = lambda *_: None
) -> pd.DataFrame:
    """Return one row per image: what each variant and each combination gets right on it.

    Parts that are there from an earlier attempt are taken as they are; another version of the weights, the
    variants or a library that computes makes other parts.

    Parameters
    ----------
    folder
        Where the parts go.
    seed
        Seed of the images.
    images
        How many.
    jobs
        Processes.
    progress
        Called with the images that are done, of how many.

    Returns
    -------
    pandas.DataFrame
        Columns ``seed``, ``image``, ``text``, and those that ``detection_column``, ``recognition_column`` and
        ``combination_column`` name.
    """
    parts = folder / f"{_fingerprint()}-seed-{seed}"
    starts = range(0, images, PART_IMAGES)
    files = {start: parts / f"from-{start:06}.csv" for start in starts}
    missing = [start for start, file in files.items() if not file.is_file()]
    progress((len(files) - len(missing)) * PART_IMAGES, images, "")
    if missing:
        with worker_pool(min(jobs, len(missing))) as pool:
            futures = [pool.submit(_measure_part, files[start], seed, start) for start in missing]
            for number, future in enumerate(as_completed(futures), start=len(files) - len(missing) + 1):
                future.result()
                progress(min(number * PART_IMAGES, images), images, "")
    return pd.concat([pd.read_csv(files[start]) for start in starts], ignore_index=True).head(images)


def items_to_report(
    folder: Path, images: int, jobs: int, *, measure_again: bool, progress: Progress = lambda *_: None
) -> pd.DataFrame:
    """Return the answers to report on: those that come with the repository, or measured anew."""
    if measure_again:
        return measure_items(folder / "ocr-accuracy", TEST_SEED, images, jobs, progress)
    return stored_items(TEST_SEED).head(images)


def stored_items_file() -> Path:
    """Return where the answers that come with the repository lie."""
    return stored_results_dir() / "ocr-items.csv"


def stored_items(seed: int) -> pd.DataFrame:
    """Return the answers that come with the repository for the images of one seed.

    Raises
    ------
    ResultsError
        If there are none.
    """
    items = read_items(stored_items_file())
    return items[items["seed"] == seed].reset_index(drop=True)


def read_items(file: Path) -> pd.DataFrame:
    """Return answers from a file that :func:`write_items` wrote."""
    try:
        return pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise ResultsError(
            f"{file} cannot be read: {brief(str(error), 100)}; `ipa models measure` makes it anew"
        ) from error


def write_items(items: pd.DataFrame, file: Path) -> None:
    """Write answers, and beside them what they were measured with."""
    _write_csv(items, file)
    counts = items.groupby("seed").size()
    about = {
        "images": {str(seed): int(count) for seed, count in counts.items()},
        "weights_sha256": {name: weights.sha256 for name, weights in OCR_WEIGHTS.files.items()},
        "packages": {name: version(name) for name in PACKAGES},
        "environment": environment(),
    }
    write_json(file.with_suffix(".json"), about)


def _fingerprint() -> str:
    config = pipeline_config(PIPELINE)
    told = {
        "variants": [[(v.name, v.settings) for v in stage.variants] for stage in config.stages],
        "weights": {name: file.sha256 for name, file in OCR_WEIGHTS.files.items()},
        "packages": {name: version(name) for name in PACKAGES},
        "code": [file_sha256(PACKAGE / "serving" / file) for file in _CODE],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def _measure_part(file: Path, seed: int, start: int) -> None:
    """Measure the images of one part, in a process that keeps the models."""
    detectors, recognisers = _models()
    labelled = [make_image(seed, index) for index in range(start, start + PART_IMAGES)]
    pixels = [decode_image(image.jpeg) for image in labelled]
    columns: dict[str, Any] = {
        "seed": seed,
        "image": np.arange(start, start + PART_IMAGES),
        "text": [image.text for image in labelled],
    }
    crops = [straighten(image, label.corners) for image, label in zip(pixels, labelled, strict=True)]
    for name, recogniser in recognisers.items():
        columns[recognition_column(name)] = _read_right(recogniser, crops, labelled)
    for name, detector in detectors.items():
        found = _in_batches(detector.detect, pixels)
        columns[detection_column(name)] = [
            round(overlap(one.corners, label.corners), 3) for one, label in zip(found, labelled, strict=True)
        ]
        crops = [straighten(image, one.corners) for image, one in zip(pixels, found, strict=True)]
        for other, recogniser in recognisers.items():
            columns[combination_column(name, other)] = _read_right(recogniser, crops, labelled)
    _write_csv(pd.DataFrame(columns), file)


def _write_csv(frame: pd.DataFrame, file: Path) -> None:
    """Write a table whole or not at all."""
    draft = file.with_name(f".{file.name}.draft")
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(draft, index=False, lineterminator="\n")
        draft.replace(file)


@cache
def _models() -> tuple[dict[str, TextDetector], dict[str, TextRecogniser]]:
    detection, recognition = pipeline_config(PIPELINE).stages
    return (
        {variant.name: load_detector(dict(variant.settings), cores=1) for variant in detection.variants},
        {variant.name: load_recogniser(dict(variant.settings), cores=1) for variant in recognition.variants},
    )


def _in_batches(call: Callable[[Sequence[Any]], list[T]], items: Sequence[Any]) -> list[T]:
    return [one for start in range(0, len(items), BATCH) for one in call(items[start : start + BATCH])]


def _read_right(
    recogniser: TextRecogniser, crops: Sequence[Pixels], labelled: Sequence[LabelledImage]
) -> list[int]:
    readings = _in_batches(recogniser.read, crops)
    return [
        int(normal_form(reading.text) == normal_form(label.text))
        for reading, label in zip(readings, labelled, strict=True)
    ]
