"""What reconfigurations under load cost: requests lost, answered twice or wrongly, gaps, and time."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from typing import Any, Literal

import numpy as np
import pandas as pd
import psutil

from ipa.errors import LivePipelineError
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes.platform import KubernetesPlatform
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.settings import LocalSettings
from ipa.results.requests import DROPPED, ERROR, IN_FLIGHT, OK
from ipa.serving.model_server import ReplicaSettings, ServerReady, serve_replica

Kind = Literal["batch", "scale-up", "scale-down", "variant"]

SERVICE_S = {"small": 0.01, "medium": 0.02, "large": 0.04}
"""Mean service time of a single request; one of 8 takes four times as long as a batch."""

BATCHES = (1, 2, 4, 8)

MOST_REPLICAS = 4

HEADROOM = 1.3
"""Plans carry so many times the load."""

CALM_S = 5.0
"""Time under load before the first reconfiguration, to compare with."""

SLACK = 1.3
"""The load lasts so many times as long as the reconfigurations would if none took longer than its turn."""

DRAWS_IN_CLUSTER = 64
"""Plans that are drawn to find one of the kind that was made least: few reconfigurations are to show all."""

DELETE = "delete"
"""Verb of the writes that do not belong to the change they fall into: what serves nobody is deleted later."""

WAIT_S = 120.0
"""A reconfiguration that takes longer is given up."""

POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Switch:
    """One reconfiguration.

    Parameters
    ----------
    kind
        What changed.
    took_s
        Seconds from the request for it until all of it served.
    writes
        In a cluster, writes to its API from the request for it until the next one, deletions left aside: of
        those, each belongs to a change of five minutes before.
    """

    kind: Kind
    took_s: float
    writes: int | None = None


@dataclass(frozen=True, slots=True)
class ReconfigureOutcome:
    """What a number of reconfigurations under load cost.

    Parameters
    ----------
    requests
        Requests of the load.
    lost
        Those that were never answered, refused or failed.
    duplicated
        Those that the gateway served, or some stage took, more than once.
    failed, dropped
        Those that ended badly.
    wrong
        Answers that were not those to the request.
    calm_gap_s, gap_s
        Longest time between two answers, before the first reconfiguration and after it.
    latency_p50_s, latency_p99_s
        Of the answered requests.
    replicas, replica_mb
        Replicas at the end, and the memory of each in MB: its share of what it has in common with the others
        included (PSS); None in a cluster, whose nodes are not looked into.
    switches
        The reconfigurations; fewer than were asked for if the load was over before.
    idle_writes
        In a cluster, writes to its API in one turn in which the plan that runs was asked for again.
    """

    requests: int
    lost: int
    duplicated: int
    failed: int
    dropped: int
    wrong: int
    calm_gap_s: float
    gap_s: float
    latency_p50_s: float
    latency_p99_s: float
    replicas: int | None
    replica_mb: float | None
    switches: tuple[Switch, ...]
    idle_writes: int | None = None

    def times(self) -> pd.DataFrame:
        """Return the median and the longest time of every kind of reconfiguration, in milliseconds.

        In a cluster, the same of its writes to the API too.
        """
        rows = [(switch.kind, 1000 * switch.took_s, switch.writes) for switch in self.switches]
        kinds = pd.DataFrame(rows, columns=["kind", "ms", "writes"]).groupby("kind")
        found = kinds["ms"].agg(["count", "median", "max"]).round(1)
        found = found.rename(columns={"median": "median_ms", "max": "max_ms"})
        if self.idle_writes is not None:
            writes = kinds["writes"].agg(["median", "max"]).astype(float)
            found = found.join(writes.rename(columns={"median": "median_writes", "max": "max_writes"}))
        return found.reset_index()


def bench_reconfigure(
    reconfigurations: int = 100,
    rate_rps: float = 50.0,
    every_s: float = 1.0,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
    cluster: KubernetesSettings | None = None,
) -> ReconfigureOutcome:
    """Reconfigure an emulated pipeline of two stages again and again under a steady load.

    Parameters
    ----------
    reconfigurations
        How often, as long as there is load; each changes batch, replicas or variant of one stage.
    rate_rps
        Requests per second.
    every_s
        Seconds from one to the next, more where one takes longer.
    seed
        Of what is changed.
    progress
        Called with how many are done, and how many there are.
    cluster
        Where pods serve; None: processes of this machine do.
    """
    rng = np.random.default_rng(seed)
    settings = replace(
        cluster or LocalSettings(),
        payload="digest",
        payload_settings=(("stages", 2),),
        service="deterministic",
        timeout_s=30.0,
    )
    pipeline, platform = bench_pipeline(), settings.platform(Conditions(seed))
    end_s = CALM_S + SLACK * reconfigurations * every_s
    platform.offer(np.arange(0.0, end_s, 1 / rate_rps))
    draws = 1 if cluster is None else DRAWS_IN_CLUSTER
    try:
        plan = first_plan(rate_rps)
        platform.deploy(pipeline, plan)
        platform.sleep_until(CALM_S)
        switches: list[Switch] = []
        while len(switches) < reconfigurations and platform.now() < end_s - every_s:
            made = Counter(switch.kind for switch in switches)
            kind, plan = rarest_plan(plan, rate_rps, rng, made, draws)
            switches.append(_turn(platform, kind, plan, every_s))
            progress(len(switches), reconfigurations)
        idle_writes = _idle_writes(platform, plan, every_s) if switches else None
        memory_mb = _memory_mb(platform) if isinstance(platform, LocalPlatform) else []
        platform.drain()
        return _outcome(platform, memory_mb, tuple(switches), idle_writes)
    finally:
        platform.teardown()


def bench_pipeline() -> Pipeline:
    """Return two stages with three variants each."""
    variants = tuple(
        Variant(name, accuracy, 1, (Profile(1, _points(mean_s)),), start_up_s=0.0)
        for accuracy, (name, mean_s) in zip((0.5, 0.7, 0.9), SERVICE_S.items(), strict=True)
    )
    return Pipeline("reconfigured", (Stage("first", variants), Stage("second", variants)), sla_s=1.0)


def first_plan(rate_rps: float) -> Plan:
    """Return the plan that the pipeline starts with."""
    return Plan(tuple(_stage_plan(stage, "small", 1, rate_rps) for stage in ("first", "second")))


def next_plan(plan: Plan, rate_rps: float, rng: np.random.Generator) -> tuple[Kind, Plan]:
    """Return a plan that differs in one thing from another one, and which; it carries the load too."""
    while True:
        place = int(rng.integers(len(plan.stages)))
        kind: Kind = ("batch", "scale-up", "scale-down", "variant")[int(rng.integers(4))]
        changed = _changed(plan.stages[place], kind, rate_rps, rng)
        least = _stage_plan(changed.stage, changed.variant, changed.batch, rate_rps).replicas
        if _differs(plan.stages[place], changed, kind) and least <= changed.replicas <= MOST_REPLICAS:
            stages = [changed if i == place else stage for i, stage in enumerate(plan.stages)]
            return kind, Plan(tuple(stages))


def rarest_plan(
    plan: Plan, rate_rps: float, rng: np.random.Generator, made: Counter[Kind], draws: int
) -> tuple[Kind, Plan]:
    """Return one of a number of next plans, of the kind that was made least."""
    return min(
        (next_plan(plan, rate_rps, rng) for _ in range(draws)),
        key=lambda drawn: made[drawn[0]],
    )


def cold_start_s(repetitions: int = 3) -> list[float]:
    """Return how long replicas take to be ready in a new interpreter, without a warm template."""
    return [_cold_start_s() for _ in range(repetitions)]


def _changed(stage: StagePlan, kind: Kind, rate_rps: float, rng: np.random.Generator) -> StagePlan:
    if kind == "batch":
        batch = int(rng.choice(BATCHES))
        return replace(stage, batch=batch, batch_wait_s=(batch - 1) / rate_rps)
    if kind == "variant":
        return _stage_plan(stage.stage, str(rng.choice(list(SERVICE_S))), stage.batch, rate_rps)
    return replace(stage, replicas=stage.replicas + (1 if kind == "scale-up" else -1))


def _differs(before: StagePlan, after: StagePlan, kind: Kind) -> bool:
    if kind == "batch":
        return before.batch != after.batch
    return kind != "variant" or before.variant != after.variant


def _stage_plan(stage: str, variant: str, batch: int, rate_rps: float) -> StagePlan:
    """Return the plan of a stage with as few replicas as carry the load."""
    point = Profile(1, _points(SERVICE_S[variant])).at(batch)
    replicas = int(np.ceil(HEADROOM * rate_rps / point.throughput_rps))
    return StagePlan(stage, variant, batch, replicas, 1, (batch - 1) / rate_rps)


def _points(mean_s: float) -> tuple[ProfilePoint, ...]:
    factors = {1: 1.0, 2: 1.25, 4: 1.6, 8: 2.0}
    return tuple(
        ProfilePoint(batch, mean_s * factor, mean_s * factor, batch / (mean_s * factor))
        for batch, factor in factors.items()
    )


def _turn(platform: LocalPlatform | KubernetesPlatform, kind: Kind, plan: Plan, every_s: float) -> Switch:
    """Apply a plan, wait for what is left of its turn, and return what it took."""
    before, due_s = _writes(platform), platform.now() + every_s
    took_s = _switch(platform, plan)
    platform.sleep_until(due_s)
    after = _writes(platform)
    return Switch(kind, took_s, None if before is None or after is None else after - before)


def _switch(platform: LocalPlatform | KubernetesPlatform, plan: Plan) -> float:
    """Apply a plan and return how long it takes until all of it serves."""
    began_s = platform.now()
    platform.apply(plan)
    while True:
        took_s, pending = platform.now() - began_s, platform.pending()
        if not pending:
            return took_s
        if took_s > WAIT_S:
            raise LivePipelineError(f"a plan is not in force after {WAIT_S:g} s: {pending}")
        time.sleep(POLL_S)


def _idle_writes(platform: LocalPlatform | KubernetesPlatform, plan: Plan, every_s: float) -> int | None:
    """Ask for the plan that runs and return how many writes the turn takes; None on this machine."""
    before, due_s = _writes(platform), platform.now() + every_s
    platform.apply(plan)
    platform.observe()
    if before is None:
        return None
    platform.sleep_until(due_s)
    return (_writes(platform) or 0) - before


def _writes(platform: LocalPlatform | KubernetesPlatform) -> int | None:
    """Return how often the cluster was written to so far, deletions left aside; None on this machine."""
    if isinstance(platform, LocalPlatform):
        return None
    return sum(write.verb != DELETE for write in platform.client.writes)


def _memory_mb(platform: LocalPlatform) -> list[float]:
    """Return the memory of every replica."""
    names = {replica.name for stage in platform.deployment.serving() for replica in stage.replicas}
    pids = [process.pid for process in platform.deployment.processes() if process.name in names]
    return [psutil.Process(pid).memory_full_info().pss / 1e6 for pid in pids]


def _outcome(
    platform: LocalPlatform | KubernetesPlatform,
    memory_mb: list[float],
    switches: tuple[Switch, ...],
    idle_writes: int | None,
) -> ReconfigureOutcome:
    records, journal, report = platform.records(), platform.journal(), platform.load_report
    if journal is None or report is None:
        raise LivePipelineError("the gateway's journal, or the account of the load, is missing")
    ids = journal.column("id").to_pylist()
    answered_s = np.sort(records.end_s[records.outcome == OK])
    calm, busy = answered_s[answered_s < CALM_S], answered_s[answered_s >= CALM_S]
    latency_s = records.latency_s[records.outcome == OK]
    return ReconfigureOutcome(
        requests=len(records.outcome),
        lost=int((records.outcome == IN_FLIGHT).sum()),
        duplicated=len(ids) - len(set(ids)) + _served_again(journal),
        failed=int((records.outcome == ERROR).sum()),
        dropped=int((records.outcome == DROPPED).sum()),
        wrong=report.judged - report.right,
        calm_gap_s=float(np.diff(calm).max()),
        gap_s=float(np.diff(busy).max()),
        latency_p50_s=float(np.quantile(latency_s, 0.5)),
        latency_p99_s=float(np.quantile(latency_s, 0.99)),
        replicas=len(memory_mb) or None,
        replica_mb=round(float(np.mean(memory_mb)), 1) if memory_mb else None,
        switches=switches,
        idle_writes=idle_writes,
    )


def _served_again(journal: Any) -> int:
    """Return how many visits there were beyond one of each request to each stage."""
    return sum(
        int(np.maximum(journal.column(name).to_numpy() - 1, 0).sum())
        for name in journal.column_names
        if name.endswith("_visits")
    )


def _cold_start_s() -> float:
    settings = ReplicaSettings("cold", "cold", "small", profile=_points(SERVICE_S["small"]))
    context = SpawnContext()
    ours, theirs = context.Pipe()
    began_s = time.perf_counter()
    child = context.Process(target=_serve_quietly, args=(settings, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        said = ours.recv()
        took_s = time.perf_counter() - began_s
        if not isinstance(said, ServerReady):
            raise LivePipelineError(f"a replica does not start: {said}")
        return took_s
    finally:
        child.terminate()
        child.join()
        ours.close()


def _serve_quietly(settings: ReplicaSettings, ready: Connection) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    serve_replica(settings, ready)
