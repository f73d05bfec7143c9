"""Every tolerance of a decision: what counts as equal, and what other solvers may be off by.

All of them are relative to the numbers of the problem, so that neither the unit of the weights nor the length
of the latencies matters: objectives are compared with the weights brought to one scale
(``ipa.optimizer.scale``), latencies in ticks that are a fixed share of the SLA (``ipa.optimizer.ticks``).
"""

TIE = 1e-9
"""Objectives closer than this are tied, where one core costs 1."""

TIE_SHARE = 1e-12
"""The same as a share of the objective, where that is more: above what rounding makes of large numbers."""

SLA_SHARE = 1e-9
"""A plan may exceed the SLA by less than this share of it; one that meets it exactly is never refused."""

REPLICA_SHARE = 1e-9
"""λ/h may exceed a whole number by this share before it costs a replica."""

ACCURACY = 1e-9
"""Accuracies closer than this are the same."""

SOLVER = 1e-9
"""What mixed-integer solvers are told that they may be off by, in every respect that they can be told."""

HAIR = 1e-8
"""A solver may miss the SLA by this share unnoticed, with variables that are only nearly whole."""

SOLVER_OBJECTIVE = 1e-6
"""Objectives closer than this cannot be told apart by a mixed-integer solver's own arithmetic."""

SOLVER_OBJECTIVE_SHARE = 1e-9
"""The same as a share of the objective."""


def tie(value: float) -> float:
    """Return how far below the best objective ``value`` another one may lie and count as tied with it.

    Examples
    --------
    >>> tie(20.0), tie(1e9)
    (1e-09, 0.001)
    """
    return max(TIE, TIE_SHARE * abs(value))


def solver_error(value: float) -> float:
    """Return how far two objectives of about this size may lie apart and count as the same to a solver."""
    return max(SOLVER_OBJECTIVE, SOLVER_OBJECTIVE_SHARE * abs(value))
