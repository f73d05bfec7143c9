"""The ocr pipeline behind gateway and MLServer answers what its models answer offline."""

import numpy as np
import pytest

from ipa.serving.weights.ocr import OCR_WEIGHTS
from ipa.studies import ocr_accuracy
from ipa.studies.ocr_live_run import run_live
from ipa.workload import Workload

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not OCR_WEIGHTS.is_complete(), reason="needs `ipa models fetch ocr`"),
]

IMAGES = 20


def test_every_answer_is_as_right_as_offline() -> None:
    outcome = run_live(Workload("a little", np.full(10, 2), source="synthetic"), IMAGES)
    assert outcome.measures.errors == 0
    requests = outcome.requests.to_frame()
    answered = requests[requests["correct"].notna()]
    # On a machine that is busy some are late and dropped.
    assert len(answered) >= 3
    offline = ocr_accuracy.stored_items(ocr_accuracy.TEST_SEED).set_index("image")
    for row in answered.to_dict("records"):
        variants = (row["1_text-detection_variant"], row["2_text-recognition_variant"])
        assert (
            row["correct"] == offline.loc[row["request"] % IMAGES, ocr_accuracy.combination_column(*variants)]
        )
