"""``ipa describe``: what a pipeline file says, beside what its profiles give."""

import math
from typing import Annotated, Any

import pandas as pd
import typer

from ipa.cli.options import JsonOption, PipelineOption, within
from ipa.cli.output import print_json, print_table
from ipa.cli.pipeline_object import object_yaml
from ipa.errors import InvalidValueError
from ipa.limits import THROUGHPUT_RPS
from ipa.pipeline.load import load_pipeline, pipeline_warnings
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.profiles import base_allocation

COMBINATIONS_SHOWN = 20
"""Combinations of variants that are shown as a table."""


def describe_command(
    pipeline: PipelineOption = "video",
    threshold_rps: float = typer.Option(
        4.0, "--threshold", callback=within(THROUGHPUT_RPS), help="Rate that Eq. 1 asks of one replica."
    ),
    as_json: JsonOption = False,
    as_object: Annotated[
        bool,
        typer.Option(
            "--as-object",
            help="Print the InferencePipeline for `kubectl apply -f -` instead, with the settings of the"
            " corrected edition.",
        ),
    ] = False,
) -> None:
    """Check a pipeline file and show its stages, variants, base allocations and SLA.

    Beside the values of the file stand those that the paper's rules give from the profiles: the base
    allocation (Eq. 1) and the SLA (five times the mean batch-1 latency). Rows of a profile that contradict
    themselves are warned of.

    \b
    Examples:
      ipa describe --pipeline video
      ipa describe --pipeline my-pipeline.yaml --threshold 10
      ipa describe --pipeline video --as-object | kubectl apply -f -
    """
    if as_json and as_object:
        raise InvalidValueError(
            "--json and --as-object exclude each other: kubectl reads the YAML of the latter"
        )
    if as_object:
        typer.echo(object_yaml(pipeline), nl=False)
        return
    chosen = load_pipeline(pipeline)
    if as_json:
        print_json(_report(chosen, threshold_rps) | {"warnings": pipeline_warnings(pipeline)})
        return
    typer.echo(f"{chosen.title} ({chosen.name}): {chosen.description}\n")
    rows = [_variant(stage, variant, threshold_rps) for stage in chosen.stages for variant in stage.variants]
    print_table(pd.DataFrame(rows).astype(object))
    if chosen.edges:
        typer.echo("")
        print_table(_edges(chosen))
    if chosen.measured_accuracy is not None:
        _print_combinations(chosen)
    typer.echo(
        f"\nSLA {chosen.sla_s:g} s; five times the mean batch-1 latency of each stage gives"
        f" {chosen.computed_sla_s():.2f} s" + (" on the slowest path" if chosen.edges else "")
    )


def _report(pipeline: Pipeline, threshold_rps: float) -> dict[str, Any]:
    return {
        "pipeline": pipeline.name,
        "title": pipeline.title,
        "sla_s": pipeline.sla_s,
        "computed_sla_s": round(pipeline.computed_sla_s(), 4),
        "threshold_rps": threshold_rps,
        "edges": _edges(pipeline),
        "measured_accuracy": _combinations(pipeline),
        "variants": [
            _variant(stage, variant, threshold_rps) for stage in pipeline.stages for variant in stage.variants
        ],
    }


def _print_combinations(pipeline: Pipeline) -> None:
    combinations = _combinations(pipeline)
    typer.echo("")
    rows = [one.pop("variants") | one for one in combinations[:COMBINATIONS_SHOWN]]
    print_table(rows, title="measured accuracy, and PAS")
    if len(combinations) > COMBINATIONS_SHOWN:
        typer.echo(f"{len(combinations) - COMBINATIONS_SHOWN:,} more combinations; --json lists all")


def _combinations(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return the combinations of enabled variants that were measured, the most accurate first."""
    if pipeline.measured_accuracy is None:
        return []
    choices = [{variant.name: variant.accuracy for variant in stage.choices} for stage in pipeline.stages]
    names = [stage.name for stage in pipeline.stages]
    return [
        {
            "variants": dict(zip(names, variants, strict=True)),
            "accuracy": accuracy,
            "pas": math.prod(own[name] for own, name in zip(choices, variants, strict=True)),
        }
        for variants, accuracy in sorted(
            pipeline.measured_accuracy.combinations, key=lambda one: -one.accuracy
        )
        if all(name in own for own, name in zip(choices, variants, strict=True))
    ]


def _edges(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return the edges of a graph, with the visits to the target per request to the pipeline."""
    factors = pipeline.rate_factors()
    joins = dict(zip(factors, pipeline.joins(), strict=True))
    return [
        {
            "from": e.source,
            "to": e.target,
            "factor": e.factor,
            "join": "all" if joins[e.target] else "sum",
            "requests_per_request": round(factors[e.target], 6),
        }
        for e in pipeline.edges
    ]


def _variant(stage: Stage, variant: Variant, threshold_rps: float) -> dict[str, Any]:
    profile = variant.profile
    return {
        "stage": stage.name,
        "variant": variant.name,
        "enabled": variant.enabled,
        "accuracy": variant.accuracy,
        "base_cores": variant.base_cores,
        "eq1_cores": base_allocation(variant.profiles, threshold_rps, stage.sla_s or stage.computed_sla_s()),
        "p99_ms": round(1000 * profile.at(1).latency_p99_s, 1),
        "throughput_rps": round(profile.at(1).throughput_rps, 2),
        "measured_batches": "/".join(str(point.batch) for point in profile.points),
        "profiled_cores": "/".join(str(other.cores) for other in variant.profiles),
    }
