"""One gateway with its replicas for all live tests."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.gateway_lab import Lab


@pytest.fixture(scope="session")
def whole_lab(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Lab]":
    # The other tests here need no MLServer.
    from tests.support.gateway_lab import lab

    with lab(
        tmp_path_factory.mktemp("lab"), queue_limit=100, drop_after_s=(4.0, 8.0), hang_after_s=2.0
    ) as found:
        yield found


@pytest.fixture
def live(whole_lab: "Lab") -> "Iterator[Lab]":
    """A lab with its first plan, nothing in flight, and servers that work."""
    whole_lab.control.put_plan(whole_lab.plan())
    whole_lab.wait_until_ready()
    yield whole_lab
    for one in whole_lab.first:
        one.switch.unlink(missing_ok=True)
