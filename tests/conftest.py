"""Settings shared by all tests."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ipa.cli.app import main
from ipa.experiments.grid import run_grid
from ipa.experiments.grid_specs import grid_specs
from tests.support.cluster import cluster, namespace, pod_code  # noqa: F401 (fixtures)
from tests.support.command import Ipa, Outcome

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A suite that was started in the background inherits that, and the commands it starts would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes to draw says how busy the machine is, and nothing about the test.
settings.register_profile(
    "ipa",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ipa")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files without a test of the tier that is asked for: importing all takes a while."""
    tier = config.getoption("markexpr")
    if tier not in ("live", "cluster") or not collection_path.is_file():
        return None
    return f"mark.{tier}" not in collection_path.read_text(encoding="utf-8") or None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what tests of faults found out about recovering from them."""
    found = [
        str(value)
        for report in terminalreporter.stats.get("passed", ())
        for name, value in report.user_properties
        if name == "recovery"
    ]
    if found:
        terminalreporter.section("recovery")
        terminalreporter.write_line("\n".join(found))


@pytest.fixture(scope="session")
def trace_path() -> str:
    """Path of the real load trace; tests that need it are skipped where there is none."""
    path = os.environ.get("IPA_TRACE")
    if not path:
        pytest.skip("IPA_TRACE is not set")
    return path


@pytest.fixture(scope="session")
def published_runs(trace_path: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 (it skips)
    """Results of all 160 published runs on the real trace; about half a minute on two cores."""
    results = tmp_path_factory.mktemp("paper-runs")
    run_grid(grid_specs(["as-published", "as-published-v1"], trace="real"), results, jobs=2)
    return results


@pytest.fixture
def ipa(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ipa:
    """Call ``ipa`` with arguments; without the real trace, so that results do not depend on the machine."""
    monkeypatch.delenv("IPA_TRACE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/nonexistent")

    def call(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as exit_info:
            main([str(argument) for argument in arguments])
        code = exit_info.value.code
        captured = capsys.readouterr()
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call
