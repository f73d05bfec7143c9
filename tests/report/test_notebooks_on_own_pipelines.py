"""Every notebook runs with a pipeline and loads of one's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from ipa.report.notebook_runs import execute

pytestmark = pytest.mark.slow

PIPELINE = """
name: mine
sla_s: 2.5
stages:
  - name: detect
    profile: {file: mine.csv}
    variants: [{name: small, accuracy: 0.61, base_cores: 1}, {name: large, accuracy: 0.74, base_cores: 4}]
  - name: classify
    profile: {file: mine.csv}
    variants: [{name: only, accuracy: 0.9, base_cores: 1}]
"""
PROFILE = """stage,variant,cores,batch,latency_p99_s,throughput_rps
detect,small,1,1,0.080,12
detect,small,1,8,0.520,15
detect,large,4,1,0.210,4.5
classify,only,1,1,0.050,19
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a folder with a pipeline, its profile, and a load in a file without an ending."""
    (tmp_path / "mine.yaml").write_text(PIPELINE)
    (tmp_path / "mine.csv").write_text(PROFILE)
    (tmp_path / "load").write_text("".join(f"{5 + second % 7}\n" for second in range(150)))
    return tmp_path


@pytest.mark.parametrize(
    ("notebook", "parameters"),
    [
        ("1-adaptation", {"pipeline": "mine.yaml", "workload": "load"}),
        ("1-adaptation", {"pipeline": "mine.yaml", "workload": "constant-0", "duration_s": 60}),
        ("2-end-to-end", {"pipeline": "mine.yaml"}),
        ("3-decision-time", {"pipeline": "mine.yaml", "solvers": ["exact", "highs"], "solves": 1}),
        ("4-preferences", {"pipeline": "mine.yaml"}),
        ("5-load-forecast", {"workloads": ["load"], "forecasters": ["max"], "jobs": 1}),
        ("6-latency", {"pipeline": "mine.yaml", "seeds": 1, "jumps": 1}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_a_notebook_runs(own: Path, notebook: str, parameters: dict[str, Any]) -> None:
    def located(value: object) -> object:
        if isinstance(value, list):
            return [located(item) for item in value]
        return str(own / value) if value in ("mine.yaml", "load") else value

    given = {key: located(value) for key, value in parameters.items()}
    output = own / "out.ipynb"
    execute(notebook, given | {"results_dir": str(own / "results")}, output)
    outputs = [
        kind
        for cell in json.loads(output.read_text())["cells"]
        for kind in (result.get("output_type") for result in cell.get("outputs", []))
    ]
    assert outputs
    assert "error" not in outputs
    # Nothing is ever written beside the results.
    assert {path.name for path in own.iterdir()} == {"mine.yaml", "mine.csv", "load", "out.ipynb", "results"}
