"""The pipelines of the paper, from their files: applied, served by the installed controller, deleted."""

import re
import socket
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from infrastructure.testcluster.processes import wait_for
from ipa.cluster.kinds import CONFIG_MAP, DEPLOYMENT, PIPELINE, POD, SERVICE
from ipa.cluster.names import gateway_name, selector
from ipa.cluster.resource import read_status
from ipa.paper import PAPER_PIPELINES
from ipa.platforms.kubernetes.containers import GRPC_PORT
from ipa.serving.load_generator import LoadSettings, generate_load
from tests.cluster.installation.conftest import Installed

pytestmark = pytest.mark.cluster

FILES = Path(__file__).parents[3] / "examples" / "kubernetes"

PATIENCE_S = 120.0


@pytest.mark.parametrize("name", PAPER_PIPELINES)
def test_a_pipeline_of_the_paper_serves_from_its_file_and_leaves_nothing(
    installed: Installed, name: str
) -> None:
    client, namespace = installed.client, installed.namespace
    client.apply(yaml.safe_load((FILES / f"{name}.yaml").read_text(encoding="utf-8")), namespace)
    try:
        wait_for("the pipeline to be ready", lambda: is_ready(installed, name), PATIENCE_S)
        columns = printed(installed, name)
        assert (int(columns["CORES"]) >= 2, columns["READY"]) == (True, "True")
        assert 0 < float(columns["PAS"]) < 100
        assert answered(installed, name) == 5
    finally:
        client.delete(PIPELINE, name, namespace)
    kinds = (DEPLOYMENT, SERVICE, CONFIG_MAP, POD)
    wait_for(
        "nothing to be left",
        lambda: not any(client.list(kind, namespace, selector=selector(name)).items for kind in kinds),
        PATIENCE_S,
    )


def is_ready(installed: Installed, name: str) -> bool:
    """Whether a pipeline serves, and its controller has said what that is worth."""
    found = installed.client.get(PIPELINE, name, installed.namespace)
    assert found is not None
    status = read_status(found)
    ready = any((one.type, one.status) == ("Ready", "True") for one in status.conditions)
    return ready and status.pas is not None


def printed(installed: Installed, name: str) -> dict[str, str]:
    """Return what kubectl prints, by the names of the columns; some may be empty."""
    header, row = installed.kubectl("get", "inferencepipelines", name).splitlines()
    begins = [match.start() for match in re.finditer(r"\S+", header)]
    cells = [slice(*ends) for ends in pairwise([*begins, None])]
    return {header[cell].strip(): row[cell].strip() for cell in cells}


def answered(installed: Installed, name: str) -> int:
    """Return how many of five requests, one after the other, are answered."""
    service = installed.client.get(SERVICE, gateway_name(name), installed.namespace)
    assert service is not None
    address = service["spec"]["clusterIP"]
    try:
        socket.create_connection((address, GRPC_PORT), 5).close()
    except OSError:
        pytest.skip("Services of the cluster cannot be reached from here")
    report = generate_load(LoadSettings(f"{address}:{GRPC_PORT}", name, np.arange(5.0) / 2))
    return report.ok
