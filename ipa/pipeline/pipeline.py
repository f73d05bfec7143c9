"""Variant, Stage and Pipeline: what there is to choose from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, get_args

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.measured_accuracy import MeasuredAccuracy
from ipa.pipeline.profiles import Profile, stage_sla_s
from ipa.pipeline.rate_factors import rate_factors
from ipa.pipeline.slowest_path import slowest_path
from ipa.pipeline.stage_inputs import StageInput

Join = Literal["all", "sum"]

Setting = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the models that can serve a stage.

    Parameters
    ----------
    name
        Name, unique within the stage.
    accuracy
        Accuracy in 0..1 (speech: 1 - word error rate).
    base_cores
        Cores of one replica (base allocation).
    profiles
        Measurements per number of cores; one of them is for ``base_cores``.
    model
        Where the weights come from, for example ``torchvision:resnet18``.
    start_up_s
        Seconds from asking for a replica until it serves.
    enabled
        Whether a plan may choose it. A disabled variant still counts in the SLA of its stage.
    settings
        What the runtime that serves it needs to know beside, for example a file of weights: names and values,
        ascending by name.
    server
        The server of somebody else's that serves it; None for a model server of IPA.
    """

    name: str
    accuracy: float
    base_cores: int
    profiles: tuple[Profile, ...]
    model: str = ""
    start_up_s: float = 8.0
    enabled: bool = True
    settings: tuple[tuple[str, Setting], ...] = ()
    server: ExternalServer | None = None

    @property
    def profile(self) -> Profile:
        """Measurements on the base allocation."""
        return self.profile_on(self.base_cores)

    def profile_on(self, cores: int) -> Profile:
        """Return the measurements on ``cores`` cores; an allocation that was not profiled is an error."""
        for profile in self.profiles:
            if profile.cores == cores:
                return profile
        have = ", ".join(str(profile.cores) for profile in self.profiles)
        raise InvalidValueError(f"variant {self.name} has no profile on {cores} cores; profiled on: {have}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the pipeline and the variants that can do it.

    Parameters
    ----------
    name
        Name, unique within the pipeline.
    variants
        Variants in the order of the configuration file.
    sla_s
        Published SLA of the stage in seconds, if there is one; the pipeline's SLA is what counts.
    join
        What a stage of a graph does with what its edges bring. ``all``: it waits until a request has ended at
        all stages that lead to it, and serves the request once, if any edge brought something. ``sum``: it
        serves every visit on its own, as it comes. By default ``all`` where several edges lead to it, else
        ``sum``.
    task
        Kind of task, which says how a variant is loaded and what it answers (``ipa.serving.runtimes.TASKS``).
        Empty: the stage can be emulated, and served by servers of somebody else's, but not by ours.
    inputs
        Where the inputs of the model come from. None: those of the request in the first stage, and in the
        others all outputs of the stages that lead to it, under the names they have.

    Raises
    ------
    UnknownNameError
        If there is no such join.
    """

    name: str
    variants: tuple[Variant, ...]
    sla_s: float | None = None
    join: Join | None = None
    task: str = ""
    inputs: tuple[StageInput, ...] = ()

    def __post_init__(self) -> None:
        if self.join is not None and self.join not in get_args(Join):
            raise UnknownNameError(f"join of stage {self.name}", self.join, get_args(Join))

    @property
    def choices(self) -> tuple[Variant, ...]:
        """The variants a plan may choose."""
        return tuple(variant for variant in self.variants if variant.enabled)

    def variant(self, name: str) -> Variant:
        """Return a variant by name."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise UnknownNameError(f"variant of stage {self.name}", name, (v.name for v in self.variants))

    def computed_sla_s(self) -> float:
        """Return five times the mean batch-1 p99 latency of all variants (paper, section 4.2)."""
        return stage_sla_s(variant.profile.at(1).latency_p99_s for variant in self.variants)


@dataclass(frozen=True, slots=True)
class Edge:
    """Requests that go from one stage to another.

    Parameters
    ----------
    source, target
        Names of the stages.
    factor
        Visits that the edge sends to the target per visit that ends at the source: below 1 the edge thins,
        above 1 it multiplies (a frame with several vehicles). At most 1 into a stage that joins, which a
        request enters once however much comes.
    """

    source: str
    target: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages with an end-to-end latency objective: a chain, or a directed acyclic graph.

    Parameters
    ----------
    name
        Name of the pipeline.
    stages
        Stages in the order a request passes them.
    sla_s
        End-to-end latency SLA in seconds.
    title
        Name for people, used in figures.
    description
        What the pipeline does.
    edges
        Which stage follows which; none for a chain in the order of ``stages``. Each edge leads to a later
        stage, and only the first stage has none that leads to it. The SLA holds on every path.

    Raises
    ------
    InvalidValueError
        If the edges do not form such a graph.
    """

    name: str
    stages: tuple[Stage, ...]
    sla_s: float
    title: str = ""
    description: str = ""
    edges: tuple[Edge, ...] = ()
    measured_accuracy: MeasuredAccuracy | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.measured_accuracy is not None:
            names = [[variant.name for variant in stage.choices] for stage in self.stages]
            self.measured_accuracy.check_complete(names)
        if self.edges:
            _check_edges(self.name, [stage.name for stage in self.stages], self.edges)
            _check_joins(self)
        if any(stage.inputs for stage in self.stages):
            _check_inputs(self)

    def stage(self, name: str) -> Stage:
        """Return a stage by name."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise UnknownNameError(f"stage of pipeline {self.name}", name, (s.name for s in self.stages))

    def computed_sla_s(self) -> float:
        """Return the largest sum of the stages' computed SLAs over all paths (paper, section 4.2)."""
        return self.slowest_path_s({stage.name: stage.computed_sla_s() for stage in self.stages})

    def slowest_path_s(self, latency_s: Mapping[str, float]) -> float:
        """Return the largest sum over a path of what each stage takes, by name."""
        return slowest_path([latency_s[stage.name] for stage in self.stages], self.edge_places())

    def edge_places(self) -> tuple[tuple[int, int], ...]:
        """Return the edges by positions of their stages, ascending; none if the stages are a chain."""
        place = {stage.name: number for number, stage in enumerate(self.stages)}
        edges = tuple(sorted((place[edge.source], place[edge.target]) for edge in self.edges))
        return () if edges == tuple(pairwise(range(len(place)))) else edges

    def predecessors(self) -> dict[str, tuple[str, ...]]:
        """Return the stages that lead to each stage, by name in the order of the stages."""
        if not self.edges:
            names = [stage.name for stage in self.stages]
            return {name: tuple(names[max(0, place - 1) : place]) for place, name in enumerate(names)}
        return {
            stage.name: tuple(edge.source for edge in self.edges if edge.target == stage.name)
            for stage in self.stages
        }

    def ancestors(self) -> dict[str, tuple[str, ...]]:
        """Return the stages that lead to each stage, directly or through others, in their order."""
        names, found = [stage.name for stage in self.stages], dict[str, set[str]]()
        for name, before in self.predecessors().items():
            found[name] = set(before).union(*(found[source] for source in before))
        return {name: tuple(other for other in names if other in found[name]) for name in names}

    def joins(self) -> tuple[bool, ...]:
        """Return for each stage whether it waits for all stages before it and serves a request once."""
        return tuple(
            stage.join == "all" or (stage.join is None and len(before) > 1)
            for stage, before in zip(self.stages, self.predecessors().values(), strict=True)
        )

    def rate_factors(self) -> dict[str, float]:
        """Return the mean number of visits to each stage per request that enters the pipeline.

        Where a stage joins, a request visits it once, or not at all if none of its edges brought anything;
        elsewhere what the edges bring adds up. The numbers are exact: see ``ipa.pipeline.rate_factors``.
        """
        names = [stage.name for stage in self.stages]
        if not self.edges:
            return dict.fromkeys(names, 1.0)
        place = {name: number for number, name in enumerate(names)}
        incoming = tuple(
            tuple((place[edge.source], edge.factor) for edge in self.edges if edge.target == name)
            for name in names
        )
        return dict(zip(names, rate_factors(incoming, self.joins()), strict=True))

    def without_tasks(self) -> "Pipeline":
        """Return the pipeline for models that only pretend: a stage takes whatever it gets."""
        return replace(self, stages=tuple(replace(stage, task="", inputs=()) for stage in self.stages))

    def with_base_cores(self, cores: Mapping[tuple[str, str], int]) -> "Pipeline":
        """Return the pipeline with other base allocations.

        Parameters
        ----------
        cores
            Cores per (stage name, variant name); variants that are not named become disabled, since an
            allocation table lists every variant that a run could choose.
        """
        return replace(self, stages=tuple(_reallocate(stage, cores) for stage in self.stages))


def _check_edges(pipeline: str, names: list[str], edges: tuple[Edge, ...]) -> None:
    places = {name: place for place, name in enumerate(names)}
    for edge in edges:
        for name in (edge.source, edge.target):
            if name not in places:
                raise UnknownNameError(f"stage of pipeline {pipeline}", name, names)
        if not 0 < edge.factor < math.inf:
            raise InvalidValueError(
                f"edge {edge.source} -> {edge.target}: the rate factor must be finite and above 0,"
                f" not {edge.factor}"
            )
        if places[edge.source] >= places[edge.target]:
            raise InvalidValueError(
                f"edge {edge.source} -> {edge.target} leads back: list the stages of pipeline {pipeline}"
                " so that each comes after those that lead to it"
            )
    if len({(edge.source, edge.target) for edge in edges}) < len(edges):
        raise InvalidValueError(f"pipeline {pipeline} has an edge twice; sum up their rate factors")
    reached = {edge.target for edge in edges}
    sources = [name for name in names if name not in reached]
    if len(sources) > 1:
        raise InvalidValueError(
            f"pipeline {pipeline} has several first stages: {', '.join(sources)}; requests enter at one stage"
        )


def _check_joins(pipeline: Pipeline) -> None:
    joining = dict(zip((stage.name for stage in pipeline.stages), pipeline.joins(), strict=True))
    for edge in pipeline.edges:
        if joining[edge.target] and edge.factor > 1:
            raise InvalidValueError(
                f"edge {edge.source} -> {edge.target}: stage {edge.target} serves a request once, when all"
                f" that comes has come, so a rate factor above 1 ({edge.factor}) has no meaning; put it on an"
                ' edge behind the join, or serve every visit on its own (join="sum")'
            )


def _check_inputs(pipeline: Pipeline) -> None:
    before = pipeline.ancestors()
    for stage in pipeline.stages:
        for source in stage.inputs:
            if source.stage and source.stage not in before[stage.name]:
                raise InvalidValueError(
                    f"input {source.name} of stage {stage.name} comes from {source.stage}, which does not"
                    f" lead to it; stages that do: {', '.join(before[stage.name]) or 'none'}"
                )


def _reallocate(stage: Stage, cores: Mapping[tuple[str, str], int]) -> Stage:
    variants = []
    for variant in stage.variants:
        allocation = cores.get((stage.name, variant.name))
        if allocation is None:
            variants.append(replace(variant, enabled=False))
        elif any(profile.cores == allocation for profile in variant.profiles):
            variants.append(replace(variant, base_cores=allocation))
        else:
            raise InvalidValueError(
                f"{stage.name}/{variant.name}: allocated {allocation} cores but profiled only on "
                f"{', '.join(str(p.cores) for p in variant.profiles)}"
            )
    return replace(stage, variants=tuple(variants))
