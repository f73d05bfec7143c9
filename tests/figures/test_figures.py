from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures import (
    draw_adaptation,
    draw_deviations,
    draw_editions,
    draw_end_to_end,
    save_figure,
)
from ipa.figures.end_to_end import switches_per_minute
from ipa.figures.style import COLUMN_IN, METHOD_LOOKS, method_looks
from tests.support.tidy_frames import (
    METHODS,
    WORKLOADS,
    all_steps,
    assert_no_text_is_cut_off,
    assert_reads_in_one_column,
    averages_of,
    comparison_of,
    load_of,
    stage,
    steps_of,
)

SMALL = {
    "adaptation": lambda: draw_adaptation(steps_of(), load_of("bursty")),
    "end_to_end": lambda: draw_end_to_end(all_steps(), averages_of("corrected"), load_of(*WORKLOADS)),
    "editions": lambda: draw_editions(averages_of("as-published", "corrected")),
    "deviations": lambda: draw_deviations(comparison_of((0, 0), (9, 0)), "edition corrected · seed 3"),
}


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def panel(figure: Figure, title: str) -> Axes:
    return figure.axes[titles(figure).index(title)]


def step_line(axes: Axes, colour: str) -> np.ndarray:
    line = next(line for line in axes.lines if to_rgb(line.get_color()) == to_rgb(colour))
    return np.asarray(line.get_xydata())


def all_text(figure: Figure) -> str:
    artists = figure.findobj(mpl.text.Text)
    return "\n".join(artist.get_text() for artist in artists)


@pytest.mark.parametrize("name", SMALL)
def test_every_figure_states_edition_trace_and_seed(name: str) -> None:
    text = all_text(SMALL[name]())
    assert "corrected" in text
    assert "seed 3" in text
    assert name == "deviations" or "synthetic workload" in text


@pytest.mark.parametrize("name", SMALL)
def test_a_figure_belongs_to_no_window_and_leaves_the_style_alone(name: str) -> None:
    before = dict(mpl.rcParams)
    SMALL[name]()
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", SMALL)
def test_no_text_is_cut_off_at_the_edge_of_the_figure(name: str) -> None:
    assert_no_text_is_cut_off(SMALL[name]())


@pytest.mark.parametrize(
    "draw",
    [
        lambda empty: draw_adaptation(empty, load_of("bursty")),
        lambda empty: draw_adaptation(steps_of(), empty),
        lambda empty: draw_end_to_end(empty, averages_of("corrected"), load_of("bursty")),
        lambda empty: draw_end_to_end(all_steps(), empty, load_of("bursty")),
        lambda empty: draw_editions(empty),
        lambda empty: draw_deviations(empty, ""),
    ],
)
def test_an_empty_table_is_refused_with_what_to_do(draw: Callable[..., Any]) -> None:
    with pytest.raises(ResultsError, match=r"no rows; run the experiments first: ipa grid"):
        draw(pd.DataFrame())


def test_a_table_without_a_column_is_refused_by_name() -> None:
    with pytest.raises(ResultsError, match=r"adaptation: the table lacks the column cost_cores; it has"):
        draw_adaptation(steps_of().drop(columns="cost_cores"), load_of("bursty"))


def test_editions_refuses_a_table_with_one_edition() -> None:
    with pytest.raises(ResultsError, match="edition corrected"):
        draw_editions(averages_of("as-published"))


def test_adaptation_has_a_panel_for_each_stage_and_the_same_time_axis_everywhere() -> None:
    figure = draw_adaptation(steps_of(), load_of("bursty"))
    assert titles(figure) == [
        "Load (requests/s)",
        "Variant: detect",
        "Variant: classify",
        "Replicas per stage",
        "Batch size per stage",
        "Cost (cores)",
        "Accuracy (PAS × 100)",
    ]
    assert {axes.get_xlim() for axes in figure.axes} == {(0.0, 40.0)}
    assert figure.axes[-1].get_xlabel() == "time (s)"


def test_adaptation_draws_decided_rates_costs_and_held_steps() -> None:
    figure = draw_adaptation(steps_of(), load_of("bursty"))
    cost = panel(figure, "Cost (cores)").lines[0]
    assert list(cost.get_ydata()) == [2, 5, 5, 2]
    assert cost.get_drawstyle() == "steps-post"
    rate, held = panel(figure, "Load (requests/s)").lines
    assert list(rate.get_ydata()) == [5.04, 8.0, 6.0]
    assert held.get_xydata().tolist() == [[20.0, 8.0]]


def test_adaptation_shows_variants_that_were_never_chosen_in_the_given_order() -> None:
    figure = draw_adaptation(steps_of(), load_of("bursty"), {"detect": ["tiny", "small", "large"]})
    detect = panel(figure, "Variant: detect")
    assert [label.get_text() for label in detect.get_yticklabels()] == ["tiny", "small", "large"]
    assert list(detect.lines[0].get_ydata()) == [1, 2, 2, 1]


def e2e(averages: pd.DataFrame, steps: pd.DataFrame | None = None) -> Figure:
    steps = all_steps() if steps is None else steps
    return draw_end_to_end(steps, averages, load_of(*WORKLOADS))


def row_of(figure: Figure, unit: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_ylabel().startswith(unit))


def test_end_to_end_has_a_column_per_workload_in_seconds_and_four_panels_of_averages() -> None:
    figure = e2e(averages_of("corrected"))
    assert [title for title in titles(figure) if title] == [
        *WORKLOADS, "Average cost", "Average accuracy", "Late or lost requests", "Late seconds (paper)"
    ]  # fmt: skip
    assert [axes.get_xlabel() for axes in figure.axes].count("time (s)") == len(WORKLOADS)
    assert panel(figure, "Late or lost requests").get_ylabel() == "% of requests sent"
    assert panel(figure, "Late seconds (paper)").get_ylabel() == "% of seconds with p99 > SLA"


def test_end_to_end_bars_are_the_averages_in_printed_units() -> None:
    averages = averages_of("corrected")
    figure = e2e(averages)
    for title, column, scale in (
        ("Average cost", "cost_mean_cores", 1),
        ("Late or lost requests", "violation_share", 100),
    ):
        heights = sorted(bar.get_height() for bar in panel(figure, title).patches)
        assert heights == pytest.approx(sorted(scale * averages[column]))


def test_costs_that_spread_widely_are_points_on_a_logarithmic_axis() -> None:
    averages = averages_of("corrected")
    averages.loc[averages["method"] == "fa2-high", "cost_mean_cores"] = 70.0
    axes = panel(e2e(averages), "Average cost")
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "cores (log scale)"
    assert not axes.patches
    points = [line for line in axes.lines if line.get_marker() == METHOD_LOOKS["fa2-high"].marker]
    assert [list(line.get_ydata()) for line in points] == [[70.0, 70.0]]


def test_costs_have_ticks_at_whole_cores_only() -> None:
    figure = e2e(averages_of("corrected"))
    FigureCanvasAgg(figure).draw()
    for axes in (panel(figure, "Average cost"), row_of(figure, "cost (cores)")):
        assert all(float(tick).is_integer() for tick in axes.get_yticks())


def test_bars_of_nothing_are_marked_as_zero() -> None:
    axes = panel(e2e(averages_of("corrected")), "Late or lost requests")
    assert [text.get_text() for text in axes.texts] == ["0"] * len(WORKLOADS)


def test_a_panel_without_any_violation_says_so() -> None:
    averages = averages_of("corrected")
    assert "none in any run" not in all_text(e2e(averages))
    assert all_text(e2e(averages.assign(violation_share=0.0))).count("none in any run") == 1
    assert all_text(e2e(averages.assign(violation_share=None))).count("no requests") == 1


def test_nothing_of_ours_beside_a_published_violation_is_not_called_nothing_at_all() -> None:
    averages = averages_of("corrected", published=True).assign(violating_seconds_share=0.0)
    averages.loc[0, "published_violating_seconds_pct"] = 1.5
    axes = panel(e2e(averages), "Late seconds (paper)")
    assert axes.texts[-1].get_text() == "none in any of ours"
    assert axes.get_ylim()[1] > 1.5


def test_end_to_end_costs_over_time_are_drawn_for_every_method_each_a_little_apart() -> None:
    cost = row_of(e2e(averages_of("corrected")), "cost (cores)")
    shifts = []
    for method in METHODS:
        line = next(x for x in cost.lines if to_rgb(x.get_color()) == to_rgb(METHOD_LOOKS[method].colour))
        assert line.get_xydata().tolist() == [[0, 2], [10, 5], [20, 5], [30, 2]]
        shifts.append((line.get_transform() - cost.transData).transform((0, 0))[1])
    assert len({round(shift, 6) for shift in shifts}) == len(METHODS)
    assert cost.get_ylim()[1] >= 5


def test_switches_of_variants_are_counted_by_minute() -> None:
    axes = row_of(e2e(averages_of("corrected")), "variant")
    # detect goes from small to large and back within the first minute.
    assert list(axes.lines[0].get_ydata()) == [2, 2]
    assert list(axes.lines[0].get_xdata()) == [0, 60]


def test_a_line_that_flips_all_the_time_is_drawn_as_means_of_minutes_with_their_range() -> None:
    one = steps_of().assign(workload="bursty")
    flipping = pd.concat([one.iloc[[n % 2]].assign(time_s=10.0 * n, step=n) for n in range(12)])
    figure = e2e(averages_of("corrected"), flipping)
    pas = row_of(figure, "PAS")
    assert list(pas.lines[0].get_ydata()) == pytest.approx([45.0, 45.0, 45.0])
    assert pas.collections[0].get_datalim(pas.transData).intervaly.tolist() == pytest.approx([40.0, 50.0])
    assert "mean and range of each minute" in figure.get_supxlabel()
    assert "mean and range" not in e2e(averages_of("corrected")).get_supxlabel()


@pytest.mark.parametrize(("published", "expected"), [(True, 1), (False, 0)])
def test_published_averages_are_marked_only_where_there_are_any(published: bool, expected: int) -> None:
    averages = averages_of("as-published", published=published)
    text = all_text(e2e(averages, all_steps("as-published")))
    assert text.count("published average") == expected
    assert text.count("they belong to the real trace") == expected
    assert text.count("some runs differ there too") == expected


def test_published_averages_on_the_real_trace_need_no_reservation() -> None:
    averages = averages_of("as-published", published=True).assign(trace="real")
    figure = draw_end_to_end(all_steps("as-published"), averages, load_of(*WORKLOADS))
    assert "published average" in all_text(figure)
    assert "belong to the real trace" not in all_text(figure)


def test_editions_joins_both_means_of_each_pipeline_and_method() -> None:
    figure = draw_editions(averages_of("as-published", "corrected"))
    cost = panel(figure, "Cost")
    joined = [line.get_xdata().tolist() for line in cost.lines if len(line.get_xdata()) == 2]
    assert joined[: len(METHODS)] == [[2 + n, 12 + n] for n in range(len(METHODS))]
    assert cost.get_xscale() == "log"
    assert [label.get_text() for label in cost.get_yticklabels()] == ["IPA", "FA2-low", "FA2-high", "RIM"]


def test_deviations_counts_the_runs_within_and_names_those_outside() -> None:
    figure = draw_deviations(comparison_of((0, 0), (4.9, 1.9), (-24.3, -0.0001), (5.1, 0.9)), "edition x")
    text = all_text(figure)
    assert "2 of 4 runs within 5 % of cost and 2 % of accuracy" in text
    assert "nlp, bursty, FA2-high\n" in text
    assert "nlp, bursty, RIM *" in text
    assert "\N{MINUS SIGN}24.3 %\n+0.0 %" in text


def test_deviations_without_a_miss_draws_no_list() -> None:
    figure = draw_deviations(comparison_of((0, 0), (1, 1)), "edition x")
    assert "outside the box" not in all_text(figure)


def test_looks_differ_in_colour_line_and_hatch_also_for_registered_methods() -> None:
    looks = method_looks([*METHODS, "mine", "yours"])
    assert len({look.colour for look in looks.values()}) == len(looks)
    assert len({look.dashes for look in looks.values()}) == len(looks)
    assert len({look.hatch for look in looks.values()}) == len(looks)
    assert len({look.marker for look in looks.values()}) == len(looks)


def test_a_figure_shows_itself_in_a_notebook_as_png() -> None:
    assert SMALL["editions"]()._repr_png_().startswith(b"\x89PNG")


def test_figures_of_runs_have_a_layout_for_one_column_and_a_name_of_their_own(tmp_path: Path) -> None:
    averages = averages_of("corrected", published=True)
    load = load_of(*WORKLOADS)
    narrow = draw_end_to_end(all_steps(), averages, load, width_in=COLUMN_IN)
    assert_reads_in_one_column(narrow)
    assert_reads_in_one_column(draw_adaptation(steps_of(), load_of("bursty"), width_in=COLUMN_IN))
    wide = draw_end_to_end(all_steps(), averages, load)
    assert titles(narrow) == titles(wide)
    written = save_figure(narrow, tmp_path, "figure-8") + save_figure(wide, tmp_path, "figure-8")
    assert {file.name for file in written} == {
        "figure-8-3.3in.pdf", "figure-8-3.3in.png", "figure-8.pdf", "figure-8.png"
    }  # fmt: skip


def marked(steps: pd.DataFrame) -> dict[str, list[float]]:
    """Return at which times the panel of the load has marks, by the text of their legend."""
    axes = panel(draw_adaptation(steps, load_of("bursty")), "Load (requests/s)")
    return {
        str(line.get_label()): list(line.get_xdata()) for line in axes.lines if line.get_linestyle() == "None"
    }


def test_steps_that_miss_are_pending_or_held_are_marked_and_ordinary_ones_are_not() -> None:
    steps = steps_of().assign(
        status=["optimal", "infeasible", "infeasible", "optimal"],
        action=["deployed", "applied", "held", "pending"],
    )
    assert marked(steps) == {
        "plan held": [20.0], "best effort, SLA or load not met": [10.0], "plan pending": [30.0]
    }  # fmt: skip
    assert marked(steps_of().assign(action="unchanged")) == {}


def test_a_plan_held_without_any_rate_is_marked_all_the_same() -> None:
    steps = steps_of().assign(rate_rps=[None, 5.0, None, 6.0])
    assert marked(steps) == {"plan held": [20.0]}


def test_switches_are_counted_by_minutes_and_the_last_decision_begins_none() -> None:
    steps = pd.concat([steps_of()] * 4, ignore_index=True).assign(time_s=np.arange(16) * 10.0)
    steps = steps[steps["time_s"] <= 120]
    # small, large, large, small, and so on: two switches of one stage in four steps.
    starts_s, counts = switches_per_minute(steps)
    assert list(starts_s) == [0, 60, 120]
    assert list(counts) == [3, 3, 3]


def test_long_names_and_every_mark_fit_one_column() -> None:
    plan = [stage(f"{'s' * 40}{number}", "v" * 60, 1) for number in range(6)]
    steps = steps_of().assign(
        plan=[plan] * 4, status="infeasible", action=["deployed", "pending", "held", "applied"]
    )
    figure = draw_adaptation(steps, load_of("bursty"), width_in=COLUMN_IN)
    assert_reads_in_one_column(figure)
    assert min(axes.get_position().width for axes in figure.axes) > 0.6
