"""``ipa profile``: what it asks for, shows and refuses; replicas are toys here."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipa.cli.parse import seconds, share
from ipa.errors import InvalidValueError, IpaError
from ipa.pipeline.load import load_pipeline
from ipa.profiler import hosts
from ipa.profiler.hosts import HOSTS
from ipa.profiler.target import Target
from tests.support.command import Ipa
from tests.support.toy_replicas import ToyHost, opened, write_toy_pipeline

BRIEF = ("--source", "random", "--batches", "1,2", "--budget", "0.02s", "--precision", "50%")


@pytest.fixture
def host() -> Iterator[ToyHost]:
    """Replicas without processes, in place of those of this machine."""
    toy = ToyHost()
    with HOSTS.temporarily("local", lambda _wanted, _folder: opened(toy)):
        yield toy


@pytest.mark.usefixtures("host")
def test_points_and_what_follows_are_shown_and_the_pipeline_file_is_named(ipa: Ipa, tmp_path: Path) -> None:
    shown = ipa("profile", write_toy_pipeline(tmp_path), *BRIEF, "--out", tmp_path / "out")
    assert shown.code == 0
    assert "6 points measured, 0 kept" in shown.out
    assert shown.out.rstrip().endswith("toy.yaml")
    assert "p99 = αb² + βb + γ (ms)" in shown.out
    assert load_pipeline(tmp_path / "out" / "toy.yaml").name == "toy"


@pytest.mark.usefixtures("host")
def test_json_holds_the_columns_of_the_profile_and_a_second_call_keeps_all(ipa: Ipa, tmp_path: Path) -> None:
    asked = ("profile", write_toy_pipeline(tmp_path), *BRIEF, "--out", tmp_path / "out", "--json")
    first, second = (json.loads(ipa(*asked).out) for _ in range(2))
    assert (first["measured"], second["measured"], second["kept"]) == (6, 0, 6)
    assert first["stages"]["find"]["base_cores"] == {"light": 1, "heavy": 1}
    assert {"latency_p99_s", "p99_low_s", "throughput_rps", "notes"} <= set(second["points"][0])
    assert first["points"][0]["memory_uss_mb"] is None


def test_a_replica_that_fails_is_told_and_ends_with_1(ipa: Ipa, host: ToyHost, tmp_path: Path) -> None:
    def fail(target: Target, _batch: int, _number: int) -> None:
        if target.variant.name == "only":
            raise IpaError("out of memory")

    host.before_answer = fail
    shown = ipa("profile", write_toy_pipeline(tmp_path), *BRIEF, "--out", tmp_path / "out")
    assert shown.code == 1
    assert "failed: read/only on 1 cores: out of memory" in shown.err
    assert "no pipeline file yet: stage read: has not been measured" in shown.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--budget", "10x"), "expected a time such as 90s, 10m or 1h, got '10x'"),
        (("--precision", "150%"), "the precision must lie between 0 and 1 (100 %), not 1.5"),
        (("--batches", "2,4"), "the batch sizes must hold 1"),
        (("--stage", "finds"), "unknown stage 'finds'; allowed: find, read. Did you mean 'find'?"),
        (("--platform", "moon"), "unknown platform 'moon'; allowed: local, kubernetes."),
        (("--namespace", "demo", "--shards", "2"), "No such option: --shards"),
        (("--namespace", "demo"), "--namespace: only for --platform kubernetes, not for local"),
        (("--platform", "kubernetes", "--namespace", "De_mo"), "namespace is 'De_mo'; it takes lower-case"),
        (
            ("--platform", "kubernetes", "--kubeconfig", "missing.yaml"),
            "no cluster to connect to: missing.yaml:",
        ),
        (("--payload", "imge"), "unknown payload 'imge'; allowed:"),
    ],
)
@pytest.mark.usefixtures("host")
def test_what_cannot_be_is_one_line_and_ends_with_2(
    ipa: Ipa, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    shown = ipa("profile", write_toy_pipeline(tmp_path), "--source", "random", *options)
    assert shown.code == 2
    assert message in " ".join(shown.err.split())


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (" 10 m ", 600)]
)
def test_a_time_has_a_unit_or_is_in_seconds(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), ("0.05", 0.05), ("12.5 %", 0.125)])
def test_a_share_is_in_percent_or_a_fraction(text: str, value: float) -> None:
    assert share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "m", "-5s", "1e9", "nan", "10 days", "5%%", "1_000"])
def test_what_is_no_time_and_no_share_is_refused(text: str) -> None:
    for read in (seconds, share):
        with pytest.raises(InvalidValueError, match="expected a"):
            read(text)


def test_without_mlserver_the_answer_is_the_install_line(
    ipa: Ipa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "find_spec", lambda _name: None)
    shown = ipa("profile", write_toy_pipeline(tmp_path), "--source", "random", "--out", tmp_path / "out")
    assert shown.code == 2
    told = " ".join(shown.err.split())
    assert "MLServer, which serves the replicas that are measured, is not installed" in told
    assert 'pip install -e ".[serving]"' in told
