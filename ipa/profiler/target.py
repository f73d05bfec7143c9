"""What is to be measured: variants, each on some cores at some batch sizes."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.limits import BATCH, CORES, RATE_RPS
from ipa.pipeline.config import PipelineConfig, StageConfig, VariantConfig
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.profiles import Profile
from ipa.platforms.local.serving_settings import ServingSettings
from ipa.profiler.point import PointKey
from ipa.profiler.precision import StoppingRule
from ipa.serving.payloads import PAYLOADS
from ipa.serving.replica import Source

EMULATED: Source = "emulated"
"""The source of weights that needs a profile, and no more cores than there are."""

LOCAL = "local"
"""The platform whose replicas are processes of this machine."""

NOT_MEASURED = frozenset({"accuracy", "base_cores", "start_up_s", "enabled"})
"""Keys of a variant that do not change what a batch takes."""

BATCHES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks to be measured.

    Parameters
    ----------
    pipeline
        Name or file of a pipeline; only an emulated one needs a profile already.
    source
        Where the weights come from.
    stages, variants
        Names; all if empty.
    cores
        Cores of the replicas; the base allocation of each variant if empty.
    batches
        Batch sizes, 1 among them.
    rule
        When a point is finished.
    threshold_rps
        Rate that a base allocation has to sustain (Eq. 1).
    payload
        What requests carry, a name of ``ipa.serving.payloads.PAYLOADS``; empty: what fits the first stage's
        model. What later stages get is made by the stages before them.
    seed
        Seed of the payload, and of the emulated service times.
    platform
        Where the replicas run, a name of ``ipa.profiler.hosts.HOSTS``.
    serving
        How they are served there, settings of that platform; None: its defaults. The source is the one above.
    """

    pipeline: str | Path
    source: Source = EMULATED
    stages: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    cores: tuple[int, ...] = ()
    batches: tuple[int, ...] = BATCHES
    rule: StoppingRule = field(default_factory=StoppingRule)
    threshold_rps: float = 1.0
    payload: str = ""
    seed: int = 0
    platform: str = LOCAL
    serving: ServingSettings | None = None

    def __post_init__(self) -> None:
        if self.source not in get_args(Source):
            raise UnknownNameError("source", self.source, get_args(Source))
        if self.payload:
            PAYLOADS[self.payload]
        for batch in self.batches:
            BATCH.check("batch", batch)
        for cores in self.cores:
            CORES.check("cores", cores)
        RATE_RPS.check("threshold", self.threshold_rps)
        if 1 not in self.batches:
            given = ", ".join(map(str, self.batches))
            raise InvalidValueError(
                f"the batch sizes must hold 1, from which base allocations and SLAs follow, got {given}"
            )


@dataclass(frozen=True, slots=True)
class Target:
    """A replica to measure.

    Parameters
    ----------
    stage, variant
        As the pipeline file has them.
    stage_index
        Place of the stage.
    cores
        Cores of the replica.
    batches
        Batch sizes, ascending.
    source
        Where the weights come from.
    fingerprint
        Of what determines the measurement, besides cores and batch size.
    emulated
        What it is to take, if it is emulated.
    """

    stage: StageConfig
    variant: VariantConfig
    stage_index: int
    cores: int
    batches: tuple[int, ...]
    source: Source
    fingerprint: str
    emulated: Profile | None = None

    def key(self, batch: int) -> PointKey:
        """Return the key of one of its points."""
        return PointKey(self.stage.name, self.variant.name, self.cores, batch)

    def __str__(self) -> str:
        return f"{self.stage.name}/{self.variant.name} on {self.cores} cores"


def targets_of(config: PipelineConfig, wanted: Wanted) -> list[Target]:
    """Return the replicas to measure, in the order of the pipeline file.

    Raises
    ------
    UnknownNameError
        If there is no such stage, or no such variant in any stage.
    InvalidValueError
        If this machine has too few cores, or an emulated variant has no profile for what is asked.
    """
    _check_names("stage", wanted.stages, [stage.name for stage in config.stages])
    stages = [stage for stage in config.stages if not wanted.stages or stage.name in wanted.stages]
    _check_names("variant", wanted.variants, [v.name for stage in stages for v in stage.variants])
    found = [
        _target(config, stage, variant, cores, wanted)
        for stage in stages
        for variant in stage.variants
        if not wanted.variants or variant.name in wanted.variants
        for cores in _cores(variant, wanted)
    ]
    if wanted.platform == LOCAL:
        _check_cores(t for t in found if t.emulated is None and not _runs_already(t.variant))
    return found


def fingerprints(config: PipelineConfig, wanted: Wanted) -> dict[tuple[str, str], str]:
    """Return the fingerprint of every variant of a pipeline by stage and name."""
    return {
        (stage.name, variant.name): _fingerprint(stage, variant, wanted)
        for stage in config.stages
        for variant in stage.variants
    }


def _target(
    config: PipelineConfig, stage: StageConfig, variant: VariantConfig, cores: int, wanted: Wanted
) -> Target:
    return Target(
        stage,
        variant,
        config.stages.index(stage),
        cores,
        tuple(sorted(set(wanted.batches))),
        wanted.source,
        _fingerprint(stage, variant, wanted),
        _emulated(stage, variant, cores, wanted) if _is_emulated(variant, wanted) else None,
    )


def _cores(variant: VariantConfig, wanted: Wanted) -> list[int]:
    """Return the cores to measure a variant on; a server that runs already has the ones it has."""
    return sorted(set(() if _runs_already(variant) else wanted.cores)) or [variant.base_cores]


def _runs_already(variant: VariantConfig) -> bool:
    return variant.server is not None and bool(variant.server.address)


def _is_emulated(variant: VariantConfig, wanted: Wanted) -> bool:
    """Whether a variant is emulated; a server of somebody else's serves whatever the source is."""
    return wanted.source == EMULATED and variant.server is None


def _emulated(stage: StageConfig, variant: VariantConfig, cores: int, wanted: Wanted) -> Profile:
    profile = load_pipeline(wanted.pipeline).stage(stage.name).variant(variant.name).profile_on(cores)
    for batch in wanted.batches:
        if batch > profile.max_batch:
            raise InvalidValueError(
                f"{stage.name}/{variant.name} cannot be emulated at batch size {batch}: its profile on"
                f" {cores} cores ends at {profile.max_batch}; choose with --batches"
            )
    return profile


def _fingerprint(stage: StageConfig, variant: VariantConfig, wanted: Wanted) -> str:
    what: dict[str, object] = {
        "source": wanted.source,
        "payload": wanted.payload,
        "seed": wanted.seed,
        "stage": stage.model_dump(mode="json", include={"task", "inputs"}),
        "variant": variant.model_dump(mode="json", exclude=set(NOT_MEASURED)),
    }
    if _is_emulated(variant, wanted):
        known = load_pipeline(wanted.pipeline).stage(stage.name).variant(variant.name)
        what["emulated"] = repr(known.profiles)
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def _check_names(kind: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise UnknownNameError(kind, name, dict.fromkeys(known))


def _check_cores(targets: Iterable[Target]) -> None:
    available = usable_cores()
    for target in targets:
        if target.cores > available:
            raise InvalidValueError(
                f"{target} cannot be measured on this machine, which has {available}; choose with --cores"
            )


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
