"""Visits on their way into the next stage, in the order in which they will enter it."""

from collections.abc import Callable

import numpy as np

from ipa.arrays import Floats, Ints


class Transit:
    """Visits whose time of entry is known already.

    Those that enter at the same instant do so in the order in which they were put here.
    """

    def __init__(self) -> None:
        self._visit: Ints = np.empty(0, dtype=np.int64)
        self._enter_s: Floats = np.empty(0)
        self._taken = 0

    def __len__(self) -> int:
        return len(self._visit) - self._taken

    @property
    def visit(self) -> Ints:
        """Their numbers."""
        return self._visit[self._taken :]

    def put(self, visit: Ints, enter_s: Floats) -> None:
        """Add visits, in any order of entry."""
        if not len(visit):
            return
        if len(self):
            visit = np.concatenate((self.visit, visit))
            enter_s = np.concatenate((self._enter_s[self._taken :], enter_s))
        self._visit, self._enter_s, self._taken = visit, enter_s, 0
        if np.any(enter_s[1:] < enter_s[:-1]):
            order = np.argsort(self._enter_s, kind="stable")
            self._visit, self._enter_s = self._visit[order], self._enter_s[order]

    def renumber(self, new: Callable[[Ints], Ints]) -> None:
        """Give all visits new numbers."""
        self._visit = new(self.visit)
        self._enter_s, self._taken = self._enter_s[self._taken :], 0

    def take(self, before_s: float) -> tuple[Ints, Floats]:
        """Remove and return the visits that enter before a time, and when they do."""
        first = self._taken
        self._taken = int(np.searchsorted(self._enter_s, before_s, side="left"))
        return self._visit[first : self._taken], self._enter_s[first : self._taken]
