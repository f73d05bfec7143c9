"""The forecasters there are; a new one is one file and one line here (or one call of ``register``)."""

from collections.abc import Callable

from ipa.forecast.base import ForecastContext, Forecaster
from ipa.forecast.baselines import last, maximum, mean
from ipa.forecast.ewma_poisson import ewma_poisson
from ipa.forecast.linear import linear
from ipa.forecast.oracle import oracle
from ipa.registry import Registry

FORECASTERS = Registry[Callable[[ForecastContext], Forecaster]]("forecaster")

FORECASTERS.register("last", last)
FORECASTERS.register("max", maximum)
FORECASTERS.register("mean", mean)
FORECASTERS.register("ewma-poisson", ewma_poisson)
FORECASTERS.register("linear", linear)
FORECASTERS.register("oracle", oracle)


def make_forecaster(name: str, context: ForecastContext | None = None) -> Forecaster:
    """Make a registered forecaster.

    Parameters
    ----------
    name
        One of ``FORECASTERS``.
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

    Examples
    --------
    >>> make_forecaster("max").forecast([4] * 119 + [7]).rate_rps
    7.0
    """
    return FORECASTERS[name](context or ForecastContext())
