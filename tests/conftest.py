"""Settings shared by all tests."""

import os

import pytest
from hypothesis import settings

settings.register_profile("ipa", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ipa")


@pytest.fixture
def trace_path() -> str:
    """Path of the real load trace; tests that need it are skipped where there is none."""
    path = os.environ.get("IPA_TRACE")
    if not path:
        pytest.skip("IPA_TRACE is not set")
    return path
