"""A claim of the paper with the numbers that it is judged by, as ``data/paper/claims.csv`` holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from ipa.errors import ConfigError


class Kind(StrEnum):
    """What a claim is held against."""

    PAPER = "paper"
    """Published numbers."""

    OWN = "own"
    """Nothing but this artifact: its own solver, its own training. Says nothing about the paper."""

    LIVE = "live"
    """A live cluster, which no check covers."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the table of claims.

    Parameters
    ----------
    id, statement, where, published
        What the paper says, and where.
    kind
        What the claim is held against.
    rests_on
        What a verdict rests on: ``none`` of the loads, ``simulation`` or ``decisions`` of one, ``forecasts``
        of the real trace, ``training``, a ``cluster``.
    claimed
        Numbers of the statement, by name.
    expected
        What the published data show, by name.
    tolerance
        How far what is found may lie from that, by name.
    tolerance_source
        Where the tolerances come from.
    documented
        Differences that are known, by name: the largest deviation from the published data that is accepted
        as such; of an own measurement, the largest value.
    differs
        What is known about them.
    published_data
        Whether the published data bear the statement out.
    """

    id: str
    statement: str
    where: str
    published: str
    kind: Kind
    rests_on: str
    claimed: Mapping[str, float]
    expected: Mapping[str, float]
    tolerance: Mapping[str, float]
    tolerance_source: str
    documented: Mapping[str, float]
    differs: str
    published_data: str

    def expected_text(self) -> str:
        """Return what is expected, as text."""
        if self.kind is Kind.OWN:
            return "; ".join(f"{_words(name)} ≤ {value:g}" for name, value in self.claimed.items())
        return "; ".join(
            f"{_words(name)} {value:.4g}" + (f" ± {self.tolerance[name]:.2g}" if self.tolerance[name] else "")
            for name, value in self.expected.items()
        )

    def found_text(self, found: Mapping[str, float]) -> str:
        """Return what was found of what is expected, as text."""
        return "; ".join(f"{_words(name)} {found[name]:.4g}" for name in self.expected)

    def meets_goal(self, found: Mapping[str, float]) -> bool:
        """Whether an own measurement stays within what is claimed."""
        return all(found[name] <= limit for name, limit in self.claimed.items())

    def agrees(self, found: Mapping[str, float]) -> bool:
        """Whether everything found lies within the tolerance of what the published data show."""
        return self._within(found, self.tolerance)

    def differs_as_documented(self, found: Mapping[str, float]) -> bool:
        """Whether what is not as expected is a documented difference, and not a larger one."""
        if self.kind is Kind.OWN:
            return bool(self.differs) and all(found[name] <= most for name, most in self.documented.items())
        return bool(self.differs) and self._within(found, {**self.tolerance, **self.documented})

    def _within(self, found: Mapping[str, float], limits: Mapping[str, float]) -> bool:
        return all(
            abs(found[name] - value) <= limits[name] * (1 + 1e-9) + 1e-12
            for name, value in self.expected.items()
        )


def read_claims(table: pd.DataFrame) -> dict[str, Claim]:
    """Return the claims of a table as text, by id, in its order.

    Raises
    ------
    ConfigError
        If a cell is not what its column holds.
    """
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return {str(row["id"]): _claim(row) for row in rows}


def _claim(row: Mapping[str, str]) -> Claim:
    try:
        expected = _numbers(row["expected"], {})
        tolerance = _numbers(row["tolerance"], expected)
        kind = Kind(row["kind"])
        claimed = _numbers(row["claimed"], {})
        judged = claimed if kind is Kind.OWN else expected
        documented = _numbers(row["documented"], judged)
        if set(tolerance) != set(expected):
            raise ValueError("tolerance needs the names of expected")
        if not set(documented) <= set(judged) or bool(documented) != bool(row["differs"]):
            raise ValueError(f"documented needs names among {', '.join(judged)}, and differs a text")
    except ValueError as error:
        raise ConfigError("data/paper/claims.csv", f"claim {row['id']}", str(error)) from error
    return Claim(
        id=row["id"],
        statement=row["claim"],
        where=row["where"],
        published=row["published"],
        kind=kind,
        rests_on=row["rests_on"],
        claimed=claimed,
        expected=expected,
        tolerance=tolerance,
        tolerance_source=row["tolerance_source"],
        documented=documented,
        differs=row["differs"],
        published_data=row["published_data"],
    )


def _numbers(cell: str, of: Mapping[str, float]) -> dict[str, float]:
    """Return ``name=value`` pairs; a value with a percent sign is a share of the value in ``of``."""
    numbers = {}
    for pair in cell.split("; ") if cell else ():
        name, _, value = pair.partition("=")
        if value.endswith("%"):
            if name not in of:
                raise ValueError(f"{pair}: a percentage of what?")
            numbers[name] = abs(of[name]) * float(value[:-1]) / 100
        else:
            numbers[name] = float(value)
    return numbers


def _words(name: str) -> str:
    return name.replace("_", " ")
