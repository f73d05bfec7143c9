"""Makefile, hooks, workflows and CONTRIBUTING name only what is there."""

import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def workflow(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(file)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_call_targets_of_the_makefile(file: Path) -> None:
    called = [step["run"].split() for step in steps(file) if "run" in step]
    assert called
    assert [words for words in called if words[0] != "make" or words[1] not in TARGETS] == []


def test_every_tier_and_both_pythons_are_run_by_a_workflow() -> None:
    called = {step["run"].split()[1] for file in WORKFLOWS for step in steps(file) if "run" in step}
    assert {
        "lint",
        "coverage",
        "test-live",
        "test-notebooks",
        "test-lowest",
        "test-bare",
        "docs",
        "reproduce",
    } <= called
    pythons = workflow(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"][
        "python"
    ]
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert pythons == supported


def test_the_hooks_call_what_make_lint_calls() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    entries = [shlex.split(hook["entry"]) for hook in hooks[0]["hooks"]]
    assert all(entry[0].startswith(".venv/bin/") for entry in entries)
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert lint
    linters = [line.split()[0].removeprefix("$(BIN)/") for line in lint[1].splitlines()]
    assert [Path(entry[0]).name for entry in entries] == linters


def test_phony_targets_exist_and_all_others_are_files() -> None:
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert set(phony[1].replace("\\\n", " ").split()) == TARGETS


def test_contributing_lists_the_tiers_that_there_are() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`make ([a-z-]+)", text))
    assert named <= TARGETS
    assert {target for target in TARGETS if target.startswith("test")} <= named
    markers = {marker.split(":")[0] for marker in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}
    assert set(re.findall(r"pytest -m (\w+)", text)) | {"slow"} <= markers


def test_the_supported_pythons_are_said_alike_everywhere() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.13"
    assert "((3, 11), (3, 12))" in MAKEFILE
    assert sys.version_info[:2] in {(3, 11), (3, 12)}


def test_the_changelog_has_this_version_and_an_unreleased_part() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert PROJECT["project"]["version"] in headings
