"""How long it takes after a fault until all is as before."""

import numpy as np
import pandas as pd


def recovered_after_s(requests: pd.DataFrame, over_s: float, within_s: float) -> float:
    """Return when the last request was due that was not answered in time, in seconds after a fault was over.

    Parameters
    ----------
    requests
        Of a run.
    over_s
        When the fault was over.
    within_s
        Time in which requests are answered when all is well.
    """
    later = requests[requests["arrival_s"] >= over_s]
    unwell = later[(later["outcome"] != "ok") | (later["latency_s"] > within_s)]
    return float(np.max(unwell["arrival_s"].to_numpy(), initial=over_s)) - over_s
