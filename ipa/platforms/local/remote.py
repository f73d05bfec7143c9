"""A live pipeline of another process of this user, as a platform."""

import http.client
import time

from ipa.errors import LivePipelineError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Observation
from ipa.platforms.local.folder import LiveFolder
from ipa.platforms.local.wire import About, decode, decode_observation, encode
from ipa.serving.unix_http import call_unix

TIMEOUT_S = 15.0

NS = 1_000_000_000


class RemotePlatform:
    """A pipeline that ``ipa up`` started, to whoever wants to observe and change it.

    Parameters
    ----------
    folder
        Of the live pipeline (``find_folder``).

    Raises
    ------
    LivePipelineError
        From every call: if the live pipeline is gone, or refuses; the message says why.
    """

    def __init__(self, folder: LiveFolder) -> None:
        self._folder = folder
        self.about = decode(About, self._call("GET", "/about"))

    def now(self) -> float:
        """Return the seconds since the clock's zero, which all processes of this machine share."""
        return (time.monotonic_ns() - self.about.zero_ns) / NS

    def sleep_until(self, time_s: float) -> None:
        """Return once the clock shows ``time_s``."""
        while (left_s := time_s - self.now()) > 0:
            time.sleep(left_s)

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:  # noqa: ARG002 (the signature of a platform)
        """Refuse: it was deployed by the process that it belongs to."""
        raise LivePipelineError(f"{self.about.name} runs already; apply a plan instead")

    def observe(self) -> Observation:
        """Return what is known now."""
        return decode_observation(self._call("GET", "/observation"))

    def apply(self, plan: Plan) -> ApplyReport:
        """Reconfigure; returns at once, new replicas serve when they are ready."""
        return decode(ApplyReport, self._call("PUT", "/plan", encode(plan)))

    def teardown(self) -> None:
        """Leave it running: it belongs to another process."""

    def stop(self) -> None:
        """Let the process that it belongs to drain and stop it."""
        self._call("POST", "/stop")

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            token = self._folder.token_file.read_text(encoding="ascii")
            headers = {"Authorization": f"Bearer {token}"}
            status, data = call_unix(self._folder.control_socket, method, path, body, headers, TIMEOUT_S)
        except FileNotFoundError:
            raise LivePipelineError(
                f"{self._folder.name} is starting, or has just ended; try again"
            ) from None
        except OSError as error:
            raise LivePipelineError(f"{self._folder.name} does not answer: {error}") from error
        if status != http.client.OK:
            raise LivePipelineError(f"{self._folder.name} refuses: {data.decode(errors='replace')}")
        return data
