"""The load of an experiment on a cluster, sent from this machine by a process of its own."""

import secrets
import time

import numpy as np
from numpy.typing import NDArray

from ipa.platforms.local.async_host import AsyncHost
from ipa.platforms.local.folder import claim_folder
from ipa.platforms.local.load_process import LoadProcess
from ipa.platforms.local.loop_thread import LoopThread
from ipa.platforms.local.processes import ProcessHost
from ipa.serving.load_generator import LoadAccount, LoadReport, LoadSettings, read_account

NAME_LENGTH = 31
"""Characters of a pipeline's name that have room in that of a folder."""

PRELOADED = ("ipa.serving.load_generator.generate", "ipa.cli.app")


class ClusterLoad:
    """A load generator that waits to be told when to begin.

    Parameters
    ----------
    name
        Of the pipeline, by which its folder can be told. Pipelines of other namespaces and other clusters may
        have the same one.
    """

    def __init__(self, name: str) -> None:
        self._folder = claim_folder(f"{name[:NAME_LENGTH]}-{secrets.token_hex(4)}")
        self._processes = ProcessHost(self._folder.path, PRELOADED)
        self._loop = LoopThread()
        self._host = AsyncHost(self._processes)
        self._load = LoadProcess(self._host, self._folder.log_file("load"))
        self.report: LoadReport | None = None

    def start(
        self,
        address: str,
        model: str,
        arrivals_s: NDArray[np.float64],
        *,
        timeout_s: float,
        payload: str,
        payload_settings: dict[str, str | int | float],
        seed: int,
        connections: int,
    ) -> None:
        """Start it and return once the gateway has answered it.

        Parameters
        ----------
        address
            ``HOST:PORT`` of the gateway's gRPC door.
        model
            Name of the pipeline.
        arrivals_s
            When every request is due, on the clock.
        timeout_s
            Seconds after which a request is given up.
        payload, payload_settings, seed
            What requests carry.
        connections
            Over how many they go.

        Raises
        ------
        IpaError
            If it cannot send such a load.
        """
        settings = LoadSettings(
            address=address,
            model=model,
            arrivals_s=arrivals_s,
            output=self._folder.account,
            timeout_s=timeout_s,
            payload=payload,
            payload_settings=payload_settings,
            seed=seed,
            connections=connections,
        )
        self._loop.call(self._load.start(settings))

    def begin(self, in_s: float) -> None:
        """Let its clock show 0 in so many seconds."""
        self._load.begin(time.monotonic_ns() + round(in_s * 1e9))

    def finish(self) -> LoadAccount:
        """Return the account once every request has ended."""
        if self.report is None:
            self.report = self._loop.call(self._load.report())
        return read_account(self._folder.account)

    def stop(self) -> None:
        """End it, and remove what it left."""
        try:
            self._loop.call(self._load.stop())
        finally:
            self._processes.kill()
            self._loop.close()
            self._processes.close()
            self._folder.remove()
            self._folder.remove_logs()
