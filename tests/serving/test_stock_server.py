"""What MLServer is told does not depend on where and in which environment it is started."""

import socket
from pathlib import Path

import pytest

from ipa.serving.doors import LOCAL_DOORS
from ipa.serving.runtimes.emulated import EmulatedRuntime
from ipa.serving.stock_server import StartUp, _reserved_port, _Stock


def test_neither_the_environment_nor_an_env_file_changes_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("MLSERVER_ROOT_PATH=/elsewhere\n")
    monkeypatch.setenv("MLSERVER_KAFKA_ENABLED", "true")
    monkeypatch.setenv("MLSERVER_PARALLEL_WORKERS", "3")
    monkeypatch.setenv("MLSERVER_MODEL_MAX_BATCH_SIZE", "16")
    monkeypatch.setenv("MLSERVER_MODEL_IMPLEMENTATION", "os.system")
    with _reserved_port(LOCAL_DOORS) as reserved:
        stock = _Stock(EmulatedRuntime, "stage", "replica-1", {}, tmp_path, LOCAL_DOORS, reserved)
        server, model = stock.settings(), stock.model_settings(StartUp())
    assert (server.host, server.parallel_workers, server.debug) == ("127.0.0.1", 0, False)
    assert (server.kafka_enabled, server.root_path) == (False, "")
    assert model.implementation is EmulatedRuntime
    assert model.max_batch_size == 0


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    with _reserved_port(LOCAL_DOORS) as reserved, socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(reserved.getsockname())
        with _reserved_port(LOCAL_DOORS) as third:
            assert third.getsockname() != reserved.getsockname()
