"""A pipeline as far as the start of one replica needs it."""

from collections.abc import Sequence

from ipa.pipeline.config import PipelineConfig, StageConfig, VariantConfig
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.profiles import Profile, ProfilePoint


def alone(config: PipelineConfig, stage: StageConfig, variant: VariantConfig, profile: Profile) -> Pipeline:
    """Return the pipeline with one variant of one stage and no other."""
    server = variant.server and ExternalServer(**dict(variant.server))
    only = Variant(**dict(variant) | {"server": server, "base_cores": profile.cores}, profiles=(profile,))
    stages = (
        Stage(other.name, (only,) if other is stage else (), task=other.task) for other in config.stages
    )
    return Pipeline(config.name, tuple(stages), config.sla_s)


def unknown_profile(cores: int, batches: Sequence[int]) -> Profile:
    """Return a profile that says nothing but which batches there will be: it is about to be measured."""
    points = (ProfilePoint(batch, 0.001, 0.001, 1000.0 * batch) for batch in sorted(set(batches)))
    return Profile(cores, tuple(points))
