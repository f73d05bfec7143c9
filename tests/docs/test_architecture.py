"""The imports keep to the floor plan of pyproject.toml."""

import logging
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]
CONTRACTS = ("floors", "cycles", "optimizer", "adapter", "experiments", "figures", "drawing", "notebooks")


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Keep the loggers: import-linter switches off all that exist, also for the tests that follow."""
    found = [
        logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)
    ]
    disabled = [logger.disabled for logger in found]
    yield
    for logger, before in zip(found, disabled, strict=True):
        logger.disabled = before


def test_every_contract_of_the_project_is_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert {contract["id"] for contract in project["tool"]["importlinter"]["contracts"]} == set(CONTRACTS)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_imports_keep_a_contract(contract: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(str(ROOT / "pyproject.toml"), limit_to_contracts=(contract,), no_cache=True)
    shown = capsys.readouterr().out
    assert code == EXIT_STATUS_SUCCESS, shown
    assert "Contracts: 1 kept, 0 broken." in shown


def test_nobody_imports_the_front_door() -> None:
    assert grimp.build_graph("ipa", cache_dir=None).find_modules_that_directly_import("ipa") == set()
