"""The profile that the pipeline with real weights is planned by is the one that was measured."""

import pandas as pd

from ipa.paths import data_dir, stored_results_dir

KEY = ["stage", "variant", "cores", "batch"]


def test_pipeline_file_uses_the_measured_profile() -> None:
    used = pd.read_csv(data_dir() / "pipelines" / "ocr.csv").set_index(KEY)
    measured = pd.read_csv(stored_results_dir() / "profile-ocr-packaged" / "ocr.csv").set_index(KEY)
    pd.testing.assert_frame_equal(used, measured[used.columns], rtol=2e-3)


def test_the_measured_profile_was_undisturbed() -> None:
    measured = pd.read_csv(stored_results_dir() / "profile-ocr-packaged" / "ocr.csv")
    assert (measured["notes"].notna()).sum() <= 1
    assert (measured["latency_avg_s"] <= measured["latency_p99_s"]).all()
