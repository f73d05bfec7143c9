"""The adapter in front of a live pipeline, for as long as that runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ipa.adapter import Adapter
from ipa.cli.output import measured_text
from ipa.errors import InvalidValueError
from ipa.experiments.resolved import adapter_settings, check_fixed, forecaster_for, planner_for
from ipa.experiments.spec import RunSpec
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Observation, Platform
from ipa.results.decisions import DecisionRecord
from ipa.results.folder import as_line
from ipa.results.json_files import writing

LOOKING_AHEAD = ("oracle", "near-oracle")
"""Forecasters that know the load to come, which nobody does here."""


class RunningPlatform:
    """A platform whose clock stops when its pipeline does, which ends whoever waits for it.

    Parameters
    ----------
    platform
        Where the pipeline runs.
    wait
        Waits for so many seconds, or less; returns whether the pipeline still runs.
    """

    def __init__(self, platform: Platform, wait: Callable[[float], bool]) -> None:
        self._platform, self._wait = platform, wait

    def now(self) -> float:
        """Return the time on the platform's clock."""
        return self._platform.now()

    def sleep_until(self, time_s: float) -> None:
        """Return once the clock shows ``time_s``; SystemExit if the pipeline stops before that."""
        while (left_s := time_s - self.now()) > 0:
            if not self._wait(left_s):
                raise SystemExit

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:
        """Start a pipeline."""
        self._platform.deploy(pipeline, plan)

    def observe(self) -> Observation:
        """Return what is known now."""
        return self._platform.observe()

    def apply(self, plan: Plan) -> ApplyReport:
        """Reconfigure the pipeline."""
        return self._platform.apply(plan)

    def teardown(self) -> None:
        """Stop the pipeline."""
        self._platform.teardown()


def check_live(spec: RunSpec) -> None:
    """Raise if a spec asks for what cannot be had of a load that is not known beforehand."""
    check_fixed(spec)
    if spec.parameters().forecaster in LOOKING_AHEAD:
        raise InvalidValueError(
            f"forecaster {spec.parameters().forecaster} knows the load to come, which nobody does of a live"
            " pipeline; use linear, or another one of ipa run --help"
        )


def live_adapter(spec: RunSpec, platform: Platform, record: Callable[[DecisionRecord], None]) -> Adapter:
    """Return what adapts a pipeline that runs to a load that is not known beforehand."""
    settings = adapter_settings(spec.parameters())
    forecaster = forecaster_for(spec, np.empty(0, dtype=np.int64))
    return Adapter(platform, planner_for(spec), forecaster, settings, record)


@contextmanager
def recorded(
    file: Path, shown: Callable[[DecisionRecord], None]
) -> Iterator[Callable[[DecisionRecord], None]]:
    """Append the record of every step to a file, and show it.

    Yields
    ------
    callable
        Takes a record.
    """
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a", encoding="utf-8")
    with stream:

        def record(step: DecisionRecord) -> None:
            stream.write(as_line(step.as_dict()))
            stream.flush()
            shown(step)

        yield record


def step_line(step: DecisionRecord) -> str:
    """Return the record of a step as one line."""
    plan = ", ".join(f"{s.stage} {s.variant} ×{s.replicas} b{s.batch}" for s in step.plan.stages)
    reason = f" ({step.reason})" if step.reason else ""
    return (
        f"{step.time_s:6.0f} s step {step.step}: {_rate(step.observed_rps)} requests/s, forecast"
        f" {_rate(step.forecast_rps)}: {step.action}{reason}; {plan}; {step.cost_cores} cores,"
        f" PAS × 100 = {100 * step.pas:.2f}{measured_text(step.measured_accuracy)}"
    )


def _rate(rate_rps: float | None) -> str:
    return "?" if rate_rps is None else f"{rate_rps:.1f}"
