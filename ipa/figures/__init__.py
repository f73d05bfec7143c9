"""Figures: one function per figure of the paper, from a tidy table to a matplotlib Figure.

The package exports the functions; a module, reached by its full name, holds what belongs to one figure.
:func:`draw_adaptation` draws one run, :func:`draw_variant_tradeoff` figure 2, :func:`draw_batch_latency`
what batches of a variant take, :func:`draw_end_to_end` the paper's figures 8 to 12, :func:`draw_editions`
both editions side by side, :func:`draw_deviations` the published averages against ours,
:func:`draw_decision_time` figure 13, :func:`draw_preferences` figure 14,
:func:`draw_latency_distribution` figure 15, :func:`draw_latency_breakdown` where the time goes,
:func:`draw_cluster_effects` and :func:`draw_burst` what real clusters and bursts do,
:func:`draw_live_against_simulated` a live run over its simulation, :func:`draw_live_switch` a plan that
changes under load, :func:`draw_live_accuracy` what a live run got right, :func:`draw_pas_truth`,
:func:`draw_pas_decisions` and :func:`draw_labelled_images` PAS beside measured accuracy,
:func:`draw_frontier` one frontier, :func:`draw_sensitivity` choices over rate and SLA. :func:`save_figure`
writes a figure as PDF and PNG under a name from :func:`file_name`, :func:`format_table` and
:func:`save_table` show and write a table. Colours, sizes and wording lie in :mod:`ipa.figures.style`.
Nothing here runs an experiment.
"""

from ipa.errors import MissingExtraError

try:
    import matplotlib as _matplotlib  # noqa: F401 (asked for early, to answer with the install line)
except ImportError as error:
    raise MissingExtraError(f"{error.name}, which draws the figures,", "notebooks") from error

from ipa.figures.adaptation import draw_adaptation
from ipa.figures.batch_latency import draw_batch_latency
from ipa.figures.burst import draw_burst
from ipa.figures.closed_loop import draw_forecaster_ablation, draw_quantile_tradeoff
from ipa.figures.cluster_effects import draw_cluster_effects
from ipa.figures.decision_time import draw_decision_time
from ipa.figures.deviations import draw_deviations
from ipa.figures.editions import draw_editions
from ipa.figures.end_to_end import draw_end_to_end
from ipa.figures.forecasters import draw_forecast_errors, draw_load_forecasts
from ipa.figures.frontier import draw_frontier
from ipa.figures.latency import draw_latency_breakdown, draw_latency_distribution
from ipa.figures.live_accuracy import draw_live_accuracy
from ipa.figures.live_against_simulated import draw_live_against_simulated
from ipa.figures.live_switch import draw_live_switch
from ipa.figures.pas_truth import draw_labelled_images, draw_pas_decisions, draw_pas_truth
from ipa.figures.preferences import draw_preferences
from ipa.figures.printing import format_table, save_table
from ipa.figures.profiling import draw_variant_tradeoff
from ipa.figures.save import file_name, save_figure
from ipa.figures.sensitivity import draw_sensitivity
from ipa.results.file_names import safe_name

__all__ = [
    "draw_adaptation",
    "draw_batch_latency",
    "draw_burst",
    "draw_cluster_effects",
    "draw_decision_time",
    "draw_deviations",
    "draw_editions",
    "draw_end_to_end",
    "draw_forecast_errors",
    "draw_forecaster_ablation",
    "draw_frontier",
    "draw_labelled_images",
    "draw_latency_breakdown",
    "draw_latency_distribution",
    "draw_live_accuracy",
    "draw_live_against_simulated",
    "draw_live_switch",
    "draw_load_forecasts",
    "draw_pas_decisions",
    "draw_pas_truth",
    "draw_preferences",
    "draw_quantile_tradeoff",
    "draw_sensitivity",
    "draw_variant_tradeoff",
    "file_name",
    "format_table",
    "safe_name",
    "save_figure",
    "save_table",
]
