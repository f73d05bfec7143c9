import ast
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipa.errors import InvalidValueError, IpaError, MissingExtraError, ResultsError, UnknownNameError
from ipa.report.notebook_runs import execute, execute_file
from ipa.report.notebooks import (
    NOTEBOOKS,
    AdaptationParameters,
    ClaimsParameters,
    EndToEndParameters,
    check_parameters,
)

COMMON = {"trace": "synthetic", "seed": 0, "jobs": 1, "results_dir": "results"}
CLAIMS = COMMON | {"seeds": 5}
END_TO_END = COMMON | {"pipeline": "video", "editions": ["corrected"], "replicas": None}
ADAPTATION = {
    "pipeline": "video",
    "workload": "bursty",
    "method": "ipa",
    "edition": "corrected",
    "trace": "synthetic",
    "seed": 0,
    "duration_s": None,
    "platform": "simulated",
    "cluster": {},
    "results_dir": "results",
}
MEGABYTE = 1_000_000
REPOSITORY = Path(__file__).resolve().parents[2]


def write_notebook(file: Path, *cells: str) -> Path:
    """Write a notebook; its first cell is the one of parameters."""
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {"tags": ["parameters"]} if number == 0 else {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"display_name": "gone", "language": "python", "name": "no-such-kernel"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    file.write_text(json.dumps(content))
    return file


def stored(name: str) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(NOTEBOOKS[name].file.read_text())["cells"]
    return cells


def outputs(file: Path) -> str:
    cells = json.loads(file.read_text())["cells"]
    return "".join("".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", []))


def test_valid_parameters_come_back_typed() -> None:
    given = check_parameters(ADAPTATION, AdaptationParameters)
    assert given.results_dir == REPOSITORY / "results"
    assert given.duration_s is None
    assert check_parameters(END_TO_END, EndToEndParameters).editions == ["corrected"]
    assert check_parameters(END_TO_END, EndToEndParameters).editions_shown == ["corrected"]


def test_the_editions_shown_by_default_are_those_there_are_for_the_pipeline(tmp_path: Path) -> None:
    unnamed = END_TO_END | {"editions": None}
    assert check_parameters(unnamed, EndToEndParameters).editions_shown == ["as-published", "corrected"]
    own = tmp_path / "mine.yaml"
    assert EndToEndParameters.model_construct(**unnamed | {"pipeline": str(own)}).editions_shown == [
        "corrected"
    ]


def test_a_misspelt_parameter_is_named_with_the_right_one() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown parameter 'metod'; allowed: .*Did you mean 'method'"
    ):
        check_parameters(ADAPTATION | {"metod": "rim"}, AdaptationParameters)


@pytest.mark.parametrize("value", [None, 1, 1.5, "x", [1, "a"], {"a": [1]}, (1,), True])
def test_any_plain_value_under_an_unknown_name_is_refused(value: object) -> None:
    with pytest.raises(UnknownNameError, match="'extra'"):
        check_parameters(CLAIMS | {"extra": value}, ClaimsParameters)


def test_what_a_notebook_holds_besides_parameters_does_not_count() -> None:
    namespace = CLAIMS | {
        "In": ["", "x = 1"],
        "Out": {},
        "_i1": "x = 1",
        "__name__": "__main__",
        "json": json,
        "check_parameters": check_parameters,
        "ClaimsParameters": ClaimsParameters,
        "frames": [Path()],
    }
    check_parameters(namespace, ClaimsParameters)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"seed": "0"}, InvalidValueError, r"parameter seed: .*integer.*got '0'"),
        ({"seed": -1}, InvalidValueError, r"parameter seed: .*greater than or equal to 0.*got -1"),
        ({"seed": True}, InvalidValueError, r"parameter seed"),
        ({"trace": "twitter"}, InvalidValueError, r"parameter trace: .*'auto', 'real' or 'synthetic'"),
        ({"results_dir": 3}, InvalidValueError, r"parameter results_dir: .*got 3"),
        ({"duration_s": 0}, InvalidValueError, r"parameter duration_s"),
        ({"method": "ripa"}, UnknownNameError, r"unknown method 'ripa'; allowed: ipa, fa2-low.*mean 'ipa'"),
        ({"edition": "new"}, UnknownNameError, r"unknown edition 'new'; allowed: as-published"),
        ({"pipeline": "vido"}, UnknownNameError, r"unknown pipeline 'vido'.*Did you mean 'video'"),
        ({"workload": "burst"}, UnknownNameError, r"unknown workload 'burst'.*Did you mean 'bursty'"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    change: dict[str, Any], error: type[IpaError], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_parameters(ADAPTATION | change, AdaptationParameters)


def test_an_unknown_edition_in_a_list_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown edition 'newest'"):
        check_parameters(END_TO_END | {"editions": ["corrected", "newest"]}, EndToEndParameters)


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(InvalidValueError, match="parameter seed is missing"):
        check_parameters({key: v for key, v in CLAIMS.items() if key != "seed"}, ClaimsParameters)


def test_execute_replaces_defaults_and_writes_the_notebook(tmp_path: Path) -> None:
    source = write_notebook(tmp_path / "a.ipynb", "number = 1", "import os; print(number, os.getcwd())")
    output = tmp_path / "out {braces}" / "b.ipynb"
    execute_file(source, {"number": 2}, output)
    assert outputs(output) == f"2 {tmp_path}\n"
    assert [path.name for path in output.parent.iterdir()] == ["b.ipynb"]


def test_execute_runs_this_interpreter_whatever_kernel_the_notebook_names(tmp_path: Path) -> None:
    source = write_notebook(tmp_path / "a.ipynb", "", "import sys; print(sys.executable)")
    execute_file(source, {}, tmp_path / "b.ipynb")
    assert outputs(tmp_path / "b.ipynb") == f"{sys.executable}\n"


def test_a_failing_cell_is_reported_and_its_notebook_kept_beside(tmp_path: Path) -> None:
    source = write_notebook(tmp_path / "a.ipynb", "x = 0", "print('before')", "1 / x", "print('after')")
    output, failed = tmp_path / "b.ipynb", tmp_path / "b.failed.ipynb"
    output.write_text("the last good one")
    with pytest.raises(IpaError, match=r"notebook a\.ipynb, cell \[3\] failed: ZeroDivisionError.*b\.failed"):
        execute_file(source, {}, output)
    assert output.read_text() == "the last good one"
    assert "before" in outputs(failed)
    assert "after" not in outputs(failed)

    write_notebook(source, "x = 1", "1 / x")
    execute_file(source, {}, output)
    assert not failed.exists()
    assert output.read_text() != "the last good one"


def test_an_unknown_parameter_stops_a_notebook_in_its_first_cell(tmp_path: Path) -> None:
    with pytest.raises(IpaError, match=r"1-adaptation\.ipynb, cell \[\d\] failed: UnknownNameError.*'metod'"):
        execute("1-adaptation", {"metod": "rim", "results_dir": str(tmp_path)}, tmp_path / "b.ipynb")
    assert not (tmp_path / "b.ipynb").exists()
    assert not (tmp_path / "corrected-synthetic").exists()


def test_a_run_killed_half_way_leaves_no_notebook_under_the_final_name(tmp_path: Path) -> None:
    killer = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"
    source = write_notebook(tmp_path / "a.ipynb", "", "print('half')", killer)
    output = tmp_path / "out" / "b.ipynb"
    program = "import sys; from pathlib import Path; from ipa.report.notebook_runs import execute_file;"
    program += "execute_file(Path(sys.argv[1]), {}, Path(sys.argv[2]))"
    done = subprocess.run([sys.executable, "-c", program, str(source), str(output)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not output.exists()
    assert [path.name for path in output.parent.glob("*.ipynb") if not path.name.startswith(".")] == []

    write_notebook(source, "", "print('whole')")
    execute_file(source, {}, output)
    assert [path.name for path in output.parent.iterdir()] == ["b.ipynb"]


def test_unknown_notebooks_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown notebook '1-adaption'.*Did you mean '1-adaptation'"):
        execute("1-adaption", {}, tmp_path / "b.ipynb")
    with pytest.raises(ResultsError, match=r"gone\.ipynb not found"):
        execute_file(tmp_path / "gone.ipynb", {}, tmp_path / "b.ipynb")


def test_without_papermill_the_answer_is_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "papermill", None)
    with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[notebooks\]"'):
        execute("1-adaptation", {}, tmp_path / "b.ipynb")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_declares_the_parameters_of_its_model_and_checks_them_next(name: str) -> None:
    code = [cell for cell in stored(name) if cell["cell_type"] == "code"]
    assert code[0]["metadata"]["tags"] == ["parameters"]
    defaults: dict[str, Any] = {}
    exec("".join(code[0]["source"]), defaults)  # noqa: S102 (our own notebook)
    check_parameters(defaults, NOTEBOOKS[name].parameters)
    assert defaults["trace"] == "synthetic"
    assert "check_parameters(globals()" in "".join(code[1]["source"])


def defects(text: str) -> list[str]:
    """Return what keeps a notebook from being stored as it is; metadata of editors and kernels do not."""
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    found = {
        "large": len(text) >= MEGABYTE,
        "not run from top to bottom": [c["execution_count"] for c in code] != list(range(1, len(code) + 1)),
        "failed": any(output["output_type"] == "error" for output in outputs),
        "holds warnings": any(output.get("name") == "stderr" for output in outputs),
        "names this machine": str(Path.home()) in text or str(REPOSITORY) in text,
    }
    return [name for name, is_so in found.items() if is_so]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_stored_notebook_is_small_executed_and_free_of_this_machine(name: str) -> None:
    assert defects(NOTEBOOKS[name].file.read_text()) == []


def as_saved_by_jupyterlab(text: str) -> str:
    """Return a notebook as JupyterLab saves it after running all cells, with execution times recorded."""
    notebook = json.loads(text)
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {
            "codemirror_mode": {"name": "ipython", "version": 3},
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
            "version": "3.12.1",
        },
        "toc-autonumbering": False,
    }
    for cell in notebook["cells"]:
        cell["metadata"] |= {"editable": True, "slideshow": {"slide_type": ""}}
        if cell["cell_type"] == "code":
            cell["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00.000000Z"}
    return json.dumps(notebook, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_running_and_saving_a_notebook_in_jupyterlab_is_no_defect(name: str) -> None:
    assert defects(as_saved_by_jupyterlab(NOTEBOOKS[name].file.read_text())) == []


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda code: code[3].update(execution_count=1), "not run from top to bottom"),
        (lambda code: code[3].update(execution_count=None), "not run from top to bottom"),
        (lambda code: code[1]["outputs"].append({"output_type": "error"}), "failed"),
        (
            lambda code: code[1]["outputs"].append({"output_type": "stream", "name": "stderr"}),
            "holds warnings",
        ),
        (lambda code: code[1].update(source=[str(Path.home())]), "names this machine"),
        (lambda code: code[1].update(source=["x" * MEGABYTE]), "large"),
    ],
)
def test_what_is_a_defect_is_found(damage: Callable[[list[dict[str, Any]]], None], found: str) -> None:
    notebook = json.loads(NOTEBOOKS["1-adaptation"].file.read_text())
    damage([cell for cell in notebook["cells"] if cell["cell_type"] == "code"])
    assert defects(json.dumps(notebook)) == [found]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_printed_table_is_checked_by_nbval(name: str) -> None:
    for cell in stored(name):
        compared = [o for o in cell.get("outputs", []) if "image/png" not in o.get("data", {})]
        if compared:
            # Times are shown and not compared: their cell has to say so.
            markers = ("# NBVAL_CHECK_OUTPUT\n", "# NBVAL_IGNORE_OUTPUT\n")
            assert cell["source"][0] in markers, cell["id"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_defaults_of_the_model_are_those_of_the_cell(name: str) -> None:
    cell = next(cell for cell in stored(name) if "parameters" in cell["metadata"].get("tags", ()))
    lines = ast.parse("".join(cell["source"])).body
    given = {
        ast.unparse(line.targets[0]): ast.literal_eval(line.value)
        for line in lines
        if isinstance(line, ast.Assign)
    }
    fields = NOTEBOOKS[name].parameters.model_fields
    shown = {key: value for key, value in given.items() if key != "results_dir"}
    assert shown == {key: field.default for key, field in fields.items() if key != "results_dir"}
    parameters: Any = check_parameters(given, NOTEBOOKS[name].parameters)
    assert parameters.changed() == {}
