"""Means over repeated runs, with confidence intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from ipa.errors import InvalidValueError

SEEDS = 5
"""Repetitions behind an average, unless something else is said."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and how far it may be off.

    Parameters
    ----------
    mean
        Mean of the values.
    half_width
        Half the width of the confidence interval; infinity for a single value.
    level
        Confidence level.
    count
        How many values there were.

    Examples
    --------
    >>> str(mean_interval([1.0, 2.0, 3.0])), f"{mean_interval([1.0, 2.0, 3.0]):+.1f}"
    ('2 ± 2.5', '+2.0 ± 2.5')
    """

    mean: float
    half_width: float
    level: float
    count: int

    @property
    def spread(self) -> float:
        """Half the width as tables show it: NaN for a single value."""
        return self.half_width if self.count > 1 else math.nan

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half_width

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if not math.isfinite(self.half_width):
            return format(self.mean, spec)
        return f"{self.mean:{spec}} ± {self.half_width:{spec.lstrip('+')}}"

    def __str__(self) -> str:
        if not math.isfinite(self.half_width):
            return f"{self.mean:.3g}"
        return f"{self.mean:.3g} ± {self.half_width:.2g}"


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean of independent repetitions and its Student interval.

    Parameters
    ----------
    values
        One value per repetition, shape (n,), at least one.
    level
        Confidence level, between 0 and 1.

    Raises
    ------
    InvalidValueError
        If there is no value.
    """
    given = np.asarray(values, dtype=np.float64)
    count = len(given)
    if count == 0:
        raise InvalidValueError("an average needs at least one value")
    mean = float(np.mean(given))
    if count == 1:
        return Interval(mean, math.inf, level, 1)
    error = float(np.std(given, ddof=1)) / math.sqrt(count)
    return Interval(mean, student_quantile(0.5 + level / 2, count - 1) * error, level, count)


def paired_interval(values: Sequence[float], others: Sequence[float], level: float = 0.95) -> Interval:
    """Return the mean difference of runs that share their random numbers pair by pair, and its interval."""
    return mean_interval(np.asarray(values) - np.asarray(others), level)


def wilson_interval(successes: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a share that was counted (Wilson 1927).

    Parameters
    ----------
    successes, count
        How many of how many.
    level
        Confidence level.

    Examples
    --------
    >>> low, high = wilson_interval(90, 100)
    >>> round(low, 3), round(high, 3)
    (0.826, 0.945)
    """
    if not 0 <= successes <= count or count < 1:
        raise InvalidValueError(f"{successes} of {count} is no share")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = successes / count, z * z / count
    centre = (share + weight / 2) / (1 + weight)
    half = math.sqrt(share * (1 - share) * weight + weight * weight / 4) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


def student_quantile(probability: float, degrees: int) -> float:
    """Return a quantile of Student's t distribution, above its median.

    Parameters
    ----------
    probability
        Between 0.5 and 1.
    degrees
        Degrees of freedom, at least 1.

    Examples
    --------
    >>> round(student_quantile(0.975, 4), 3), round(student_quantile(0.975, 1000), 3)
    (2.776, 1.962)
    """
    if not 0.5 <= probability < 1 or degrees < 1:
        raise InvalidValueError(
            f"a quantile needs 0.5 <= probability < 1 and degrees >= 1, not {probability} and {degrees}"
        )
    # The distribution function is elementary in the angle atan(t / sqrt(degrees)), so bisect that.
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if _student_cdf(middle, degrees) >= probability else (middle, high)
    return math.tan(high) * math.sqrt(degrees)


def _student_cdf(angle: float, degrees: int) -> float:
    """Return P(T <= sqrt(degrees) tan(angle)) for whole degrees (Abramowitz and Stegun 26.7.3, 26.7.4)."""
    cosine, odd = math.cos(angle), degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(2 + odd, degrees, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    within = math.sin(angle) * total
    return 0.5 + ((angle + within) / math.pi if odd else within / 2)
