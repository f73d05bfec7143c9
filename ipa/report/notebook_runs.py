"""Runs the notebooks, and stores their outputs anew: ``python -m ipa.report.notebook_runs [NAME ...]``."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ipa.errors import IpaError, MissingExtraError, ResultsError
from ipa.report.notebooks import NOTEBOOKS


def execute(name: str, parameters: Mapping[str, object], output_path: Path) -> None:
    """Run a notebook from top to bottom.

    Parameters
    ----------
    name
        One of ``NOTEBOOKS``.
    parameters
        Values that replace the notebook's defaults. A relative ``results_dir`` counts from the repository.
    output_path
        Where the executed notebook goes; written only once every cell has run. A notebook that failed is
        kept beside it as ``<name>.failed.ipynb``.

    Raises
    ------
    IpaError
        If a cell fails: names the cell, its error and the file to look at.
    MissingExtraError
        If papermill or the kernel is not installed.
    """
    execute_file(NOTEBOOKS[name].file, parameters, output_path)


def execute_file(source: Path, parameters: Mapping[str, object], output_path: Path) -> None:
    """Run any notebook file; the rest is as for ``execute``."""
    papermill = _papermill()
    if not source.is_file():
        raise ResultsError(f"notebook {source} not found; run from a clone of the repository")
    output_path = output_path.resolve()
    output_path.parent.mkdir(parents=True, exist_ok=True)
    draft = output_path.with_name(f".{output_path.stem}.running.ipynb")
    failed = output_path.with_name(f"{output_path.stem}.failed.ipynb")
    try:
        papermill.execute_notebook(
            # papermill fills braces in the name of its output with parameters.
            source,
            str(draft).replace("{", "{{").replace("}", "}}"),
            parameters={key: str(v) if isinstance(v, os.PathLike) else v for key, v in parameters.items()},
            kernel_name="python3",
            progress_bar=False,
            cwd=source.parent,
            # The polite way interrupts the kernel first, which then complains on standard error.
            shutdown_kernel="immediate",
            **_kernel_settings(),
        )
        draft.replace(output_path)
        failed.unlink(missing_ok=True)
    except papermill.PapermillExecutionError as error:
        draft.replace(failed)
        raise IpaError(
            f"notebook {source.name}, cell [{error.exec_count}] failed: {error.ename}: {error.evalue}"
            f" (executed up to there: {failed})"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _papermill() -> Any:
    try:
        import ipykernel  # noqa: F401 (the kernel that papermill starts)
        import papermill
    except ImportError as error:
        raise MissingExtraError(f"{error.name}, which runs the notebooks,", "notebooks") from error
    return papermill


def _kernel_settings() -> dict[str, Any]:
    """Return settings that start this interpreter as the kernel, whatever kernels are registered here."""
    import zmq
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from traitlets.config import Config

    class OwnKernelManager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    # Without encryption the kernel warns, on every start, that others on this machine could listen.
    encryption = "auto" if zmq.has("curve") else "disabled"
    return {
        "kernel_manager_class": OwnKernelManager,
        "config": Config({"KernelManager": {"transport_encryption": encryption}}),
    }


def renew(name: str) -> None:
    """Run a notebook with its defaults and store the outputs in the notebook itself.

    Whatever depends on the machine or the moment (times, versions) is left out, so that a renewal that
    changes nothing leaves the file as it was.
    """
    file = NOTEBOOKS[name].file
    executed = file.with_name(f".{file.stem}.renewed.ipynb")
    try:
        execute(name, {}, executed)
        content = json.loads(executed.read_text(encoding="utf-8"))
        text = json.dumps(_without_machine(content), indent=1, ensure_ascii=False, sort_keys=True)
        executed.write_text(f"{text}\n", encoding="utf-8")
        executed.replace(file)
    finally:
        executed.unlink(missing_ok=True)


def _without_machine(notebook: dict[str, Any]) -> dict[str, Any]:
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags")
        cell["metadata"] = {"tags": tags} if tags else {}
    return notebook


if __name__ == "__main__":
    for _name in sys.argv[1:] or NOTEBOOKS:
        renew(_name)
