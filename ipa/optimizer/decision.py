"""What a solver answers."""

import math
from dataclasses import dataclass
from enum import StrEnum

from ipa.pipeline.plan import Plan


class Status(StrEnum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan and what is known about it.

    Parameters
    ----------
    plan
        The chosen plan; the best effort (cheapest that carries the rate, else the largest throughput) if no
        plan keeps the SLA.
    objective
        Its objective; NaN for a best effort.
    status
        ``optimal``: proven; ``feasible``: the best found before the deadline; ``infeasible``: no plan exists.
    solver
        The solver that answered (under ``auto``: the one that was used).
    solve_s
        Wall time in seconds from the problem to the plan, everything included.
    note
        Why something is not as asked for, for example which solver was fallen back to; empty otherwise.
    build_s
        Share of ``solve_s`` that built the solver's model and handed it over; 0 if there is none.
    search_s
        Share of ``solve_s`` that the solver itself took; the rest breaks ties and checks the answer.
    bound
        No plan has an objective above this: the objective of an optimal plan; NaN if it is not known.
    gap
        ``bound`` less ``objective``, the most that another plan could be better by: 0 if optimal; NaN if the
        bound is not known.
    why
        What stands in the way if the status is ``infeasible``, and what would help; empty otherwise.
    """

    plan: Plan
    objective: float
    status: Status
    solver: str
    solve_s: float
    note: str = ""
    build_s: float = 0.0
    search_s: float = 0.0
    bound: float = math.nan
    gap: float = math.nan
    why: str = ""

    @property
    def optimal(self) -> bool:
        """Whether the plan was proven to be the best."""
        return self.status is Status.OPTIMAL
