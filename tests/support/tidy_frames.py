"""Small tables of the form that finished runs are read into, and what holds for every figure."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ipa.figures.style import COLUMN_IN

KEYS = {"pipeline": "video", "trace": "synthetic", "seed": 3}
METHODS = ("ipa", "fa2-low", "fa2-high", "rim")
WORKLOADS = ("bursty", "steady-low")


def stage(name: str, variant: str, replicas: int) -> dict[str, Any]:
    return {
        "stage": name,
        "variant": variant,
        "batch": 2,
        "replicas": replicas,
        "cores": 1,
        "batch_wait_s": 0.0,
    }


def steps_of(method: str = "ipa", workload: str = "bursty", edition: str = "corrected") -> pd.DataFrame:
    """Four steps of one run: deployment, a change, one that was held, a change back."""
    plans = [
        [stage("detect", "small", 1), stage("classify", "large", 1)],
        [stage("detect", "large", 2), stage("classify", "large", 3)],
        [stage("detect", "large", 2), stage("classify", "large", 3)],
        [stage("detect", "small", 1), stage("classify", "large", 1)],
    ]
    return pd.DataFrame(
        {
            **{key: [value] * 4 for key, value in KEYS.items()},
            "workload": workload,
            "method": method,
            "edition": edition,
            "step": range(4),
            "time_s": [0.0, 10.0, 20.0, 30.0],
            "observed_rps": [None, 4, 6, 5],
            "forecast_rps": [None, 5.04, 8.0, 6.0],
            "rate_rps": [None, 5.04, 8.0, 6.0],
            "status": ["optimal", "optimal", "optimal", "optimal"],
            "action": ["deployed", "applied", "held", "applied"],
            "cost_cores": [2, 5, 5, 2],
            "pas": [0.4, 0.5, 0.5, 0.4],
            "plan": plans,
        }
    )


def load_of(*workloads: str) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"workload": name, "time_s": range(40), "load_rps": [4] * 20 + [7] * 20})
            for name in workloads
        ],
        ignore_index=True,
    )


def averages_of(*editions: str, published: bool = False) -> pd.DataFrame:
    """One run per edition, workload and method, no two with the same cost."""
    rows = [
        {
            **KEYS,
            "edition": edition,
            "workload": workload,
            "method": method,
            "cost_mean_cores": 2.0 + number + 10 * editions.index(edition),
            "pas_mean": 0.3 + 0.05 * number,
            "violation_share": 0.01 * number,
            "violating_seconds_share": 0.02 * number,
            "dropped": 0,
            "latency_p99_s": 1.0,
            "plan_changes": 2,
            "switches_per_hour": 9.0,
            "published_cost_cores": 2.1 + number if published else float("nan"),
            "published_pas_pct": 31.0 if published else float("nan"),
            "published_violating_seconds_pct": float("nan"),
        }
        for edition in editions
        for workload in WORKLOADS
        for number, method in enumerate(METHODS)
    ]
    return pd.DataFrame(rows)


def all_steps(edition: str = "corrected") -> pd.DataFrame:
    frames = [steps_of(method, workload, edition) for workload in WORKLOADS for method in METHODS]
    return pd.concat(frames, ignore_index=True)


def comparison_of(*deviations: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "pipeline": "nlp",
                "workload": "bursty",
                "method": METHODS[number % 4],
                "cost_deviation_pct": cost_pct,
                "accuracy_deviation_pct": accuracy_pct,
                "within": abs(cost_pct) <= 5 and abs(accuracy_pct) <= 2,
                "within_with_ties": abs(cost_pct) <= 6 and abs(accuracy_pct) <= 2,
            }
            for number, (cost_pct, accuracy_pct) in enumerate(deviations)
        ]
    )


def assert_no_text_is_cut_off(figure: Figure) -> None:
    """Draw a figure and hold every text in it to its page."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    page = figure.bbox
    for text in figure.findobj(mpl.text.Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent(renderer)
            if text.get_clip_on() or box.width == 0:
                continue
            assert box.x0 >= page.x0 - 1, text
            assert box.x1 <= page.x1 + 1, text
            assert box.y0 >= page.y0 - 1, text
            assert box.y1 <= page.y1 + 1, text


def assert_reads_in_one_column(figure: Figure) -> None:
    """Hold a figure to the width of a column, with labels as large as print and nothing cut off."""
    assert figure.get_figwidth() == COLUMN_IN
    assert_no_text_is_cut_off(figure)
    for axes in figure.axes:
        labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label]
        assert min(label.get_fontsize() for label in labels) >= 6
    for legend in figure.legends:
        assert min(text.get_fontsize() for text in legend.get_texts()) >= 6
