"""End-to-end accuracies that were measured, one per combination of variants."""

import csv
import io
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ipa.errors import ConfigError, InvalidValueError, UnreadableFileError, brief
from ipa.file_stamps import FileStamp, file_stamp
from ipa.files import read_text
from ipa.limits import COMBINATIONS, MEASURED_ACCURACY, TABLE_BYTES

ACCURACY = "accuracy"
"""Column of a table of measured accuracies; the other ones that count have the names of the stages."""

_SHOWN = 3
_ARRAYS = 16


class Combination(NamedTuple):
    """A variant for every stage, and the accuracy of the pipeline with them.

    Parameters
    ----------
    variants
        Name of the variant of each stage.
    accuracy
        Share in 0..1 of the items that the whole pipeline gets right.
    """

    variants: tuple[str, ...]
    accuracy: float


@dataclass(frozen=True)
class MeasuredAccuracy:
    """What whole pipelines were measured to get right.

    Parameters
    ----------
    combinations
        One entry per combination of variants, in the pipeline's order of stages.

    Raises
    ------
    InvalidValueError
        If a combination stands twice, an accuracy is outside 0..1, or there are too many combinations.

    Examples
    --------
    >>> combinations = Combination(("detector", "small"), 0.61), Combination(("detector", "large"), 0.7)
    >>> measured = MeasuredAccuracy(combinations)
    >>> measured.of(["detector", "large"])
    0.7
    """

    combinations: tuple[Combination, ...]

    def __post_init__(self) -> None:
        COMBINATIONS.check("measured combinations", len(self.combinations))
        for variants, accuracy in self.combinations:
            MEASURED_ACCURACY.check(f"the measured accuracy of {' + '.join(variants)}", accuracy)
        if len(self._by_variants) < len(self.combinations):
            counts = Counter(one.variants for one in self.combinations)
            twice = next(variants for variants, count in counts.items() if count > 1)
            raise InvalidValueError(f"the combination {' + '.join(twice)} is measured twice")

    def of(self, variants: Iterable[str]) -> float:
        """Return the accuracy with these variants, one per stage.

        Raises
        ------
        InvalidValueError
            If this combination was not measured.
        """
        combination = tuple(variants)
        try:
            return self._by_variants[combination]
        except KeyError:
            raise InvalidValueError(f"no accuracy was measured for {' + '.join(combination)}") from None

    def of_all(self, variants: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Return the accuracy of every combination of variants, the last stage varying fastest."""
        key = tuple(map(tuple, variants))
        if key not in self._arrays:
            # A control loop decides among the same variants again and again.
            if len(self._arrays) >= _ARRAYS:
                self._arrays.clear()
            self._arrays[key] = np.array([self.of(one) for one in itertools.product(*key)], dtype=np.float64)
            self._arrays[key].flags.writeable = False
        return self._arrays[key]

    def check_known(self, variants: Mapping[str, Sequence[str]]) -> None:
        """Raise unless all combinations are of known variants, given for each stage by name.

        Raises
        ------
        InvalidValueError
            Names the combination and the stage.
        """
        for combination in self.combinations:
            for (stage, known), variant in zip(variants.items(), combination.variants, strict=True):
                if variant not in known:
                    raise InvalidValueError(
                        f"{' + '.join(combination.variants)} is no combination: stage {stage} has no variant"
                        f" {brief(variant)!r}; it has: {', '.join(known)}"
                    )

    def check_complete(self, variants: Sequence[Sequence[str]]) -> None:
        """Raise unless every combination of variants, given for each stage, was measured.

        Raises
        ------
        InvalidValueError
            Says how many are missing, and which are the first ones.
        """
        expected = COMBINATIONS.check("combinations of enabled variants", math.prod(map(len, variants)))
        lacking = (one for one in itertools.product(*variants) if one not in self._by_variants)
        first = list(itertools.islice(lacking, _SHOWN))
        if first:
            missing = len(first) + sum(1 for _ in lacking)
            named = ", ".join(" + ".join(one) for one in first)
            raise InvalidValueError(
                f"lacks {missing:,} of the {expected:,} combinations of enabled variants: {named}"
                f"{', ...' if missing > _SHOWN else ''}; measure them, or disable a variant of each"
            )

    @cached_property
    def _arrays(self) -> dict[tuple[tuple[str, ...], ...], NDArray[np.float64]]:
        return {}

    @cached_property
    def _by_variants(self) -> Mapping[tuple[str, ...], float]:
        return dict(self.combinations)


def read_measured_accuracy(file: Path, stages: Sequence[str]) -> MeasuredAccuracy:
    """Read measured accuracies from a CSV file; it is read again only when it has changed.

    Parameters
    ----------
    file
        One column per stage with the name of its variant, and the column ``accuracy`` in 0..1; further
        columns (a confidence interval, the number of items) are left alone.
    stages
        Names of the stages.

    Raises
    ------
    ConfigError
        If a column is missing or a value is not allowed; names the line.
    """
    return _read(file, tuple(stages), file_stamp(file))


@lru_cache(maxsize=16)
def _read(file: Path, stages: tuple[str, ...], _stamp: FileStamp) -> MeasuredAccuracy:
    try:
        lines = csv.reader(io.StringIO(read_text(file, TABLE_BYTES), newline=""))
        header = next((cells for cells in lines if cells), [])
        places = _places(file, header, stages)
        rows = []
        for cells in lines:
            if cells:
                rows.append(_row(file, lines.line_num, header, cells, places))
            if len(rows) > COMBINATIONS.high:
                raise ConfigError(file, "", f"has more than {COMBINATIONS.high:,} rows")
        return MeasuredAccuracy(tuple(rows))
    except UnreadableFileError as error:
        raise ConfigError(file, "", error.problem) from error
    except csv.Error as error:
        raise ConfigError(file, "", f"is not a CSV file: {error}") from error
    except InvalidValueError as error:
        raise ConfigError(file, "", str(error)) from None


def _places(file: Path, header: Sequence[str], stages: Sequence[str]) -> tuple[int, ...]:
    """Return the columns of the stages, then that of the accuracy."""
    if ACCURACY in stages:
        raise ConfigError(file, "header", f"cannot tell the stage {ACCURACY!r} from the accuracy; rename it")
    wanted = (*stages, ACCURACY)
    missing = [name for name in wanted if name not in header]
    if missing:
        raise ConfigError(
            file, "header", f"lacks the columns {', '.join(missing)}; required: {', '.join(wanted)}"
        )
    twice = [name for name in wanted if list(header).count(name) > 1]
    if twice:
        raise ConfigError(file, "header", f"names the column {twice[0]!r} twice")
    return tuple(header.index(name) for name in wanted)


def _row(
    file: Path, line: int, header: Sequence[str], cells: Sequence[str], places: Sequence[int]
) -> Combination:
    if len(cells) != len(header):
        raise ConfigError(file, f"line {line}", f"must have {len(header)} fields, has {len(cells)}")
    *variants, given = (cells[place].strip() for place in places)
    try:
        accuracy = float(given) if given.isascii() and "_" not in given else math.nan
    except ValueError:
        accuracy = math.nan
    if not MEASURED_ACCURACY.holds(accuracy):
        raise ConfigError(file, f"line {line}, {ACCURACY}", f"must {MEASURED_ACCURACY}, not {brief(given)!r}")
    return Combination(tuple(variants), accuracy)
