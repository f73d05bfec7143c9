"""A load generator that dies is told with the end of its log, which stays."""

import signal

import numpy as np
import pytest

from ipa.errors import LivePipelineError
from ipa.platforms.base import Conditions
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.settings import LocalSettings
from tests.support.live_pipelines import send, toy_pipeline, toy_plan

pytestmark = pytest.mark.live


def test_a_load_generator_that_is_killed_ends_the_run_and_its_log_is_kept() -> None:
    platform = LocalPlatform(LocalSettings(), Conditions())
    platform.offer(np.arange(0.0, 60.0, 0.1))
    try:
        platform.deploy(toy_pipeline(), toy_plan(replicas=(1, 1)))
        folder = platform.deployment.folder
        send(platform.deployment, "load", signal.SIGKILL)
        with pytest.raises(LivePipelineError, match=r"the load generator ended; its log.*load\.log"):
            platform.drain()
    finally:
        platform.teardown()
    assert folder.log_file("load").exists()
    assert not folder.path.exists()
    folder.remove_logs()
