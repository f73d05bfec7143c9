"""Figures: one function per figure of the paper, from a tidy table to a matplotlib Figure.

:mod:`ipa.figures.tables` reads finished runs into tables; :func:`adaptation` draws one run,
:func:`variant_tradeoff` figure 2, :func:`end_to_end` the paper's figures 8 to 12, :func:`editions` both
editions side by side, :func:`deviations` the published averages against ours, :func:`decision_time` figure
13, :func:`preferences` figure 14, :func:`latency_distribution` figure 15, :func:`latency_breakdown` where
the time goes, :func:`cluster_effects` and :func:`reaction` what real clusters and bursts do,
:func:`frontier` one frontier, :func:`sensitivity` choices over rate and SLA; :func:`save` writes a figure
as PDF and PNG under a name from :func:`file_name`, :func:`printed` and :func:`save_table` show and write a
table. Colours, sizes and wording lie in :mod:`ipa.figures.style`. Nothing here runs an experiment.
"""

from ipa.errors import MissingExtraError

try:
    import matplotlib as _matplotlib  # noqa: F401 (asked for early, to answer with the install line)
except ImportError as error:
    raise MissingExtraError(f"{error.name}, which draws the figures,", "notebooks") from error

from ipa.figures.adaptation import adaptation
from ipa.figures.burst import reaction
from ipa.figures.closed_loop import forecaster_ablation, quantile_tradeoff
from ipa.figures.cluster_effects import cluster_effects
from ipa.figures.decision_time import decision_time
from ipa.figures.deviations import deviations
from ipa.figures.editions import editions
from ipa.figures.end_to_end import end_to_end
from ipa.figures.forecasters import forecast_errors, load_forecasts
from ipa.figures.frontier import frontier
from ipa.figures.latency import latency_breakdown, latency_distribution
from ipa.figures.preferences import preferences
from ipa.figures.printing import printed, save_table
from ipa.figures.profiling import variant_tradeoff
from ipa.figures.save import file_name, save
from ipa.figures.sensitivity import sensitivity
from ipa.results.file_names import safe_name

__all__ = [
    "adaptation",
    "cluster_effects",
    "decision_time",
    "deviations",
    "editions",
    "end_to_end",
    "file_name",
    "forecast_errors",
    "forecaster_ablation",
    "frontier",
    "latency_breakdown",
    "latency_distribution",
    "load_forecasts",
    "preferences",
    "printed",
    "quantile_tradeoff",
    "reaction",
    "safe_name",
    "save",
    "save_table",
    "sensitivity",
    "variant_tradeoff",
]
