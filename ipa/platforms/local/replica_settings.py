"""What a replica of a variant is told to serve, wherever it runs."""

from ipa.pipeline.pipeline import Pipeline
from ipa.platforms.local.serving_settings import ServingSettings
from ipa.serving.replica import ReplicaSettings


def replica_settings(
    pipeline: Pipeline,
    stage_index: int,
    variant_name: str,
    cores: int,
    settings: ServingSettings,
    *,
    seed: int,
    name: str = "",
    asked_ns: int = 0,
) -> ReplicaSettings:
    """Return the settings of a replica.

    Parameters
    ----------
    pipeline, stage_index, variant_name, cores
        What it serves, and on how many cores.
    settings
        Source of the weights and whatever else the platform was told.
    seed
        Of all service times that are emulated.
    name
        Of the replica, where it is known beforehand.
    asked_ns
        When it was asked for, on the monotonic clock of its machine; 0: when it begins to load.
    """
    stage = pipeline.stages[stage_index]
    variant = stage.variant(variant_name)
    points = variant.profile_on(cores).points
    return ReplicaSettings(
        name=name,
        model=stage.name,
        stage_index=stage_index,
        task=stage.task,
        variant=variant.name,
        source=settings.source,
        cores=cores,
        profile=points,
        service=settings.service,
        seed=seed,
        settings=dict(variant.settings),
        weights=variant.model,
        start_up_s=variant.start_up_s if settings.emulate_start_up else 0.0,
        asked_ns=asked_ns,
        max_batch=max(point.batch for point in points),
    )
