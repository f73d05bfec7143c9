"""The README's own examples run as printed."""

import re
from pathlib import Path

import pytest

from ipa.optimizer.methods import METHODS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_pipeline_of_the_readme_is_described_solved_and_run(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from ipa.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IPA_TRACE", raising=False)
    Path("my-pipeline.yaml").write_text(next(b for b in blocks("yaml") if "my-pipeline" in b))
    Path("my-profile.csv").write_text(blocks("csv")[0])
    commands = re.findall(r"^\$ ipa (.*my-pipeline\.yaml.*)$", README, flags=re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        result = CliRunner().invoke(app, command.split())
        assert result.exit_code == 0, f"{command}: {result.output}"


def test_the_python_examples_run(monkeypatch):
    monkeypatch.delenv("IPA_TRACE", raising=False)
    namespace: dict[str, object] = {}
    with METHODS.temporarily("first-variant"):
        for block in blocks("python"):
            exec(block, namespace)  # noqa: S102 (our own README)
        assert "first-variant" in METHODS


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:ipa|data|results)/[\w/.-]+\.(?:py|yaml|csv))`", README)))
)
def test_files_that_the_readme_names_exist(path):
    assert (Path(__file__).parent.parent / path).exists()


def test_every_command_in_the_readme_exists():
    from ipa.cli import app

    groups = {group.name for group in app.registered_groups}
    known = {command.name for command in app.registered_commands} | groups
    named = set(re.findall(r"`ipa (\w+)", README)) - {"COMMAND"}
    assert named <= known
