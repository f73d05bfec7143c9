"""What ``ipa load`` refuses before it sends anything; real loads are in tests/serving/load_generator."""

import pytest

from tests.support.command import Ipa

NOWHERE = ("127.0.0.1:9", "--model", "m")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("localhost", "-m", "m", "--rate", 1), "'localhost' is no address; give HOST:PORT of a gRPC door"),
        (("127.0.0.1:99999", "-m", "m", "--rate", 1), "'127.0.0.1:99999' is no address"),
        (NOWHERE, "give a load: --rate 20 --duration 30, or --workload"),
        ((*NOWHERE, "--rate", 1, "--workload", "bursty"), "give either --rate or --workload"),
        ((*NOWHERE, "--workload", "bursti"), "unknown workload 'bursti'"),
        ((*NOWHERE, "--rate", -1), "--rate must lie between"),
        ((*NOWHERE, "--rate", 0), "this load has no request"),
        ((*NOWHERE, "--rate", 1e8, "-d", 60), "the requests of all seconds must be a whole number between"),
        ((*NOWHERE, "--rate", 1, "--duration", -3), "--duration must be a whole number"),
        ((*NOWHERE, "--rate", 1, "--duration", 0), "--duration must be a whole number"),
        ((*NOWHERE, "--rate", 1, "--results", "/proc/ipa"), "results cannot be written to /proc/ipa"),
        ((*NOWHERE, "--rate", 1, "--arrivals", "none"), "unknown arrival process 'none'"),
        ((*NOWHERE, "--rate", 1, "--payload", "imgae"), "Did you mean 'image'?"),
        ((*NOWHERE, "--rate", 1, "--payload-setting", "width"), "--payload-setting takes NAME=VALUE"),
        ((*NOWHERE, "--rate", 1, "--timeout", 0), "timeout_s is 0.0; it must be positive"),
    ],
)
def test_what_cannot_be_sent_is_told_in_one_line(ipa: Ipa, arguments: tuple[object, ...], said: str) -> None:
    outcome = ipa("load", *arguments)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err


def test_the_options_are_shown(ipa: Ipa) -> None:
    outcome = ipa("load", "--help")
    assert outcome.code == 0
    assert "--payload-setting" in outcome.out
