"""A method of your own: one function and one line.

Run it from a clone with ``python examples/middle_variant.py``. FA2 keeps the lightest or the heaviest variant
of every stage; this method keeps the one in the middle and chooses batch sizes and replicas. After
``METHODS.register`` it works wherever a method can be named: ``Planner(..., method="fa2-middle")``,
``RunSpec("video", method="fa2-middle")``.
"""

import typer

from ipa.optimizer.methods import METHODS, MethodSettings
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective, Restriction
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Pipeline


def fa2_middle(pipeline: Pipeline, settings: MethodSettings) -> Restriction:  # noqa: ARG001 (as all methods)
    """Keep the variant of middle accuracy of every stage."""
    chosen = []
    for stage in pipeline.stages:
        by_accuracy = sorted(stage.choices, key=lambda variant: variant.accuracy)
        chosen.append(by_accuracy[len(by_accuracy) // 2].name)
    return Restriction(variants=tuple(chosen))


METHODS.register("fa2-middle", fa2_middle)


def main() -> None:
    """Print what the methods choose for the video pipeline at 20 requests per second."""
    pipeline = load_pipeline("video")
    for method in ("fa2-low", "fa2-middle", "fa2-high", "ipa"):
        decision = Planner(pipeline, Objective(alpha=20.0), Constraints(), method=method).decide(20.0)
        variants = ", ".join(decision.plan.variants)
        typer.echo(f"{method:12}{decision.plan.cost_cores:>4} cores   {variants}")


if __name__ == "__main__":
    main()
