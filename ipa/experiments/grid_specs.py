"""Which runs a grid is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from ipa.errors import ReplicasNeededError
from ipa.experiments.resolved import resolve
from ipa.experiments.spec import RunSpec
from ipa.optimizer.methods import METHODS
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES, PAPER_WORKLOADS

EDITIONS_BY_DEFAULT = ("as-published", "corrected")


def default_editions(pipelines: Sequence[str], workloads: Sequence[str] = PAPER_WORKLOADS) -> list[str]:
    """Return the editions to run where none is named: published settings are of the paper's names only.

    Parameters
    ----------
    pipelines, workloads
        Names, or files of one's own.

    Examples
    --------
    >>> default_editions(["video"]), default_editions(["video", "mine.yaml"])
    (['as-published', 'corrected'], ['corrected'])
    """
    of_paper = {*pipelines} <= {*PAPER_PIPELINES} and {*workloads} <= {*PAPER_WORKLOADS}
    return list(EDITIONS_BY_DEFAULT) if of_paper else ["corrected"]


def grid_specs(
    editions: Sequence[str],
    pipelines: Sequence[str] = PAPER_PIPELINES,
    workloads: Sequence[str] = PAPER_WORKLOADS,
    methods: Sequence[str] | None = None,
    *,
    replicas: tuple[int, ...] | None = None,
    **common: Any,
) -> list[RunSpec]:
    """Return the resolved specs of a grid, every combination of the four lists.

    Parameters
    ----------
    editions, pipelines, workloads
        Names, or files of one's own.
    methods
        Names. None: the paper's four; one that needs fixed replicas is left out where there are none, as
        for a pipeline of one's own (``left_out_note`` says so).
    replicas
        Fixed replicas of each stage, for the methods that keep them.
    common
        Further fields of every ``RunSpec``.

    Raises
    ------
    ReplicasNeededError
        If a method was named that needs fixed replicas.
    """
    combinations: Iterator[tuple[str, str, str, str]] = product(
        editions, pipelines, workloads, PAPER_METHODS if methods is None else methods
    )
    specs = []
    for edition, pipeline, workload, method in combinations:
        spec = RunSpec(pipeline=pipeline, workload=workload, method=method, edition=edition, **common)
        try:
            specs.append(resolve(_with_replicas(spec, replicas)))
        except ReplicasNeededError:
            if methods is not None:
                raise
    return specs


def _with_replicas(spec: RunSpec, replicas: tuple[int, ...] | None) -> RunSpec:
    """Give a spec the replicas if its method keeps them fixed."""
    if replicas is None:
        return spec
    given = replace(spec, replicas=replicas)
    parameters = given.parameters()
    fixed = METHODS[spec.method](parameters.pipeline, parameters.method_settings)
    return spec if fixed.replicas is None else given


def left_out_note(specs: Sequence[RunSpec]) -> str:
    """Say which of the paper's methods ``grid_specs`` left out of a grid; empty if none."""
    by_pipeline: dict[str, set[str]] = {}
    for spec in specs:
        by_pipeline.setdefault(spec.pipeline, set()).add(spec.method)
    return "; ".join(
        f"{', '.join(missing)} left out for {pipeline}: give the fixed replicas of each stage"
        for pipeline, present in by_pipeline.items()
        if (missing := [method for method in PAPER_METHODS if method not in present])
    )
