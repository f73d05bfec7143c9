"""The command of the containers says in one line what it lacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("POD_", "IPA_"))}
    return subprocess.run(
        [sys.executable, "-m", "ipa.serving.pod", *arguments],
        capture_output=True,
        text=True,
        env=inherited | environment,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("content", "environment", "problem"),
    [
        (None, {"POD_NAME": "r"}, "settings.json cannot be read: No such file or directory"),
        ("[]", {"POD_NAME": "r"}, "no ReplicaSettings: the file: "),
        ('{"name": "", "model": "m", "variant": "v"}', {}, "the environment variable POD_NAME is not set"),
    ],
)
def test_a_replica_that_cannot_serve_ends_with_the_reason(
    tmp_path: Path, content: str | None, environment: dict[str, str], problem: str
) -> None:
    file = tmp_path / "settings.json"
    if content is not None:
        file.write_text(content)
    ended = run("replica", "--settings", str(file), **environment)
    assert ended.returncode == 2
    assert problem in ended.stderr
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
