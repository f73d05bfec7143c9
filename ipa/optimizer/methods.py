"""IPA and the systems it is compared with, each a restriction of the same problem."""

from collections.abc import Callable
from dataclasses import dataclass

from ipa.errors import ReplicasNeededError
from ipa.optimizer.problem import Restriction
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.registry import Registry


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """What an experiment may fix for a method.

    Parameters
    ----------
    variants
        Variant of each stage for FA2; by default the least (fa2-low) or most (fa2-high) accurate ones.
    replicas
        Replicas of each stage for RIM.
    """

    variants: tuple[str, ...] | None = None
    replicas: tuple[int, ...] | None = None


Method = Callable[[Pipeline, MethodSettings], Restriction]
METHODS: Registry[Method] = Registry("method")


@METHODS.named("ipa")
def ipa(pipeline: Pipeline, settings: MethodSettings) -> Restriction:  # noqa: ARG001 (the signature of a method)
    """Choose variants, batch sizes and replicas freely."""
    return Restriction()


@METHODS.named("fa2-low")
def fa2_low(pipeline: Pipeline, settings: MethodSettings) -> Restriction:
    """Keep the lightest variants; choose batch sizes and replicas (FA2)."""
    return Restriction(variants=settings.variants or _by_accuracy(pipeline, min))


@METHODS.named("fa2-high")
def fa2_high(pipeline: Pipeline, settings: MethodSettings) -> Restriction:
    """Keep the heaviest variants; choose batch sizes and replicas (FA2)."""
    return Restriction(variants=settings.variants or _by_accuracy(pipeline, max))


@METHODS.named("rim")
def rim(pipeline: Pipeline, settings: MethodSettings) -> Restriction:
    """Keep the replicas; choose variants and batch sizes (RIM with replicas, as in the paper)."""
    if settings.replicas is None:
        raise ReplicasNeededError(
            f"method rim needs fixed replicas, one number for each of the {len(pipeline.stages)} stages of"
            f" {pipeline.name}, for example --replicas {','.join('3' for _ in pipeline.stages)}"
        )
    return Restriction(replicas=settings.replicas)


def _by_accuracy(pipeline: Pipeline, pick: Callable[..., Variant]) -> tuple[str, ...]:
    def chosen(stage: Stage) -> str:
        return pick(stage.choices, key=lambda variant: variant.accuracy).name

    return tuple(chosen(stage) for stage in pipeline.stages)
