"""Requests on their way into the next stage, in the order in which they will enter it."""

import numpy as np

from ipa.simulator.log import Floats, Ints


class Transit:
    """Requests whose time of entry is known already.

    Those that enter at the same instant do so in the order in which they were put here.
    """

    def __init__(self) -> None:
        self._request: Ints = np.empty(0, dtype=np.int64)
        self._enter_s: Floats = np.empty(0)
        self._taken = 0

    def __len__(self) -> int:
        return len(self._request) - self._taken

    @property
    def request(self) -> Ints:
        """Numbers of the requests."""
        return self._request[self._taken :]

    def put(self, request: Ints, enter_s: Floats) -> None:
        """Add requests, in any order of entry."""
        if not len(request):
            return
        if len(self):
            request = np.concatenate((self.request, request))
            enter_s = np.concatenate((self._enter_s[self._taken :], enter_s))
        self._request, self._enter_s, self._taken = request, enter_s, 0
        if np.any(enter_s[1:] < enter_s[:-1]):
            order = np.argsort(self._enter_s, kind="stable")
            self._request, self._enter_s = self._request[order], self._enter_s[order]

    def forget(self, count: int) -> None:
        """Let the numbers of all requests fall by ``count``."""
        self._request = self.request - count
        self._enter_s, self._taken = self._enter_s[self._taken :], 0

    def take(self, before_s: float) -> tuple[Ints, Floats]:
        """Remove and return the requests that enter before a time, and when they do."""
        first = self._taken
        self._taken = int(np.searchsorted(self._enter_s, before_s, side="left"))
        return self._request[first : self._taken], self._enter_s[first : self._taken]
