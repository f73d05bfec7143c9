"""A pipeline as the object that Kubernetes keeps, with the settings of the corrected edition."""

import math

import yaml

from ipa.cluster.resource import to_object
from ipa.cluster.resource_spec import Drop, Limits, PipelineOptions, Weights
from ipa.experiments.editions import RunParameters
from ipa.experiments.spec import RunSpec


def object_yaml(pipeline: str) -> str:
    """Return the InferencePipeline of a pipeline, by name or file, as YAML to apply."""
    parameters = RunSpec(pipeline=pipeline).parameters()
    thing = to_object(parameters.pipeline, _options(parameters))
    # What holds nothing but values, as a row of a profile, stands on one line.
    return yaml.safe_dump(thing, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)


def _options(parameters: RunParameters) -> PipelineOptions:
    objective, constraints = parameters.objective, parameters.constraints
    limited = math.isfinite(parameters.drop_after_s)
    return PipelineOptions(
        method=parameters.method,
        metric=objective.metric.name,
        weights=Weights(alpha=objective.alpha, beta=objective.beta, delta=objective.delta),
        forecaster=parameters.forecaster,
        interval_s=parameters.interval_s,
        forecast_margin=parameters.forecast_margin,
        on_infeasible=parameters.on_infeasible,
        limits=Limits(
            cores=constraints.max_cores,
            replicas=constraints.max_replicas,
            batch_sizes=constraints.batch_sizes or (),
        ),
        drop=Drop(after_s=parameters.drop_after_s if limited else None),
    )
