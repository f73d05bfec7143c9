"""Measures the variants of a pipeline, point by point, and writes what follows."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ipa.errors import ClusterError, IpaError, MissingExtraError, ResultsError
from ipa.pipeline.config import PipelineConfig
from ipa.pipeline.load import pipeline_config, pipeline_file
from ipa.profiler.closed_loop import ClosedLoop, Samples
from ipa.profiler.disturbance import Usage, disturbances
from ipa.profiler.files import ProfileFiles, SessionFacts
from ipa.profiler.host import Replica, ReplicaHost
from ipa.profiler.pipeline_file import Allocations, Missing, allocations, pipeline_content, write_pipeline
from ipa.profiler.point import Circumstances, MeasuredPoint, PointKey, measured_point
from ipa.profiler.run_loop import run_to_end
from ipa.profiler.table import add_point, write_points
from ipa.profiler.target import Target, Wanted, fingerprints, targets_of

Progress = Callable[[int, int | None, str], None]
"""(points done, points in all, what is measured)."""


@dataclass(frozen=True)
class ProfileReport:
    """What a profiling left.

    Parameters
    ----------
    files
        Where it lies.
    points
        All points of the profile that hold, measured now or before.
    measured
        The points that were measured now.
    failures
        What went wrong, by target.
    allocations
        What the points of each stage imply.
    missing
        Why there is no pipeline file; empty if there is one.
    """

    files: ProfileFiles
    points: tuple[MeasuredPoint, ...]
    measured: tuple[PointKey, ...]
    failures: Mapping[str, str]
    allocations: Allocations
    missing: tuple[Missing, ...]


def profile_pipeline(
    wanted: Wanted,
    opened: AbstractAsyncContextManager[ReplicaHost],
    folder: Path,
    progress: Progress,
    *,
    force: bool = False,
    redo_disturbed: bool = False,
) -> ProfileReport:
    """Measure what is wanted and not measured yet, and write profile, pipeline file and facts.

    Parameters
    ----------
    wanted
        What to measure.
    opened
        Where replicas run; entered only if there is something to measure.
    folder
        Where the files go. A profile that is there already goes on: a point is added to the file as soon as
        it is finished, and a finished one is not repeated.
    progress
        Told how far it is.
    force
        Measure finished points again, and replace a profile of another machine or source.
    redo_disturbed
        Measure finished points again that were disturbed.

    Raises
    ------
    IpaError
        If something that is asked for does not exist, or the folder holds another profile. What goes wrong
        with a single replica is in the report instead.
    """
    config = pipeline_config(wanted.pipeline)
    targets = targets_of(config, wanted)
    files = ProfileFiles(folder, config.name)
    files.check(pipeline_file(wanted.pipeline))
    known = fingerprints(config, wanted)
    session = _Session(wanted, files, files.take_up(wanted, known, force=force), progress, redo_disturbed)
    try:
        run_to_end(session.measure(targets, opened, force=force))
    finally:
        if session.facts is not None and session.measured:
            files.note_session(wanted, session.facts, len(session.measured))
    return _conclude(config, wanted, session)


@dataclass
class _Session:
    """The points measured in one call, beside those that were there."""

    wanted: Wanted
    files: ProfileFiles
    points: dict[PointKey, MeasuredPoint]
    progress: Progress
    redo_disturbed: bool = False
    measured: list[PointKey] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    facts: SessionFacts | None = None
    _done: int = 0
    _total: int = 0

    async def measure(
        self, targets: Sequence[Target], opened: AbstractAsyncContextManager[ReplicaHost], *, force: bool
    ) -> None:
        """Measure what is missing, a replica at a time."""
        open_batches = {target: self._open_batches(target, force=force) for target in targets}
        self._total = sum(map(len, open_batches.values()))
        if self._total:
            async with opened as host:
                for target, batches in open_batches.items():
                    if batches:
                        await self._measure_target(target, host, batches, force=force)
        self.progress(self._done, self._total, "")

    async def _measure_target(
        self, target: Target, host: ReplicaHost, batches: Sequence[int], *, force: bool
    ) -> None:
        self.progress(self._done, self._total, f"starting {target}")
        try:
            async with host.replica(target) as replica:
                if self.facts is None:
                    await self._meet(replica, force=force)
                await self._measure_replica(target, replica, batches)
        except (MissingExtraError, ResultsError, ClusterError):
            # The other targets would fail in the same way.
            raise
        except IpaError as error:
            self.failures[str(target)] = str(error)

    async def _measure_replica(self, target: Target, replica: Replica, batches: Sequence[int]) -> None:
        for batch in batches:
            key = target.key(batch)
            loop = ClosedLoop(partial(replica.send, batch))
            before = await replica.meter.usage()
            samples = await loop.measure(self.wanted.rule, partial(self._tell, key))
            used = await replica.meter.usage() - before
            circumstances = _circumstances(target, replica, samples, used, await replica.meter.memory_mb())
            self._keep(measured_point(key, samples, self.wanted.rule, circumstances))
            if self.facts is not None:
                self.facts.ended = await replica.meter.moment()

    async def _meet(self, replica: Replica, *, force: bool) -> None:
        """Look at the machine of the first replica: what is there already has to be of the same one."""
        machine, begun = await replica.meter.machine(), await replica.meter.moment()
        if self.files.check_machine(machine, force=force):
            self.points.clear()
        self.facts = SessionFacts(machine, begun, begun)

    def _open_batches(self, target: Target, *, force: bool) -> list[int]:
        def finished(batch: int) -> bool:
            point = self.points.get(target.key(batch))
            if force or point is None or (self.redo_disturbed and point.notes):
                return False
            return point.satisfies(self.wanted.rule, target.fingerprint)

        return [batch for batch in target.batches if not finished(batch)]

    def _keep(self, point: MeasuredPoint) -> None:
        again = point.key in self.points
        self.points[point.key] = point
        if again:
            write_points(self.files.table, self.points.values())
        else:
            add_point(self.files.table, point)
        self.measured.append(point.key)
        self._done += 1
        self.progress(self._done, self._total, str(point.key))

    def _tell(self, key: PointKey, count: int, relative_half_width: float) -> None:
        known = f"p99 ± {relative_half_width:.1%}" if math.isfinite(relative_half_width) else "p99 still open"
        self.progress(self._done, self._total, f"{key}: {count} batches, {known}")


def _circumstances(
    target: Target, replica: Replica, samples: Samples, used: Usage, memory_mb: float
) -> Circumstances:
    notes = list(disturbances(used, samples.latencies_s.tolist()))
    if not samples.warm:
        notes.insert(0, f"not warm after {samples.warm_up_batches} batches")
    batches = len(samples.latencies_s) + samples.warm_up_batches
    return Circumstances(
        fingerprint=target.fingerprint,
        start_up_s=replica.start_up_s,
        memory_uss_mb=memory_mb,
        cpu_s_per_batch=used.replica_s / batches,
        notes="; ".join(notes),
    )


def _conclude(config: PipelineConfig, wanted: Wanted, session: _Session) -> ProfileReport:
    points = tuple(sorted(session.points.values(), key=partial(_place, config)))
    found, missing = allocations(config, points, wanted.threshold_rps)
    if not missing:
        source = pipeline_file(wanted.pipeline)
        content = pipeline_content(config, points, found, session.files.table.name, source)
        write_pipeline(session.files.pipeline, content, _comment(wanted, points))
    return ProfileReport(
        session.files, points, tuple(session.measured), dict(session.failures), found, missing
    )


def _place(config: PipelineConfig, point: MeasuredPoint) -> tuple[int, int, int, int]:
    """Return where a point stands in a table: in the order of the pipeline file."""
    names = [stage.name for stage in config.stages]
    stage = names.index(point.stage)
    variants = [variant.name for variant in config.stages[stage].variants]
    return stage, variants.index(point.variant), point.cores, point.batch


def _comment(wanted: Wanted, points: Sequence[MeasuredPoint]) -> str:
    days = sorted(point.measured[:10] for point in points)
    return (
        f"Measured by ipa profile, source {wanted.source}, {' to '.join(dict.fromkeys((days[0], days[-1])))};"
        f" base allocations sustain {wanted.threshold_rps:g} requests/s (Eq. 1), an SLA is 5 times the mean"
        " p99 of batch size 1."
    )
