"""Leaves out the tests of what is not installed; the extras are optional."""

from importlib.util import find_spec

import pytest

NEEDS = {
    "cv2": [
        "tests/serving/payloads/test_ocr_*.py",
        "tests/serving/runtimes/test_ocr_*.py",
        "tests/serving/runtimes/test_text_models.py",
    ],
    "ipykernel": ["tests/report/test_notebooks.py", "tests/report/test_reproduce.py"],
    "importlinter": ["tests/docs/test_architecture.py"],
    "matplotlib": [
        "ipa/figures/*",
        "tests/figures/*",
        "tests/studies/test_appendix.py",
        "tests/support/tidy_frames.py",
    ],
    "mlserver": [
        "ipa/profiler/called_model.py",
        "ipa/profiler/local_host.py",
        "ipa/serving/*",
        "tests/controller/test_latency.py",
        "tests/platforms/local/test_external_servers.py",
        "tests/serving/gateway/*_live.py",
        "tests/serving/gateway/test_metrics.py",
        "tests/serving/load_generator/test_live_load.py",
        "tests/serving/pod/test_monitoring.py",
        "tests/serving/pod/test_plan_follower.py",
        "tests/serving/pod/test_pod_metrics.py",
        "tests/serving/pod/test_replica_pod_live.py",
        "tests/serving/runtimes/*",
        "tests/serving/test_faulty_server.py",
        "tests/serving/test_model_server.py",
        "tests/serving/v2/test_client.py",
        "tests/serving/v2/test_messages.py",
        "tests/serving/v2/test_mlserver_types.py",
        "tests/studies/test_live_runs_live.py",
        "tests/support/faulty_server.py",
        "tests/support/gateway_lab.py",
    ],
    "jsonschema": ["tests/cluster/test_resource_crd.py"],
    "prometheus_client": [
        "ipa/controller/*",
        "tests/controller/*",
        "tests/infrastructure/test_monitoring_files.py",
        "tests/platforms/test_monitoring.py",
    ],
}
"""Module -> the files that cannot even be imported without it."""

collect_ignore_glob = [file for module, files in NEEDS.items() if find_spec(module) is None for file in files]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is asked of a library that is not installed, and order the tests of clusters."""
    # These bring up a cluster of their own, and there is one at a time: others share one later.
    items.sort(key=lambda item: not item.nodeid.startswith("tests/infrastructure/test_testcluster.py"))
    for module, name in {"gurobipy": "gurobi", "PIL": "image]"}.items():
        if find_spec(module) is None:
            missing = pytest.mark.skip(reason=f"{module} is not installed")
            for item in items:
                if name in item.nodeid.partition("[")[2]:
                    item.add_marker(missing)
