"""The forecasters there are; a new one is one file and one line here (or one call of ``register``)."""

from collections.abc import Callable

from ipa.errors import UnknownNameError
from ipa.forecast.base import ForecastContext, Forecaster
from ipa.forecast.baselines import last, maximum, mean
from ipa.forecast.ewma_poisson import ewma_poisson
from ipa.forecast.linear import linear
from ipa.forecast.networks.lstm import lstm
from ipa.forecast.networks.mlp import mlp, quantile, quantile_named
from ipa.forecast.oracle import near_oracle, near_oracle_whole, oracle
from ipa.registry import Registry

ForecasterMaker = Callable[[ForecastContext], Forecaster]


class ForecasterRegistry(Registry[ForecasterMaker]):
    """Forecasters by name; ``quantile-<level>`` stands for a quantile of one's choice."""

    def __getitem__(self, name: str) -> ForecasterMaker:
        entry = None if name in self._entries else quantile_named(name)
        if entry is not None:
            return entry
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, [*self._entries, "quantile-<level>"])
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or quantile_named(name) is not None


FORECASTERS = ForecasterRegistry("forecaster")

FORECASTERS.register("last", last)
FORECASTERS.register("max", maximum)
FORECASTERS.register("mean", mean)
FORECASTERS.register("ewma-poisson", ewma_poisson)
FORECASTERS.register("linear", linear)
FORECASTERS.register("lstm", lstm)
FORECASTERS.register("mlp", mlp)
FORECASTERS.register("quantile", quantile)
FORECASTERS.register("oracle", oracle)
FORECASTERS.register("near-oracle", near_oracle)
FORECASTERS.register("near-oracle-whole", near_oracle_whole)


def make_forecaster(name: str, context: ForecastContext | None = None) -> Forecaster:
    """Make a registered forecaster.

    Parameters
    ----------
    name
        One of ``FORECASTERS``, or ``quantile-<level>``, for example ``quantile-0.95``.
    context
        What it may know about the run.

    Returns
    -------
    Forecaster
        Ready to use; keeps no state between forecasts.

    Raises
    ------
    UnknownNameError
        If there is no such forecaster.
    InvalidValueError
        If the level of a quantile is out of range, or an oracle is not told the true rates.

    Examples
    --------
    >>> make_forecaster("max").forecast([4] * 119 + [7]).rate_rps
    7.0
    """
    return FORECASTERS[name](context or ForecastContext())
