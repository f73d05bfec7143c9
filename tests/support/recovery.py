"""How long it takes after a fault until all is as before."""

import math

import pandas as pd

IN_A_ROW = 10
"""So many requests in a row that are answered in time say that all is well."""


def recovered_after_s(requests: pd.DataFrame, over_s: float, within_s: float) -> float:
    """Return when all was well again, in seconds after a fault was over; infinity if it never was.

    Parameters
    ----------
    requests
        Of a run, in the order in which they were due.
    over_s
        When the fault was over.
    within_s
        Time in which requests are answered when all is well.

    Examples
    --------
    >>> latency_s = [0.1, 3.0] + 10 * [0.1] + [3.0]
    >>> requests = pd.DataFrame({"arrival_s": range(13), "outcome": "ok", "latency_s": latency_s})
    >>> recovered_after_s(requests, 1.0, 1.0), recovered_after_s(requests, 3.0, 1.0)
    (1.0, inf)
    """
    later = requests[requests["arrival_s"] >= over_s]
    well = (later["outcome"] == "ok") & (later["latency_s"] <= within_s)
    # Of each request, how many in a row from it on.
    row = well[::-1].astype(int).rolling(IN_A_ROW).sum()[::-1]
    begins_s = later["arrival_s"][row == IN_A_ROW]
    return float(begins_s.iloc[0]) - over_s if len(begins_s) else math.inf
