"""The verdicts that are part of the repository, and what the page of claims says of them."""

import re
from pathlib import Path

import pytest

from ipa.paper import published_table
from ipa.report.claims.stored import stored_claims

PAGE = (Path(__file__).parents[3] / "docs" / "claims.md").read_text(encoding="utf-8")
IDS = list(published_table("claims")["id"])


@pytest.mark.parametrize("load", ["synthetic", "real"])
def test_every_claim_is_stored_for_either_load_with_five_seeds_and_none_fails(load: str) -> None:
    stored = stored_claims()
    stored = stored[stored["trace"] == load]
    assert list(stored["claim"]) == IDS
    assert set(stored["seeds"]) == {"0 1 2 3 4"}
    assert set(stored["status"]) == {"PASS", "DIFFERS AS DOCUMENTED", "NOT COVERED"}


def test_the_page_names_the_claims_whose_verdict_depends_on_the_load() -> None:
    verdicts = stored_claims().pivot_table("verdict", "claim", "trace", aggfunc="first")
    other = set(verdicts.index[verdicts["real"] != verdicts["synthetic"]])
    named = re.search(r"change(?:s)?\s+with the load: ([^.]*)\.", PAGE)
    assert named
    assert set(re.findall(r"[CV]\d+", named[1])) == other


def test_the_page_lists_everything_that_does_not_come_out() -> None:
    listed = PAGE[PAGE.index("## What does not come out") : PAGE.index("## Known gaps")]
    differing = published_table("claims").query("differs != ''")["id"]
    assert [claim for claim in differing if not re.search(rf"^- .*\b{claim}\b", listed, re.MULTILINE)] == []
    contradicted = stored_claims().query("trace == 'real' and verdict == 'contradicted'")["claim"]
    assert set(contradicted) <= set(re.findall(r"[CV]\d+", listed))


def test_the_table_of_the_page_shows_the_stored_verdicts() -> None:
    verdicts: dict[str, str] = dict(
        stored_claims().query("trace == 'real'")[["claim", "verdict"]].itertuples(index=False)
    )
    rows = re.findall(r"^\| ([CV]\d+) .* \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) >= 14
    for claim, shown in rows:
        assert verdicts[claim].startswith(re.split("[,:( ]", shown)[0]), claim
