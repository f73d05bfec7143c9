"""``ipa controller`` says on one line what it lacks."""

from importlib import util
from pathlib import Path

import pytest

from tests.support.command import Ipa


def test_without_a_cluster_it_says_where_it_looked(ipa: Ipa, tmp_path: Path) -> None:
    pytest.importorskip("kubernetes")
    pytest.importorskip("prometheus_client")
    found = ipa("controller", "--kubeconfig", str(tmp_path / "none"))
    assert found.code == 2
    assert "no cluster to connect to" in found.err
    assert "--kubeconfig" in found.err


def test_a_missing_library_comes_with_its_install_line(ipa: Ipa, monkeypatch: pytest.MonkeyPatch) -> None:
    there = util.find_spec
    monkeypatch.setattr(
        "ipa.cli.controller.find_spec",
        lambda name, *rest: None if name == "prometheus_client" else there(name, *rest),
    )
    found = ipa("controller")
    assert found.code == 2
    assert 'pip install -e ".[kubernetes]"' in found.err
