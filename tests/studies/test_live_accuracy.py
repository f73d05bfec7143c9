"""What a live run got right: counted over time and by combination."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.results.folder import REQUESTS, SUMMARY, read_requests, write_requests
from ipa.results.json_files import write_json
from ipa.studies import ocr_accuracy
from ipa.studies.live_accuracy import accuracy_by_combination, accuracy_over_time, stored_run
from ipa.studies.ocr_live_run import IMAGES


def run_folder(folder: Path, *, marked: bool = True) -> Path:
    """Four requests in the first 30 s, two in the next; the last one was not answered."""
    frame = pd.DataFrame(
        {
            "arrival_s": [0.0, 5.0, 10.0, 29.9, 30.0, 59.0],
            "latency_s": [0.1, 0.2, 0.3, 0.4, 0.5, np.nan],
            "1_text-detection_variant": pd.Categorical(["v3-480"] * 4 + ["v5-640"] * 2),
            "2_text-recognition_variant": pd.Categorical(["v6small-160"] * 6),
        }
    )
    if marked:
        frame["correct"] = pd.array([True, True, True, False, True, None], dtype="boolean")
    write_requests(folder / REQUESTS, frame)
    write_json(folder / SUMMARY, {"pipeline": "ocr"})
    return folder


def test_answers_are_counted_where_their_requests_arrived(tmp_path: Path) -> None:
    bins = accuracy_over_time(run_folder(tmp_path), 30.0)
    assert bins["time_s"].tolist() == [15.0, 45.0]
    assert bins["load_rps"].tolist() == pytest.approx([4 / 30, 2 / 30])
    assert bins["answered"].tolist() == [4, 1]
    assert bins["accuracy"].tolist() == [0.75, 1.0]
    assert bins["p50_s"].tolist() == pytest.approx([0.25, 0.5])
    assert ((bins["low"] < bins["accuracy"]) & (bins["accuracy"] <= bins["high"])).all()


def test_combinations_stand_beside_what_the_pipeline_file_says(tmp_path: Path) -> None:
    table = accuracy_by_combination(run_folder(tmp_path))
    assert table["combination"].tolist() == ["v3-480 + v6small-160", "v5-640 + v6small-160"]
    assert table["answered"].tolist() == [4, 1]
    assert 0.5 < table["pas"][0] < 0.9
    assert 0.5 < table["measured"][0] < 0.9


def test_the_stored_live_run_answered_what_the_models_answered_offline() -> None:
    requests = read_requests(stored_run())
    offline = ocr_accuracy.stored_items(ocr_accuracy.TEST_SEED).set_index("image")
    answered = requests[requests["correct"].notna()]
    assert len(answered) > 1000
    names = [name for name in map(str, answered) if name.endswith("_variant")]
    expected = [
        offline.loc[request % IMAGES, ocr_accuracy.combination_column(*variants)]
        for request, *variants in answered[["request", *names]].itertuples(index=False)
    ]
    differs = answered["correct"].astype(int).to_numpy() != np.array(expected)
    # Batches of another size add in another order, which hardly ever changes a text.
    assert differs.mean() < 0.005


def test_a_run_whose_answers_nobody_can_mark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="nobody knew the right answers"):
        accuracy_over_time(run_folder(tmp_path, marked=False))
