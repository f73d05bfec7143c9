"""A stock MLServer with a plain model of its own, as somebody who has never heard of IPA would start it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ipa.cluster.resource import read_object
from ipa.pipeline.external_server import ExternalServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "kubernetes" / "servers" / "mlserver.yaml"


def example_object() -> dict[str, Any]:
    """Return the object whose second stage has a variant that such a server serves."""
    found: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    return found


def stock_server(*, http: bool = True) -> ExternalServer:
    """Return the server of the example.

    Parameters
    ----------
    http
        Whether its command says where its REST door is to be; it opens one anyhow.
    """
    server = read_object(example_object()).pipeline.stage("second").variant("stock-mlserver").server
    assert server is not None
    if http:
        return server
    words = tuple(re.sub(r"export MLSERVER_HTTP_PORT=.*\n", "", word) for word in server.command)
    return replace(server, command=words)
