"""Whether a pipeline can be served on this machine, found out before anything is started."""

from ipa.errors import IpaError, LivePipelineError
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.serving.replica import ReplicaSettings, Source
from ipa.serving.runtimes.catalogue import task_of


def check_servable(pipeline: Pipeline, source: Source) -> None:
    """Raise an error if a variant that a plan may choose cannot be served here.

    Parameters
    ----------
    pipeline
        What is to be served.
    source
        Where weights are to come from.

    Raises
    ------
    LivePipelineError
        Names the stage, the variant, what is missing and what to do.
    """
    for stage in pipeline.stages:
        for variant in stage.choices:
            if variant.server is not None:
                _check_startable(stage, variant, variant.server)
            elif source != "emulated":
                _check(stage, variant, source)


def _check_startable(stage: Stage, variant: Variant, server: ExternalServer) -> None:
    if server.image and not server.command:
        raise LivePipelineError(
            f"stage {stage.name}, variant {variant.name}: its server is the image {server.image}, and"
            " containers are not run here; give it a command too, or disable the variant"
        )


def _check(stage: Stage, variant: Variant, source: Source) -> None:
    replica = ReplicaSettings(
        name=variant.name,
        model=stage.name,
        variant=variant.name,
        task=stage.task,
        source=source,
        settings=dict(variant.settings),
        weights=variant.model,
    )
    try:
        task_of(replica).check_weights(replica)
    except IpaError as error:
        raise LivePipelineError(f"stage {stage.name}, variant {variant.name}: {error}") from error
