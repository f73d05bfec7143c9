"""What a result depends on: data, code of the user's own, and nothing else."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ipa.experiments.editions import EDITIONS, corrected
from ipa.experiments.fingerprint import code_of_runs, fingerprint, platform_file
from ipa.experiments.finished import summaries
from ipa.experiments.grid import GridReport, run_grid
from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.run import is_complete, run, run_once
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS
from ipa.forecast.window import WindowForecaster
from ipa.optimizer.methods import METHODS
from ipa.optimizer.problem import Restriction
from ipa.optimizer.solve import SOLVERS
from ipa.paths import PACKAGE, data_dir
from ipa.platforms.registry import PLATFORMS
from ipa.platforms.simulated import SimulatedSettings
from ipa.registry import Registry
from ipa.results.folder import KEPT_IN_BRIEF, PROVENANCE, read_summary
from ipa.results.json_files import read_json
from ipa.results.source_files import code_sha256
from ipa.workload import ARRIVAL_PROCESSES, WORKLOADS, Workload

SHORT = RunSpec("video", "constant-5", trace="synthetic", duration_s=30)
PUBLISHED = RunSpec(edition="as-published", trace="synthetic", duration_s=60)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the data folder, to be edited."""
    shutil.copytree(data_dir(), tmp_path / "data")
    monkeypatch.setenv("IPA_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def with_text(old: str, new: str) -> Callable[[Path], None]:
    return lambda file: _rewrite(file, file.read_text().replace(old, new))


def with_cell(where: str, column: str, value: str) -> Callable[[Path], None]:
    """Return an edit of the rows of a table that meet a condition."""

    def edit(file: Path) -> None:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.loc[table.query(where).index, column] = value
        _rewrite(file, table.to_csv(index=False))

    return edit


def _rewrite(file: Path, text: str) -> None:
    assert file.read_text() != text
    file.write_text(text)


OBJECT_DETECTION = "stage == 'object-detection' and variant == 'yolov5n' and batch == '1'"
BURSTY = "edition == 'v3' and pipeline == 'video' and workload == 'bursty' and method == 'ipa'"


@pytest.mark.parametrize(
    ("file", "edit", "spec"),
    [
        ("editions/corrected.yaml", with_text("alpha: 2,", "alpha: 3,"), SHORT),
        ("pipelines/video.yaml", with_text("sla_s: 6.89", "sla_s: 6.88"), SHORT),
        ("paper/profiles.csv", with_cell(OBJECT_DETECTION, "throughput_rps", "1.5"), SHORT),
        ("paper/runs.csv", with_cell(BURSTY, "beta", "1.5"), PUBLISHED),
        ("paper/allocations.csv", with_cell("variant == 'yolov5n'", "variant", "gone"), PUBLISHED),
        ("workloads/synthetic.yaml", with_text("dispersion: ", "dispersion: 1"), PUBLISHED),
        ("forecast/linear.json", with_text('"intercept_rps": ', '"intercept_rps": 1'), SHORT),
    ],
)
def test_edited_data_is_noticed_in_the_same_process(
    data: Path, file: str, edit: Callable[[Path], None], spec: RunSpec
) -> None:
    before = fingerprint(spec)
    content, times = (data / file).read_bytes(), (data / file).stat()
    edit(data / file)
    # A copy that keeps its time stamp is another file all the same.
    os.utime(data / file, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = fingerprint(spec)
    (data / file).write_bytes(content)
    assert fingerprint(spec) == before != changed


def test_weights_of_networks_count(data: Path) -> None:
    spec = replace(SHORT, forecaster="lstm")
    before, file = fingerprint(spec), data / "forecast" / "lstm.npz"
    with np.load(file) as archive:
        arrays = dict(archive)
    np.savez(file, **arrays | {"bias": arrays["bias"] + 1})
    changed = fingerprint(spec)
    np.savez(file, **arrays)
    assert fingerprint(spec) == before != changed


def test_data_that_a_run_does_not_read_does_not_count(data: Path) -> None:
    before = fingerprint(SHORT)
    for name in ("paper/claims.csv", "paper/runs.csv", "pipelines/nlp.yaml", "forecast/lstm.json"):
        (data / name).write_text((data / name).read_text() + "\n")
    assert fingerprint(SHORT) == before


def test_an_edited_edition_is_run_again_in_the_same_process(data: Path, tmp_path: Path) -> None:
    spec = replace(SHORT, method="ipa")
    first = read_summary(run_once(spec, tmp_path / "results").folder)
    file = data / "editions" / "corrected.yaml"
    text = file.read_text()
    file.write_text(text.replace("video: {alpha: 2, beta: 1,", "video: {alpha: 2, beta: 0,"))
    report = run_once(spec, tmp_path / "results")
    again = read_summary(report.folder)
    assert not report.reused
    assert again["pas_mean"] > first["pas_mean"]
    assert again["cost_mean_cores"] > first["cost_mean_cores"]


def test_a_platform_of_the_users_may_use_all_code() -> None:
    @dataclass(frozen=True, slots=True)
    class Mine(SimulatedSettings):
        pass

    assert platform_file("simulated") == PACKAGE / "platforms" / "simulated.py"
    assert platform_file("local") == PACKAGE / "platforms" / "local" / "settings.py"
    with PLATFORMS.temporarily("mine", Mine):
        assert platform_file("mine") is None
        assert code_of_runs("mine") == code_sha256() != code_of_runs("simulated")


REGISTRIES: dict[str, Registry[Any]] = {
    "method": METHODS,
    "solver": SOLVERS,
    "forecaster": FORECASTERS,
    "arrivals": ARRIVAL_PROCESSES,
    "edition": EDITIONS,
    "workload": WORKLOADS,
}


def variant_kept(place: int) -> Any:
    return lambda pipeline, _: Restriction(variants=tuple(s.choices[place].name for s in pipeline.stages))


def factor(k: float) -> Any:
    return lambda _: WindowForecaster("mine", lambda window: k * float(window.max()))


def late(shift_s: float) -> Any:
    return lambda rates, rng: ARRIVAL_PROCESSES["uniform"](rates, rng) + shift_s


def weighted(beta: float) -> Any:
    def edition(pipeline: str, workload: str, method: str) -> Any:
        parameters = corrected(pipeline, workload, method)
        return replace(parameters, objective=parameters.objective.reweighted(None, beta))

    return edition


def steady(rate_rps: int) -> Any:
    return lambda request: Workload("mine", [rate_rps] * (request.duration_s or 30), "synthetic")


def with_deadline(factor: float) -> Any:
    return lambda problem, deadline_s: SOLVERS["exact"](problem, factor * deadline_s)


@pytest.mark.parametrize(
    ("what", "make", "one", "other"),
    [
        ("method", variant_kept, 0, -1),
        ("forecaster", factor, 1.0, 3.0),
        ("arrivals", late, 0.0, 0.25),
        ("edition", weighted, 1.0, 0.0),
        ("workload", steady, 5, 6),
        ("solver", with_deadline, 1.0, 0.5),
    ],
)
def test_what_the_user_registered_counts_by_what_it_does(
    what: str, make: Callable[..., Any], one: Any, other: Any
) -> None:
    spec = replace(SHORT, **{what: "mine"})
    hashes = []
    for value in (one, other, one):
        with REGISTRIES[what].temporarily("mine", make(value)):
            hashes.append(fingerprint(spec))
    assert hashes[0] == hashes[2] != hashes[1]


def test_another_function_under_the_same_name_is_run_again(tmp_path: Path) -> None:
    specs = []
    costs = []
    for place in (0, 0, -1):
        with METHODS.temporarily("mine", variant_kept(place)):
            specs = grid_specs(
                ["corrected"], ["video"], ["constant-5"], ["mine"], trace="synthetic", duration_s=60
            )
            report = run_grid(specs, tmp_path, 1)
            costs.append((report, float(summaries(specs, tmp_path)["cost_mean_cores"].iloc[0])))
    assert costs == [
        (GridReport(ran=1, reused=0), 2.0),
        (GridReport(ran=0, reused=1), 2.0),
        (GridReport(ran=1, reused=0), 18.0),
    ]


EDITS_ITS_CODE = """
import sys
from pathlib import Path
from ipa.paths import PACKAGE
from ipa.experiments.resolved import resolve
from ipa.experiments.run import is_complete, run
from ipa.experiments.spec import RunSpec

assert PACKAGE == Path.cwd() / "ipa"
spec = resolve(RunSpec("video", "constant-5", trace="synthetic", duration_s=30))
file = PACKAGE / "optimizer" / "solvers" / "exact.py"
text = file.read_text()
if sys.argv[1] == "edit":
    file.write_text(text + "# edited while the run is under way")
folder = run(spec, Path("results"))
print(is_complete(Path("results"), spec))
file.write_text(text)
"""


def test_code_edited_while_a_run_is_under_way_is_not_claimed_to_have_run(tmp_path: Path) -> None:
    package = Path(sys.modules["ipa"].__file__ or "").parent
    shutil.copytree(package, tmp_path / "ipa", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(data_dir(), tmp_path / "data")
    (tmp_path / "edits.py").write_text(EDITS_ITS_CODE)
    for how, complete in (("edit", "False"), ("leave", "True")):
        done = subprocess.run(
            [sys.executable, "-m", "edits", how], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == complete
        assert ("was edited after this process began" in done.stderr) == (how == "edit")


def test_an_input_edited_while_a_run_is_under_way_is_noticed(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = data / "pipelines" / "video.yaml"
    text = file.read_text()

    def edits(rates: Any, rng: np.random.Generator) -> Any:
        file.write_text(text.replace("sla_s: 6.89", "sla_s: 6.88"))
        return ARRIVAL_PROCESSES["uniform"](rates, rng)

    spec = replace(SHORT, arrivals="mine")
    with ARRIVAL_PROCESSES.temporarily("mine", edits):
        folder = run(spec, tmp_path / "results")
        assert not is_complete(tmp_path / "results", spec)
    provenance = read_json(folder / PROVENANCE)
    assert provenance["fingerprint"] == ""
    assert "changed while it was under way" in provenance["incomplete"]
    assert "it will be run again" in caplog.text


def test_force_runs_anew(tmp_path: Path) -> None:
    assert not run_once(SHORT, tmp_path).reused
    assert run_once(SHORT, tmp_path).reused
    assert not run_once(SHORT, tmp_path, force=True).reused
    specs = [replace(SHORT, seed=seed) for seed in (0, 1)]
    assert run_grid(specs, tmp_path, 1) == GridReport(ran=1, reused=1)
    assert run_grid(specs, tmp_path, 1, force=True) == GridReport(ran=2, reused=0)


WAITS = """
import sys
from pathlib import Path
from ipa.experiments.run import run_once
from ipa.experiments.spec import RunSpec
spec = RunSpec("video", "bursty", trace="synthetic", duration_s=300)
print(run_once(spec, Path(sys.argv[1])).reused)
"""


def test_of_processes_on_one_run_one_runs_and_the_others_take_its_result(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITS, str(tmp_path / "results")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = sorted(process.communicate()[0].strip() for process in processes)
    assert answers == ["False", "True", "True"]


def test_a_complete_run_in_a_folder_that_cannot_be_written_to_is_reused(tmp_path: Path) -> None:
    run_once(SHORT, tmp_path, KEPT_IN_BRIEF)
    (tmp_path / "corrected-synthetic" / f".{SHORT.run_name}.lock").mkdir()
    assert run_once(SHORT, tmp_path, KEPT_IN_BRIEF).reused
