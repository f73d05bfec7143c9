"""Small pipelines and plans for the tests of the simulator."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from ipa.pipeline.pipeline import Edge, Pipeline, Stage, Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.simulator import ClusterSettings, PipelineSimulator, RequestRecords, SimulationSettings

Step = tuple[float, Plan]


def variant(
    name: str, means_s: dict[int, float], cores: int = 1, start_up_s: float = 8.0, tail: float = 1.5
) -> Variant:
    """Return a variant whose p99 is ``tail`` times its mean latency per batch size."""
    points = tuple(ProfilePoint(b, mean_s * tail, mean_s, b / mean_s) for b, mean_s in means_s.items())
    return Variant(name, 0.5, cores, (Profile(cores, points),), start_up_s=start_up_s)


def pipeline(*stages: Sequence[Variant]) -> Pipeline:
    """Return a pipeline of stages s0, s1, ..."""
    return Pipeline("toy", tuple(Stage(f"s{i}", tuple(v)) for i, v in enumerate(stages)), sla_s=1.0)


def plan(*stages: tuple[str, int, int, float] | tuple[str, int, int, float, int]) -> Plan:
    """Return a plan from (variant, batch, replicas, batch wait[, cores]) per stage."""
    return Plan(
        tuple(
            StagePlan(
                f"s{i}", s[0], batch=s[1], replicas=s[2], cores=s[4] if len(s) > 4 else 1, batch_wait_s=s[3]
            )
            for i, s in enumerate(stages)
        )
    )


def simulate(
    pipe: Pipeline,
    first: Plan,
    settings: SimulationSettings,
    arrivals_s: Sequence[float],
    steps: Sequence[Step] = (),
) -> PipelineSimulator:
    """Return a simulator after all requests, with a new plan at each step."""
    simulator = PipelineSimulator(pipe, first, settings)
    simulator.offer(arrivals_s)
    for at_s, new in steps:
        simulator.advance(at_s)
        simulator.reconfigure(new)
    simulator.drain()
    return simulator


def columns(records: RequestRecords) -> list[np.ndarray]:
    """Return all arrays of a record."""
    own: list[np.ndarray] = [
        records.arrival_s,
        records.end_s,
        records.outcome,
        records.reason,
        records.dropped_stage,
    ]
    return own + [
        getattr(stage, name)
        for stage in records.stages
        for name in ("enter_s", "start_s", "end_s", "batch", "variant")
    ]


def fingerprint(records: RequestRecords) -> str:
    """Return a hash of all bytes of a record."""
    return hashlib.sha256(b"".join(column.tobytes() for column in columns(records))).hexdigest()


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """Draw one to three stages of two variants each, one of them on two cores."""

    def one(name: str, cores: int) -> Variant:
        base_s = draw(st.floats(0.05, 1.0))
        gain = draw(st.floats(0.3, 1.0))
        means_s = {b: base_s * b**gain for b in (1, 2, 4, 8)}
        return variant(
            name, means_s, cores, draw(st.sampled_from([0.0, 0.5, 3.0, 12.0])), draw(st.floats(1.0, 4.0))
        )

    return pipeline(*[(one("a", 1), one("b", 2)) for _ in range(draw(st.integers(1, 3)))])


@st.composite
def graphs(draw: st.DrawFn) -> Pipeline:
    """Draw a graph of two to five stages whose edges thin and multiply, with joins and sums."""
    stages = [replace(draw(pipelines()).stages[0], name=f"s{i}") for i in range(draw(st.integers(2, 5)))]
    edges = []
    for place in range(1, len(stages)):
        sources = draw(st.sets(st.integers(0, place - 1), min_size=1, max_size=3))
        join = draw(st.sampled_from([None, "all", "sum"]))
        joins = join == "all" or (join is None and len(sources) > 1)
        factors = st.sampled_from([0.3, 0.7, 1.0, 1.0] if joins else [0.4, 1.0, 1.0, 1.6, 2.0])
        edges += [Edge(f"s{source}", f"s{place}", draw(factors)) for source in sorted(sources)]
        stages[place] = replace(stages[place], join=join)
    return Pipeline("toy", tuple(stages), sla_s=1.0, edges=tuple(edges))


@st.composite
def plans(draw: st.DrawFn, pipe: Pipeline, names: str = "ab") -> Plan:
    """Draw a plan for a pipeline."""
    waits = st.one_of(st.just(0.0), st.floats(0.0, 2.0))
    stages = []
    for _ in pipe.stages:
        name = draw(st.sampled_from(names))
        stages.append(
            (name, draw(st.integers(1, 8)), draw(st.integers(1, 6)), draw(waits), "ab".index(name) + 1)
        )
    return plan(*stages)


@st.composite
def arrivals(draw: st.DrawFn, at_most: int = 150) -> list[float]:
    """Draw arrival times over up to 20 s: scattered, or on a grid where many things coincide."""
    # Hypothesis draws mostly short lists; a queue needs more requests than that.
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    times_s = rng.uniform(0, draw(st.sampled_from([1.0, 5.0, 20.0])), draw(st.integers(1, at_most)))
    grid_s = draw(st.sampled_from([0.0, 0.0, 0.25, 5.0]))
    return sorted((np.round(times_s / grid_s) * grid_s if grid_s else times_s).tolist())


@st.composite
def all_settings(draw: st.DrawFn) -> SimulationSettings:
    """Draw settings; most of them drop."""
    return SimulationSettings(
        seed=draw(st.integers(0, 2**32)),
        service=draw(st.sampled_from(["lognormal", "deterministic", "exponential"])),
        drop_after_s=draw(st.one_of(st.just(float("inf")), st.floats(0.05, 10.0))),
        network_delay_s=draw(st.sampled_from([0.0, 0.0, 0.03])),
    )


@st.composite
def unreal_settings(draw: st.DrawFn) -> SimulationSettings:
    """Draw settings of clusters that are not ideal: delays, deaths, slow replicas, limits per stage."""

    def sometimes(value: object, default: object) -> object:
        return draw(st.sampled_from([value, default]))

    cluster = ClusterSettings(
        start_up_s=draw(st.sampled_from([None, 0.7, 5.0])),
        switching=sometimes("stop-start", "make-before-break"),
        mean_life_s=sometimes(12.0, math.inf),
        straggler_share=sometimes(0.4, 0.0),
        profile_error=sometimes(1.3, 1.0),
        router_delay_s=sometimes(0.02, 0.0),
        dispatch_s=sometimes(0.01, 0.0),
    )
    limits_s = sometimes((1.0, 1.5, 4.0, 2.0, 6.0), ())
    return replace(draw(all_settings()), cluster=cluster, stage_drop_after_s=limits_s)


@st.composite
def scenarios(
    draw: st.DrawFn,
    changes: int = 4,
    assumed: st.SearchStrategy[SimulationSettings] | None = None,
    pipes: st.SearchStrategy[Pipeline] | None = None,
) -> tuple[Pipeline, Plan, SimulationSettings, list[float], list[Step]]:
    """Draw everything that ``simulate`` takes."""
    pipe = draw(pipelines() if pipes is None else pipes)
    # Drawn anew each time, plans would hardly ever extend a switch that is under way.
    held = plans(pipe, draw(st.sampled_from("ab")))
    at_s = sorted(draw(st.lists(st.floats(0, 25), max_size=changes)))
    assumptions = draw(all_settings() if assumed is None else assumed)
    limits_s = assumptions.stage_drop_after_s[: len(pipe.stages)]
    return (
        pipe,
        draw(plans(pipe)),
        replace(assumptions, stage_drop_after_s=limits_s),
        draw(arrivals()),
        [(t, draw(held if draw(st.booleans()) else plans(pipe))) for t in at_s],
    )
