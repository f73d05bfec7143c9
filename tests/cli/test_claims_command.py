"""``ipa claims``: a line per claim at the end, and the exit status."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer

from ipa.cli.outcome import exit_unless_succeeded
from ipa.paper import published_table
from ipa.report.claims import CHECKS, stored, table
from ipa.report.claims.check import Finding, Support
from tests.support.command import Ipa

IDS = list(published_table("claims")["id"])
LINE = re.compile(
    r"^(PASS|FAIL|DIFFERS AS DOCUMENTED|UNDECIDED|NOT RUN|NOT COVERED)  (\w+)  ([^|]+) \| ([a-z ]+)"
    r" \| expected: (.+) \| found: (.+)$"
)


def lines(out: str) -> dict[str, re.Match[str]]:
    found = [match for line in out.splitlines() if (match := LINE.match(line))]
    return {match[2]: match for match in found}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave the checks of two published tables, and nothing stored."""
    monkeypatch.setattr(stored, "stored_results_dir", lambda: tmp_path)
    monkeypatch.setattr(table, "CHECKS", {claim: CHECKS[claim] for claim in ("C21", "C24")})


@pytest.mark.usefixtures("quick")
def test_it_ends_with_a_line_per_claim_and_succeeds_if_nothing_fails(ipa: Ipa, tmp_path: Path) -> None:
    done = ipa("claims", "--results", tmp_path)
    assert done.code == 0
    found = lines(done.out)
    assert list(found) == IDS
    assert found["C21"][1] == "PASS"
    assert found["C21"][3] == published_table("claims").set_index("id").loc["C21", "claim"]
    assert (found["C21"][4], found["C24"][4]) == ("supported", "contradicted")
    assert found["C21"][5] == "slowest ms 75.16 ± 0.01; least rps 20.02 ± 0.01"
    assert found["C21"][6] == "slowest ms 75.16; least rps 20.02"
    assert done.out.splitlines()[-1].startswith("37 claims: 2 PASS, 0 DIFFERS AS DOCUMENTED, 0 FAIL")


@pytest.mark.usefixtures("quick")
def test_a_claim_that_fails_exits_with_one(ipa: Ipa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        table.__dict__["CHECKS"], "C24", lambda _: Finding(Support.SUPPORTED, "", {"same_variants": 5})
    )
    done = ipa("claims", "--results", tmp_path)
    assert done.code == 1
    assert lines(done.out)["C24"][0].startswith("FAIL  C24")
    assert ipa("claims", "--results", tmp_path, "--json").code == 1


@pytest.mark.usefixtures("quick")
def test_verdicts_are_stored_on_request_and_shown_afterwards(ipa: Ipa, tmp_path: Path) -> None:
    assert not stored.stored_claims_file().exists()
    assert ipa("claims", "--results", tmp_path, "--store").code == 0
    rows = json.loads(ipa("claims", "--results", tmp_path, "--json").out)
    shown = {row["claim"]: (row["on_synthetic"], row["on_real"]) for row in rows}
    assert shown["C24"] == ("contradicted · PASS", "")


def test_nothing_is_stored_where_runs_are_missing(
    ipa: Ipa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "stored_results_dir", lambda: tmp_path)
    monkeypatch.setattr(table, "CHECKS", {"C2": CHECKS["C2"]})
    done = ipa("claims", "--results", tmp_path, "--store")
    assert done.code == 2
    assert "nothing is stored, as C2 were not run; add --run" in " ".join(done.err.split())
    assert not stored.stored_claims_file().exists()


@pytest.mark.parametrize(
    ("statuses", "code"), [(["PASS", "NOT COVERED"], None), (["PASS", "FAIL"], 1), (["NOT RUN"], 1)]
)
def test_what_failed_or_was_not_run_exits_with_one(statuses: Any, code: int) -> None:
    frame = pd.DataFrame({"status": statuses})
    if code is None:
        exit_unless_succeeded(frame)
        return
    with pytest.raises(typer.Exit) as left:
        exit_unless_succeeded(frame)
    assert left.value.exit_code == code
