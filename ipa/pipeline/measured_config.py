"""The key ``measured_accuracy`` of a pipeline file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from ipa import limits
from ipa.errors import ConfigError, InvalidValueError
from ipa.pipeline.measured_accuracy import Combination, MeasuredAccuracy, read_measured_accuracy
from ipa.strict_yaml import Name, Real, within


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CombinationConfig(_Strict):
    """One entry of ``measured_accuracy``: a variant of each stage, in the order of the file."""

    variants: tuple[Name, ...]
    accuracy: Annotated[Real, within(limits.MEASURED_ACCURACY)]


class MeasuredAccuracyConfig(_Strict):
    """Where the measured accuracies are: in a table, or in the file itself as a list of combinations."""

    file: Annotated[str, Field(min_length=1, max_length=limits.OPTION_CHARACTERS)] | None = None
    combinations: tuple[CombinationConfig, ...] = ()

    def check(self, path: Path, stages: int) -> None:
        """Raise a ConfigError unless there is either a table or a list, of as many variants as stages."""
        if bool(self.file) == bool(self.combinations):
            problem = "takes either the key file, or a list of {variants: [...], accuracy: ...}"
            raise ConfigError(path, "measured_accuracy", problem)
        for place, combination in enumerate(self.combinations):
            if len(combination.variants) != stages:
                raise ConfigError(
                    path,
                    f"measured_accuracy[{place}].variants",
                    f"must name one variant of each of the {stages} stages, in the order of the file,"
                    f" got {len(combination.variants)}",
                )

    def reordered(self, places: Sequence[int]) -> Self:
        """Return the same for another order of the stages, each given by its place in the file."""
        moved = (
            one.model_copy(update={"variants": tuple(one.variants[place] for place in places)})
            for one in self.combinations
        )
        return self.model_copy(update={"combinations": tuple(moved)})

    def load(self, table: Path | None, variants: Mapping[str, Sequence[str]]) -> MeasuredAccuracy:
        """Return the accuracies.

        Parameters
        ----------
        table
            The file to read; None if the combinations are given here.
        variants
            Names of all variants of each stage.

        Raises
        ------
        ConfigError
            If the table cannot be used.
        InvalidValueError
            If the combinations contradict themselves, or are of variants that there are not.
        """
        given = tuple(Combination(one.variants, one.accuracy) for one in self.combinations)
        measured = MeasuredAccuracy(given) if table is None else read_measured_accuracy(table, list(variants))
        try:
            measured.check_known(variants)
        except InvalidValueError as error:
            raise error if table is None else ConfigError(table, "", str(error)) from None
        return measured
