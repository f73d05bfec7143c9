"""Loads of several pipelines leave each other alone."""

from contextlib import ExitStack

import pytest

from ipa.platforms.kubernetes.load import ClusterLoad
from ipa.platforms.local.folder import running_names

pytestmark = pytest.mark.live


@pytest.mark.parametrize("name", ["video", "a-name-that-is-as-long-as-it-may-be-in-kubernetes-and-no-longer"])
def test_two_pipelines_of_one_name_in_two_namespaces_get_their_loads_at_once(name: str) -> None:
    with ExitStack() as stack:
        before = set(running_names())
        for _ in range(2):
            stack.callback(ClusterLoad(name).stop)
        found = set(running_names()) - before
        assert len(found) == 2
        assert all(one.startswith(name[:30]) for one in found)
    assert not set(running_names()) - before
