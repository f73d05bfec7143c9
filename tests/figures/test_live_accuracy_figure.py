"""The figure of a live run whose answers were marked."""

import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.figures import draw_live_accuracy


def steps() -> pd.DataFrame:
    def plan(variant: str) -> list[dict[str, object]]:
        return [
            {"stage": "find", "variant": variant, "batch": 1, "replicas": 1, "cores": 1, "batch_wait_s": 0}
        ]

    return pd.DataFrame(
        {
            "step": [0, 1, 2],
            "time_s": [0.0, 10.0, 20.0],
            "rate_rps": [None, 4.0, 8.0],
            "cost_cores": [2, 2, 3],
            "pas": [0.7, 0.7, 0.6],
            "measured_accuracy": [0.71, 0.71, 0.64],
            "plan": [plan("large"), plan("large"), plan("small")],
        }
    )


def bins() -> pd.DataFrame:
    columns = ["time_s", "load_rps", "accuracy", "low", "high", "p50_s", "p99_s"]
    return pd.DataFrame([(5, 4, 0.7, 0.6, 0.8, 0.1, 0.2), (15, 8, 0.6, 0.5, 0.7, 0.1, 0.3)], columns=columns)


def test_accuracy_has_what_was_answered_promised_and_measured_beforehand() -> None:
    figure = draw_live_accuracy(steps(), bins(), 0.4, "toy")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["Load (requests/s)", "Variant: find", "Accuracy", "Latency (s)", "Cost (cores)"]
    legend = figure.axes[2].get_legend()
    assert legend is not None
    named = {text.get_text() for text in legend.get_texts()}
    assert named == {"answered right", "PAS of the plan", "measured beforehand"}
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["large", "small"]


def test_a_table_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(ResultsError, match="lacks the column p99_s"):
        draw_live_accuracy(steps(), bins().drop(columns="p99_s"), 0.4, "")
