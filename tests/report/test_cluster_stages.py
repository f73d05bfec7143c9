"""What ``ipa reproduce --platform kubernetes`` does, and what it says where it cannot."""

import ast
import json
from pathlib import Path

import pytest

from ipa.errors import ClusterError
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.report.cluster_stages import QUICK, WHOLE, Extent, check_cluster, cluster_targets
from ipa.report.notebooks import NOTEBOOKS, check_parameters
from tests.support.cluster import Cluster
from tests.support.command import Ipa

CLUSTER = {"namespace": "demo", "image": "ipa:1"}


@pytest.mark.parametrize("extent", [QUICK, WHOLE])
def test_every_stage_gives_its_notebook_what_that_takes(extent: Extent, tmp_path: Path) -> None:
    targets = cluster_targets(extent, CLUSTER, tmp_path)
    for target in targets:
        notebook = NOTEBOOKS[target.notebook]
        cells = json.loads(notebook.file.read_text())["cells"]
        (source,) = ("".join(c["source"]) for c in cells if c["metadata"].get("tags") == ["parameters"])
        assigned = (node for node in ast.parse(source).body if isinstance(node, ast.Assign))
        defaults = {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in assigned}
        pipeline = {"pipeline": "video"} if "pipeline" in target.parameters else {}
        given = check_parameters(defaults | target.parameters | pipeline, notebook.parameters)
        assert given.model_dump()["cluster"] == CLUSTER
    assert len({target.name for target in targets}) == len(targets)


def test_what_is_adapted_is_what_was_profiled_before(tmp_path: Path) -> None:
    profiling, adaptation, *_ = cluster_targets(WHOLE, CLUSTER, tmp_path)
    assert profiling.parameters["profiles"] == ["video-emulated"]
    folder = tmp_path / "profiles" / "video-emulated-kubernetes"
    assert adaptation.parameters["pipeline"] == str(folder / "video.yaml")


def test_without_a_cluster_it_ends_with_one_line_before_anything_else(ipa: Ipa, tmp_path: Path) -> None:
    done = ipa("reproduce", "--platform", "kubernetes", "--kubeconfig", "no.yaml", "--results", tmp_path)
    assert done.code == 2
    assert "no cluster to connect to: no.yaml" in " ".join(done.err.split())
    assert not list(tmp_path.iterdir())


def test_settings_of_a_cluster_need_the_platform(ipa: Ipa, tmp_path: Path) -> None:
    done = ipa("reproduce", "--namespace", "demo", "--results", tmp_path)
    assert done.code == 2
    assert "--namespace: only for --platform kubernetes" in " ".join(done.err.split())


@pytest.mark.cluster
def test_a_namespace_that_is_not_there_is_told(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="no namespace nobody-has; make it first: kubectl"):
        check_cluster(KubernetesSettings(namespace="nobody-has", kubeconfig=cluster.kubeconfig))


@pytest.mark.cluster
@pytest.mark.slow
def test_quickly_it_profiles_and_adapts_in_the_cluster_and_does_nothing_twice(
    cluster: Cluster, namespace: str, ipa: Ipa, tmp_path: Path
) -> None:
    if cluster.code is not None:
        pytest.skip(
            "notebooks run in processes of their own, which take the code of the image: unset IPA_TEST_CODE"
        )
    asked = ("reproduce", "--platform", "kubernetes", "--quick", "-n", namespace, "--image", cluster.image)
    done = ipa(*asked, "--kubeconfig", cluster.kubeconfig, "--results", tmp_path)
    assert done.code == 0, done.err
    made = {file.stem for file in (tmp_path / "notebooks").glob("*.ipynb")}
    assert made == {"profiling-kubernetes", "adaptation-kubernetes"}
    profile = tmp_path / "profiles" / "video-emulated-kubernetes" / "video.json"
    (session,) = json.loads(profile.read_text())["sessions"]
    assert session["points"] == 8
    changed = {file: file.stat().st_mtime_ns for file in (tmp_path / "notebooks").iterdir()}
    assert ipa(*asked, "--kubeconfig", cluster.kubeconfig, "--results", tmp_path).code == 0
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "notebooks").iterdir()} == changed
