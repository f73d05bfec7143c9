"""IPA, Inference Pipeline Adaptation.

A :class:`Pipeline` (``load_pipeline("video")``) is a chain of stages, each with several model variants. A
:class:`Planner` puts a pipeline, an :class:`Objective`, :class:`Constraints` and a method together and
decides for an arrival rate: its :class:`Decision` holds the :class:`Plan`, a variant, a batch size and a
number of replicas per stage. The :class:`Adapter` does that every few seconds for a running pipeline. A
:class:`RunSpec` names a whole experiment: pipeline, workload, method and edition; ``simulate(spec)`` runs it
in the simulator and returns its decisions, requests and measures. Every deliberate error is an
:class:`IpaError`.
"""

from ipa.adapter import Adapter
from ipa.config import load_pipeline
from ipa.errors import IpaError
from ipa.experiments import simulate
from ipa.optimizer.decision import Decision
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.pipeline import Pipeline
from ipa.plan import Plan
from ipa.run_spec import RunSpec

__all__ = [
    "Adapter",
    "Constraints",
    "Decision",
    "IpaError",
    "Objective",
    "Pipeline",
    "Plan",
    "Planner",
    "RunSpec",
    "load_pipeline",
    "simulate",
]
