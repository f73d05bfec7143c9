"""IPA, Inference Pipeline Adaptation.

A :class:`Pipeline` (``load_pipeline("video")``) is a chain of stages, each with several model variants. A
:class:`Planner` puts a pipeline, an :class:`Objective`, :class:`Constraints` and a method together and
decides for an arrival rate: its :class:`Decision` holds the :class:`Plan`, a variant, a batch size and a
number of replicas per stage. The :class:`Adapter` does that every few seconds for a running pipeline. A
:class:`RunSpec` names a whole experiment: pipeline, workload, method and edition; ``simulate(spec)`` runs it
in the simulator and returns its decisions, requests and measures; :mod:`ipa.experiments.grid` runs many.
What you add goes by a name in ``METHODS``, ``FORECASTERS``, ``SOLVERS`` or ``WORKLOADS``. Every deliberate
error is an :class:`IpaError`.
"""

from typing import TYPE_CHECKING

from ipa.lazy_names import import_on_use

if TYPE_CHECKING:
    from ipa.adapter import Adapter
    from ipa.errors import IpaError
    from ipa.experiments.simulate import simulate
    from ipa.experiments.spec import RunSpec
    from ipa.forecast import FORECASTERS
    from ipa.optimizer.decision import Decision
    from ipa.optimizer.methods import METHODS
    from ipa.optimizer.planner import Planner
    from ipa.optimizer.problem import Constraints, Objective, Restriction
    from ipa.optimizer.solve import SOLVERS
    from ipa.pipeline.load import load_pipeline
    from ipa.pipeline.pipeline import Pipeline
    from ipa.pipeline.plan import Plan
    from ipa.workload import WORKLOADS

__all__ = [
    "FORECASTERS",
    "METHODS",
    "SOLVERS",
    "WORKLOADS",
    "Adapter",
    "Constraints",
    "Decision",
    "IpaError",
    "Objective",
    "Pipeline",
    "Plan",
    "Planner",
    "Restriction",
    "RunSpec",
    "load_pipeline",
    "simulate",
]

__getattr__ = import_on_use(
    __name__,
    {
        "Adapter": "ipa.adapter",
        "IpaError": "ipa.errors",
        "simulate": "ipa.experiments.simulate",
        "RunSpec": "ipa.experiments.spec",
        "Decision": "ipa.optimizer.decision",
        "Planner": "ipa.optimizer.planner",
        "Constraints": "ipa.optimizer.problem",
        "Objective": "ipa.optimizer.problem",
        "load_pipeline": "ipa.pipeline.load",
        "Pipeline": "ipa.pipeline.pipeline",
        "Plan": "ipa.pipeline.plan",
        "FORECASTERS": "ipa.forecast",
        "METHODS": "ipa.optimizer.methods",
        "SOLVERS": "ipa.optimizer.solve",
        "WORKLOADS": "ipa.workload",
        "Restriction": "ipa.optimizer.problem",
    },
)
