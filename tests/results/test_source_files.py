"""Which code a result depends on: whatever a run imports, as it was when the process began."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ipa
from ipa.experiments.fingerprint import platform_file
from ipa.paths import PACKAGE
from ipa.platforms.registry import PLATFORMS
from ipa.results import source_files
from ipa.results.source_files import imported_files, run_sources, shared_sources

SIMULATED = PACKAGE / "platforms" / "simulated.py"
LOCAL = PACKAGE / "platforms" / "local" / "settings.py"


def relative(platform: Path | None = None) -> set[str]:
    return {file.relative_to(PACKAGE).as_posix() for file in run_sources(platform)}


@pytest.mark.parametrize(
    "file",
    [
        "__init__.py",
        "pipeline/accuracy.py",
        "adapter.py",
        "pipeline/load.py",
        "experiments/editions.py",
        "experiments/run.py",
        "forecast/linear.py",
        "results/measures.py",
        "optimizer/solvers/exact.py",
        "platforms/simulated.py",
        "pipeline/profiles.py",
        "simulator/compiled.py",
        "simulator/engine.py",
        "workload/arrivals.py",
    ],
)
def test_code_that_can_change_a_result_counts(file: str) -> None:
    assert file in relative() & relative(SIMULATED)


@pytest.mark.parametrize("folder", ["bench", "cli", "figures", "report", "studies"])
def test_code_that_only_reads_results_does_not(folder: str) -> None:
    assert not {file for file in relative() if file.startswith(folder)}
    assert not {"experiments/grid.py", "doctor.py", "workers.py"} & relative()


def test_what_only_another_platform_serves_with_does_not_count() -> None:
    simulated = relative(SIMULATED)
    assert not {file for file in simulated if file.startswith(("serving/", "cluster/", "controller/"))}
    shared = {"platforms/local/__init__.py", "platforms/local/settings.py"}
    assert shared <= {file for file in simulated if file.startswith("platforms/local/")}
    assert "platforms/local/platform.py" not in simulated


def test_what_a_live_run_serves_with_counts() -> None:
    live = relative(LOCAL)
    for name in ("serving/gateway", "serving/runtimes", "serving/v2"):
        whole = {file.relative_to(PACKAGE).as_posix() for file in (PACKAGE / name).rglob("*.py")}
        assert len(whole) > 4
        assert not whole - live
    assert {
        "platforms/local/slot.py",
        "serving/load_generator/generate.py",
        "serving/model_server.py",
    } <= live


def test_any_platform_is_what_each_of_them_is() -> None:
    each = [set(run_sources(platform_file(name))) for name in PLATFORMS]
    assert len(each) >= 3
    assert set(run_sources()) == set.union(*each)
    assert set(shared_sources()) == set.intersection(*each)


def test_everything_that_a_run_loads_is_found() -> None:
    """What a run has imported, in a process of its own, is among the files found by reading the code."""
    program = (
        "import sys\n"
        "from ipa.experiments.simulate import simulate\n"
        "from ipa.experiments.spec import RunSpec\n"
        "simulate(RunSpec(workload='constant-5', duration_s=30, trace='synthetic'))\n"
        "for name, module in sys.modules.items():\n"
        "    if name == 'ipa' or name.startswith('ipa.'):\n"
        "        print(module.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {Path(line).resolve() for line in done.stdout.splitlines()}
    assert len(loaded) > 60
    assert loaded <= set(run_sources(SIMULATED))


def test_no_code_of_a_run_is_imported_by_a_name_made_while_running() -> None:
    """Such an import would not be found by reading the code; lazy names stand in it, for type checkers."""
    makers = re.compile(r"import_module\((?!\"(?:torch|huggingface_hub)\"\))|__import__\(|\bexec\(|runpy")
    found = [file.name for file in run_sources() if makers.search(file.read_text())]
    assert found == ["lazy_names.py"]
    modules = {sys.modules[getattr(ipa, name).__module__].__file__ or "" for name in ipa.__all__}
    assert {Path(file).resolve() for file in modules} <= set(imported_files([PACKAGE / "__init__.py"]))


NEW = """
import sys
from ipa.results.source_files import PACKAGE, code_sha256, run_sources
platform = PACKAGE / sys.argv[1] if sys.argv[1:] else None
names = (file.relative_to(PACKAGE).as_posix() for file in run_sources(platform))
print(PACKAGE, code_sha256(platform), *names)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the package, to be edited."""
    shutil.copytree(PACKAGE, tmp_path / "ipa", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "ipa"


def code_of(package: Path, platform: Path | None = None) -> tuple[str, set[str]]:
    where = [] if platform is None else [str(platform.relative_to(PACKAGE))]
    done = subprocess.run(
        [sys.executable, "-c", NEW, *where], capture_output=True, text=True, check=True, cwd=package.parent
    )
    found, code, *files = done.stdout.split()
    assert Path(found) == package.resolve()
    return code, set(files)


def test_a_new_package_counts_once_a_run_imports_it(copy: Path) -> None:
    before, _ = code_of(copy)
    (copy / "weather").mkdir()
    (copy / "weather" / "__init__.py").write_text("")
    (copy / "weather" / "rain.py").write_text("from ipa.weather import cloud\n")
    (copy / "weather" / "cloud.py").write_text("WET = 1\n")
    assert code_of(copy)[0] == before
    measures = copy / "results" / "measures.py"
    measures.write_text(measures.read_text() + "\n\ndef wet():\n    from ..weather.rain import cloud\n")
    imported, files = code_of(copy)
    assert {"weather/__init__.py", "weather/rain.py", "weather/cloud.py"} <= files
    (copy / "weather" / "cloud.py").write_text("WET = 2\n")
    assert len({before, imported, code_of(copy)[0]}) == 3


def test_editing_a_figure_a_claim_or_a_command_changes_nothing(copy: Path) -> None:
    before, _ = code_of(copy)
    for name in (
        "figures/style.py",
        "report/claims/table.py",
        "cli/run.py",
        "report/notebooks.py",
        "cli/app.py",
    ):
        (copy / name).write_text((copy / name).read_text() + "\n# edited\n")
    assert code_of(copy)[0] == before


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("serving/gateway/engine/stage_queue.py", {LOCAL}),
        ("platforms/local/slot.py", {LOCAL}),
        ("platforms/local/settings.py", {LOCAL, SIMULATED}),
        ("platforms/registry.py", {LOCAL, SIMULATED}),
        ("simulator/stage.py", {LOCAL, SIMULATED}),
    ],
)
def test_a_run_follows_the_code_of_its_own_platform(copy: Path, file: str, changed: set[Path]) -> None:
    before = {platform: code_of(copy, platform)[0] for platform in (LOCAL, SIMULATED)}
    (copy / file).write_text((copy / file).read_text() + "\n# edited\n")
    assert {platform for platform, code in before.items() if code_of(copy, platform)[0] != code} == changed


def test_code_counts_as_it_was_when_the_process_began(copy: Path) -> None:
    program = (
        "from ipa.results.source_files import PACKAGE, code_has_changed, code_sha256\n"
        "assert not code_has_changed()\n"
        "before = code_sha256()\n"
        "file = PACKAGE / 'optimizer' / 'solvers' / 'exact.py'\n"
        "figure = PACKAGE / 'figures' / 'style.py'\n"
        "figure.write_text(figure.read_text() + '# edited')\n"
        "assert not code_has_changed()\n"
        "file.write_text(file.read_text() + '# edited')\n"
        "assert code_has_changed() and code_sha256() == before\n"
        "print(before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=copy.parent
    )
    assert code_of(copy)[0] != done.stdout.strip()


def test_helpers_are_found_and_libraries_are_not(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("import json\nfrom sub import deep\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "__init__.py").write_text("")
    (tmp_path / "sub" / "deep.py").write_text("from . import deeper\nimport helper\n")
    (tmp_path / "sub" / "deeper.py").write_text("this is no Python")
    (tmp_path / "unused.py").write_text("")
    mine = tmp_path / "mine.py"
    mine.write_text("import numpy as np\n\ndef f():\n    if True:\n        import helper\n    return np\n")
    found = {file.name for file in imported_files([mine])}
    assert found == {"mine.py", "helper.py", "__init__.py", "deep.py", "deeper.py"}


def test_what_is_imported_at_once_stands_neither_in_a_function_nor_for_type_checkers(tmp_path: Path) -> None:
    for name in ("always", "tried", "late", "typed", "held"):
        (tmp_path / f"{name}.py").write_text("")
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from typing import TYPE_CHECKING\n"
        "import always\n"
        "if TYPE_CHECKING:\n    import typed\n"
        "try:\n    import tried\nexcept ImportError:\n    pass\n"
        "class C:\n    import held\n    def f(self):\n        import late\n"
    )
    at_once, ever = ({file.stem for file in imported_files([mine], at_once=once)} for once in (True, False))
    assert at_once == {"mine", "always", "tried", "held"}
    assert ever == at_once | {"late", "typed"}
    assert imported_files([mine], leaf=mine) == (mine.resolve(),)


def test_this_package_is_no_library() -> None:
    assert not source_files.is_library(str(PACKAGE / "cli.py"))
    assert source_files.is_library(subprocess.__file__)
    assert source_files.is_library(pytest.__file__)
    assert not source_files.is_library("<stdin>")
