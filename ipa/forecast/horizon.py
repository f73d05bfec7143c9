"""Rules that were trained for one horizon, asked about another."""

from dataclasses import dataclass

from ipa.forecast.base import HORIZON_S
from ipa.forecast.ewma_poisson import dispersion, moving_average, scaled_poisson_maximum
from ipa.forecast.window import Prediction, Rule, Window


@dataclass(frozen=True, slots=True)
class Scaled:
    """Scales a rule for the maximum of ``HORIZON_S`` seconds to the maximum of more seconds, or of fewer.

    The factor is that of the expected maxima of so many Poisson numbers around the moving average of the
    window (``ewma-poisson``). It accounts for the noise and not for where the load moves meanwhile, so an
    interval far from the trained one is better served by a forecaster that is not trained.

    Parameters
    ----------
    rule
        Trained for ``HORIZON_S`` seconds.
    horizon_s
        Seconds asked about.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.tile([8.0, 12.0], 60)
    >>> Scaled(lambda window: 20.0, horizon_s=60)(noisy).note
    'trained for 20 s: scaled to 60 s'
    >>> Scaled(lambda window: 20.0, horizon_s=60)(noisy).rate_rps > 20
    True
    """

    rule: Rule
    horizon_s: int

    def __call__(self, window: Window) -> Prediction:
        """Return the scaled prediction, which says that it is one."""
        answer = Prediction.of(self.rule(window))
        mean_rps, noise = moving_average(window), dispersion(window)
        trained_rps, asked_rps = (
            scaled_poisson_maximum(mean_rps, noise, draws) for draws in (HORIZON_S, self.horizon_s)
        )
        factor = asked_rps / trained_rps if trained_rps else 1.0
        said = f"trained for {HORIZON_S} s: scaled to {self.horizon_s} s"
        note = f"{said}; {answer.note}" if answer.note else said
        return Prediction(answer.rate_rps * factor, note)


def trained_rule(rule: Rule, horizon_s: int) -> Rule:
    """Return a rule that was trained for ``HORIZON_S`` seconds as one for another horizon."""
    return rule if horizon_s == HORIZON_S else Scaled(rule, horizon_s)
