"""Every limit of IPA, by name: sane values of what is measured or asked, and resources that work may take.

A number outside its :class:`Range` is refused where it enters (file, command line, Python); inside it all
solvers and the simulator have to be right. A resource limit is checked before the work starts, so that a
slip of the finger ends in one line and not in an exhausted memory. Whoever needs more raises the value here.
"""

from dataclasses import dataclass
from typing import TypeVar

from ipa.errors import InvalidValueError, brief

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Range:
    """Values that a number may have.

    Parameters
    ----------
    low, high
        Smallest and largest value.
    unit
        What is counted, as it reads behind a number (``s``, ``requests/s``).
    whole
        Whether only whole numbers make sense.
    or_zero
        Whether 0 is allowed too though it lies below ``low``.

    Examples
    --------
    >>> LATENCY_S.check("latency_p99_s", 0.25)
    0.25
    >>> LATENCY_S.check("latency_p99_s", float("nan"))
    Traceback (most recent call last):
    ...
    ipa.errors.InvalidValueError: latency_p99_s must lie between 1e-06 and 1e+06 s, not nan
    """

    low: float
    high: float
    unit: str = ""
    whole: bool = False
    or_zero: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number lies inside; NaN and infinity never do."""
        return (self.low <= value <= self.high or (self.or_zero and value == 0)) and (
            not self.whole or value == int(value)
        )

    def check(self, name: str, value: Number) -> Number:
        """Return the value, or raise an InvalidValueError that names it and this range."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.holds(value):
            raise InvalidValueError(f"{name} must {self}, not {brief(value)}")
        return value

    def __str__(self) -> str:
        kind = "be a whole number" if self.whole else "be 0 or lie" if self.or_zero else "lie"
        return f"{kind} between {_plain(self.low)} and {_plain(self.high)} {self.unit}".rstrip()


def _plain(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


LATENCY_S = Range(1e-6, 1e6, "s")
"""What a batch or a request takes, also the start of a replica and the way through the network."""

SLA_S = Range(1e-6, 1e7, "s")
"""An SLA, of a stage or end to end."""

CLOCK_S = Range(0.0, 1e12, "s")
"""Times in a simulation, of arrivals and of a batch; beside larger ones seconds could not be told apart."""

DELAY_S = Range(1e-6, 1e6, "s", or_zero=True)
"""A time that may be nothing: start-up, network, router."""

THROUGHPUT_RPS = Range(1e-6, 1e9, "requests/s")
"""What one replica sustains."""

RATE_RPS = Range(0.0, 1e9, "requests/s")
"""Arrival rate of a decision."""

LOAD_RATE_RPS = Range(1e-6, 1e9, "requests/s")
"""Arrival rate of a load that has requests."""

ACCURACY = Range(1e-6, 1.0)
"""Accuracy of a variant."""

MEASURED_ACCURACY = Range(0.0, 1.0)
"""Share of items that a whole pipeline gets right; it may be none or all of them."""

COMBINATIONS = Range(1, 100_000, "combinations", whole=True)
"""Combinations of variants with a measured accuracy."""

CORES = Range(1, 1_000_000, "cores", whole=True)
"""Cores of one replica, or of a whole plan where they are limited."""

MEMORY_MB = Range(64, 2**24, "MB", whole=True)
"""Memory of one replica."""

USER = Range(1, 2**31 - 1, whole=True)
"""Number of the user that a container runs as: anybody but root."""

BATCH = Range(1, 1_000_000, "requests", whole=True)
"""Requests in a batch."""

REPLICAS = Range(1, 100_000, "replicas", whole=True)
"""Replicas of one stage, fixed or at most."""

WEIGHT = Range(1e-30, 1e15, or_zero=True)
"""Weights of the objective; only their ratio decides."""

MARGIN = Range(0.0, 10.0)
"""By how much more than its forecast a load is planned for, as a part of it."""

RATE_FACTOR = Range(1e-6, 1e3)
"""Requests at a stage per request at the stage before it."""

FACTOR = Range(1e-6, 1e6)
"""A multiple of something: drop limits, profile errors, margins."""

INTERVAL_S = Range(0.1, 86_400.0, "s")
"""Time between two decisions."""

HORIZON_S = Range(1, 172_800, "s", whole=True)
"""Seconds that a forecast covers, two intervals by default."""

DEADLINE_S = Range(1e-3, 86_400.0, "s")
"""Time a solver may take for one decision."""

SEED = Range(0, 2**63 - 1, whole=True)
"""Seed of everything random."""

STAGES = Range(1, 200, "stages", whole=True)
"""Stages of a pipeline."""

VARIANTS = Range(1, 500, "variants", whole=True)
"""Variants of a stage."""

DURATION_S = Range(1, 10_000_000, "s", whole=True)
"""Seconds of a load; 115 days."""

REQUESTS = Range(0, 10_000_000, "requests", whole=True)
"""Requests in a simulated run, each of which has a record in memory (some 250 bytes for two stages)."""

VISITS = Range(0, 50_000_000, "visits")
"""Visits of all requests to the stages of a graph in a simulated run; each has a record in memory."""

REQUESTS_PER_SECOND = Range(0, 10_000_000, "requests", whole=True)
"""Requests in one second of a load file; more is no load but, for example, a time stamp."""

DECISIONS = Range(1, 500_000, "decisions", whole=True)
"""Decisions in a run: its seconds over the interval."""

PROCESSES = Range(1, 256, "processes", whole=True)
"""Worker processes."""

REPETITIONS = Range(1, 1_000_000, whole=True)
"""How often a measurement, a seed or a pass over data is repeated."""

CASES = Range(1, 100_000_000, "cases", whole=True)
"""Generated problems that solvers are compared on."""

DAYS = Range(0.001, 10_000.0, "days")
"""Days of a trace."""

NAME_CHARACTERS = 200
"""Length of the name of a pipeline, stage or variant."""

VARIANT_SETTINGS = 100
"""Settings of a variant for the runtime that serves it."""

COMMAND_WORDS = 100
"""Words of the command that starts a server of somebody else's."""

OPTION_CHARACTERS = 4_000
"""Length of the text of an option on the command line, paths included."""

YAML_BYTES = 1_000_000
"""Size of a YAML file."""

YAML_DEPTH = 20
"""Nesting of a YAML or JSON file."""

YAML_NODES = 50_000
"""Keys, values and lists in a YAML file, with all aliases written out."""

TABLE_BYTES = 64_000_000
"""Size of a profile file or of a problem to replay."""

TABLE_ROWS = 200_000
"""Rows of a profile file."""

LOAD_BYTES = 256_000_000
"""Size of a load file, compressed and decompressed."""
