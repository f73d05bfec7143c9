"""What the commands for live pipelines say to what cannot be done; nothing is started."""

from pathlib import Path

import pytest

from tests.support.command import Ipa


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no live pipeline of this user be found."""
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["up"], "name a pipeline: ipa up PIPELINE, for example ipa up video"),
        (["up", "vidoe"], "vidoe"),
        (["up", "video", "--forecaster", "oracle"], "forecaster oracle knows the load to come"),
        (["up", "video", "--plan", "missing.json"], "missing.json: No such file or directory; it takes what"),
        (["up", "video", "--rate", "0"], "--rate must lie between 1e-06 and 1e+09 requests/s, not 0.0"),
        (["run", "--platform", "local", "--payload-setting", "items"], "--payload-setting takes NAME=VALUE"),
        (["run", "--platform", "local", "--payload", "imgae"], "Did you mean 'image'?"),
        (["run", "--payload-setting", "items=3"], "unknown setting of the platform simulated 'payload_sett"),
        (["up", "video", "--name", ""], "--name is empty; leave it out for the name of the pipeline"),
        (
            ["bench", "reconfigure", "--rate", "0"],
            "--rate must lie between 1e-06 and 1e+09 requests/s, not 0",
        ),
        (["bench", "load", "--rate", "0"], "--rate must lie between 1e-06 and 1e+09 requests/s, not 0"),
        (["up", "--stop", "video"], "no live pipeline runs; start one with ipa up PIPELINE"),
        (["adapt"], "no live pipeline runs; start one with ipa up PIPELINE"),
        (["run", "--source", "random"], "unknown setting of the platform simulated 'source'"),
        (["run", "--platform", "local", "--network-delay", "1"], "unknown setting of the platform local"),
    ],
)
def test_what_cannot_be_done_is_one_line(ipa: Ipa, arguments: list[str], message: str) -> None:
    done = ipa(*arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1


def test_nothing_is_listed_where_nothing_runs(ipa: Ipa) -> None:
    assert ipa("up", "--list").out == "no live pipeline runs\n"


def test_a_plan_file_is_checked(ipa: Ipa, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"stages": [{"stage": "a"}]}')
    done = ipa("up", "video", "--plan", "plan.json")
    assert (done.code, done.err) == (
        2,
        "error: plan.json: stages.0.variant: Field required; it takes what ipa solve --json prints\n",
    )
