"""Why requests are late after a burst: the forecast, the decision interval, the start-up, or the profile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import factorial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ipa.experiments.simulate import settings_of, simulate
from ipa.experiments.spec import RunSpec
from ipa.forecast import HORIZON_S
from ipa.results.intervals import mean_interval
from ipa.workload import Workload

WATCHED_S = 60
"""Seconds after the burst begins in which requests are watched."""

CALM_S = 130
"""Seconds before the burst: long enough for two minutes of history."""

CAUSES = ("forecast", "interval", "start-up", "profile")


@dataclass(frozen=True, slots=True)
class Burst:
    """A load that jumps.

    Parameters
    ----------
    calm_rps, burst_rps
        Mean rate before and after; each second is a Poisson number.
    """

    calm_rps: float = 10.0
    burst_rps: float = 40.0

    def workload(self, seed: int, seeds: int) -> tuple[Workload, int]:
        """Return the load of a repetition and the second in which it jumps.

        The jump comes at another phase of the ten seconds between decisions in every repetition.
        """
        begins_s = CALM_S + 10 * (seed % seeds) // seeds
        means = np.repeat([self.calm_rps, self.burst_rps], [begins_s, WATCHED_S + 10])
        rates = np.random.default_rng([seed, 2]).poisson(means)
        return Workload("burst", rates, "synthetic", seed=seed), begins_s


@dataclass(frozen=True, slots=True)
class Reality:
    """What is real and what is ideal in a run.

    Parameters
    ----------
    forecast
        The edition's forecaster, or one that sees the future.
    interval
        Decisions every 10 s, or every second.
    start_up
        Replicas take their time to start, or none.
    profile
        Batches take longer than profiled (``PROFILE_ERROR``), or just as long.
    """

    forecast: bool = True
    interval: bool = True
    start_up: bool = True
    profile: bool = True

    def spec(self, base: RunSpec) -> RunSpec:
        """Return the run."""
        cluster = settings_of(base).cluster
        run = replace(
            base,
            forecaster=base.forecaster if self.forecast else "oracle",
            interval_s=base.interval_s if self.interval else 1.0,
            # Who decides more often still has to look beyond the start-up of a replica.
            horizon_s=base.horizon_s if self.interval else HORIZON_S,
        )
        return run.with_settings(
            cluster=replace(
                cluster,
                start_up_s=cluster.start_up_s if self.start_up else 0.0,
                profile_error=PROFILE_ERROR if self.profile else 1.0,
            )
        )


PROFILE_ERROR = 1.2
"""How many times as long as profiled batches really take, where the profile errs."""

ALL_REAL, ALL_IDEAL = Reality(), Reality(False, False, False, False)


def late_share_by_second(
    spec: RunSpec, workload: Workload, begins_s: int, sla_s: float | None = None
) -> NDArray[np.float64]:
    """Return, per second after the burst began, the share of its requests not answered within the SLA.

    Parameters
    ----------
    spec
        What to run.
    workload
        The load.
    begins_s
        The second in which it jumps.
    sla_s
        End-to-end SLA to count against; by default the one of the run.

    Returns
    -------
    numpy.ndarray
        Shape (WATCHED_S,); NaN in a second without a request.
    """
    outcome = simulate(spec, workload)
    records, limit_s = outcome.requests, outcome.sla_s if sla_s is None else sla_s
    in_time = np.nan_to_num(records.latency_s, nan=np.inf) <= limit_s
    second = np.floor(records.arrival_s).astype(np.int64) - begins_s
    watched = (second >= 0) & (second < WATCHED_S)
    sent = np.bincount(second[watched], minlength=WATCHED_S)
    late = np.bincount(second[watched & ~in_time], minlength=WATCHED_S)
    return np.where(sent > 0, late / np.maximum(sent, 1), np.nan)


def react(
    base: RunSpec,
    burst: Burst,
    seeds: int,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Run a burst with every combination of real and ideal parts.

    Parameters
    ----------
    base
        Pipeline, method, edition; its seed is the first.
    burst
        The load.
    seeds
        Repetitions of each combination, which share loads, arrivals and service times.
    progress
        Called with (runs done, runs in all).

    Returns
    -------
    pandas.DataFrame
        One row per combination, seed and second after the burst began: ``forecast``, ``interval``,
        ``start_up``, ``profile`` (whether real), ``seed``, ``second``, ``late_share``.
    """
    base = replace(base, platform_settings=base.settings.for_many_runs())
    runs = list(product(product([True, False], repeat=len(CAUSES)), range(base.seed, base.seed + seeds)))
    frames = []
    for done, (real, seed) in enumerate(runs, 1):
        reality = Reality(*real)
        workload, begins_s = burst.workload(seed, seeds)
        late = late_share_by_second(replace(reality.spec(base), seed=seed), workload, begins_s)
        keys = dict(zip(("forecast", "interval", "start_up", "profile"), real, strict=True))
        frames.append(pd.DataFrame({**keys, "seed": seed, "second": range(WATCHED_S), "late_share": late}))
        if progress is not None:
            progress(done, len(runs))
    return pd.concat(frames, ignore_index=True)


def attribute(reactions: pd.DataFrame) -> pd.DataFrame:
    """Divide the late requests after a burst among their causes (Shapley values).

    A cause's part is what making it real adds, averaged over all orders in which the causes can be made real;
    the parts sum to the difference between all real and all ideal.

    Parameters
    ----------
    reactions
        Rows of ``react``.

    Returns
    -------
    pandas.DataFrame
        One row per cause, then ``all of them`` and ``none (ideal)``: ``cause``, ``late_share`` (points of the
        share of requests in the minute after the burst), ``interval`` (half the 95 % interval over seeds),
        and for the causes ``alone`` (only it is real, above ideal) and ``removed`` (what making only it ideal
        saves), both with ``<name>_interval``.
    """
    columns = ["forecast", "interval", "start_up", "profile"]
    # Seconds are weighted alike: after the jump they have the same load.
    shares = reactions.groupby(["seed", *columns])["late_share"].mean()
    seeds = list(dict.fromkeys(reactions["seed"]))
    worth = {
        seed: {key: float(shares[(seed, *key)]) for key in product([True, False], repeat=len(CAUSES))}
        for seed in seeds
    }
    rows = []
    for index, cause in enumerate(CAUSES):
        rows.append(
            {
                "cause": cause,
                **_interval([_shapley(worth[seed], index) for seed in seeds]),
                **_interval([_alone(worth[seed], index) for seed in seeds], "alone", "alone_interval"),
                **_interval([_remove(worth[seed], index) for seed in seeds], "removed", "removed_interval"),
            }
        )
    for name, real in (("all of them", True), ("none (ideal)", False)):
        rows.append({"cause": name, **_interval([worth[seed][(real,) * 4] for seed in seeds])})
    return pd.DataFrame(rows)


def _interval(values: Sequence[float], name: str = "late_share", width: str = "interval") -> dict[str, float]:
    found = mean_interval(values)
    return {name: found.mean, width: found.half_width}


def _shapley(worth: dict[tuple[bool, ...], float], index: int) -> float:
    total, count = 0.0, len(CAUSES)
    for real in worth:
        if not real[index]:
            others = sum(real)
            weight = factorial(others) * factorial(count - others - 1) / factorial(count)
            total += weight * (worth[_with(real, index, True)] - worth[real])
    return total


def _alone(worth: dict[tuple[bool, ...], float], index: int) -> float:
    ideal = (False,) * len(CAUSES)
    return worth[_with(ideal, index, True)] - worth[ideal]


def _remove(worth: dict[tuple[bool, ...], float], index: int) -> float:
    real = (True,) * len(CAUSES)
    return worth[real] - worth[_with(real, index, False)]


def _with(real: tuple[bool, ...], index: int, value: bool) -> tuple[bool, ...]:
    return (*real[:index], value, *real[index + 1 :])
