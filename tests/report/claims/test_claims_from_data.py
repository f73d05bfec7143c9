"""Claims about measurements and parameters, on the published tables and on altered ones."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from ipa.report.claims import CHECKS, Evidence, Support
from ipa.report.claims.judge import Status
from tests.support.claims_evidence import HandMade, status


def altered(name: str, **columns: object) -> Any:
    """Return a published table with whole columns replaced."""
    return HandMade(**{name: Evidence.table(name).assign(**columns)})


@pytest.mark.parametrize(
    ("claim", "support"),
    [
        ("C21", Support.SUPPORTED),
        ("C22", Support.SUPPORTED),
        ("C23", Support.CONTRADICTED),
        ("C24", Support.CONTRADICTED),
        ("C25", Support.PARTLY),
        ("C26", Support.CONTRADICTED),
        ("C29", Support.CONTRADICTED),
        ("C32", Support.CONTRADICTED),
    ],
)
def test_the_published_tables_give_the_published_verdict(claim: str, support: Support) -> None:
    assert CHECKS[claim](HandMade()).support is support
    assert status(claim, HandMade()) is Status.PASSED


def test_equal_configurations_need_latency_and_throughput() -> None:
    assert CHECKS["C21"](altered("table2", measured_latency_p99_ms="90")).support is Support.CONTRADICTED
    assert CHECKS["C21"](altered("table2", measured_throughput_rps="15")).support is Support.CONTRADICTED


def test_the_first_row_of_table_4_would_support_the_claim_if_it_were_used() -> None:
    table = Evidence.table("table4")
    used = {"yolov5n": "1", "yolov5s": "1", "yolov5m": "2", "yolov5l": "4", "yolov5x": "8"}
    same = HandMade(table4=table.assign(cores=table["variant"].map(used)))
    assert CHECKS["C24"](same).support is Support.SUPPORTED
    assert status("C24", same) is Status.FAILED


def test_one_setting_for_all_would_support_the_claim() -> None:
    same = dict.fromkeys(("alpha", "beta", "threshold_rps"), "1") | {
        "throughput_margin_pct": "0",
        "predictor_margin_pct": "0",
    }
    assert CHECKS["C32"](altered("runs", **same)).support is Support.SUPPORTED
    assert status("C32", altered("runs", **same)) is Status.FAILED
    one_differs = Evidence.table("runs").assign(**same)
    one_differs.loc[one_differs.index[0], "alpha"] = "2"
    finding = CHECKS["C32"](HandMade(runs=one_differs))
    assert finding.support is Support.CONTRADICTED
    assert finding.reproduced.startswith("1 of 10 figures")


def test_drop_limits_of_twice_the_sla_would_support_the_claim() -> None:
    slas = Evidence.table("slas")
    twice = slas.assign(drop_limit_s=2 * slas["sla_table6_s"].astype(float))
    assert CHECKS["C29"](HandMade(slas=twice)).support is Support.SUPPORTED
    assert status("C29", HandMade(slas=twice)) is Status.FAILED


def test_the_allocations_of_the_video_pipeline_alone_would_support_equation_1() -> None:
    table = Evidence.table("allocations")
    video = HandMade(allocations=table[table["pipeline"] == "video"])
    assert CHECKS["C25"](video).support is Support.SUPPORTED
    wrong = HandMade(allocations=table[table["pipeline"] == "video"].assign(cores="64"))
    assert CHECKS["C25"](wrong).support is Support.CONTRADICTED


def profiles_with(latency_s: Callable[[int], float]) -> HandMade:
    """Return five measured batch sizes of one variant with a given latency each."""
    rows = [
        {"kind": "measured", "stage": "s", "variant": "v", "cores": "1", "series": "1"}
        | {"offered_load_rps": "20", "batch": str(batch), "latency_p99_s": str(latency_s(batch))}
        for batch in (1, 2, 8, 32, 64)
    ]
    return HandMade(profiles=pd.DataFrame(rows))


def test_quadratic_latencies_meet_the_goal_of_the_fit() -> None:
    assert status("C28", profiles_with(lambda b: 0.001 * b**2 + 0.02 * b + 0.1)) is Status.PASSED


def test_latencies_of_another_shape_fail_the_fit() -> None:
    assert status("C28", profiles_with(lambda b: 0.9 if b in (2, 32) else 0.1)) is Status.FAILED


def test_the_published_profiles_miss_the_goal_of_the_fit_as_documented() -> None:
    finding = CHECKS["C28"](HandMade())
    assert finding.support is Support.OWN
    assert "(median of 16)" in finding.reproduced
    assert status("C28", HandMade()) is Status.DIFFERS


@pytest.mark.parametrize(
    ("claim", "tables"),
    [
        ("C21", {"table2": Evidence.table("table2").assign(measured_latency_p99_ms="90")}),
        (
            "C26",
            {"slas": Evidence.table("slas").assign(sla_table6_s=["1.862", "3.585", "3.128", "1.74", "3.67"])},
        ),
        ("C25", {"allocations": Evidence.table("allocations").query("pipeline == 'video'")}),
    ],
)
def test_tables_that_show_something_else_fail(claim: str, tables: dict[str, pd.DataFrame]) -> None:
    assert status(claim, HandMade(**tables)) is Status.FAILED


def test_an_sla_that_a_plan_breaks_would_rule_it_out() -> None:
    claims = Evidence.table("claims").replace({"claimed": {"latency_ms=500": "latency_ms=300"}})
    assert CHECKS["C23"](HandMade(claims=claims)).support is Support.SUPPORTED
    assert status("C23", HandMade(claims=claims)) is Status.FAILED


def test_an_sla_that_a_plan_breaks_makes_it_infeasible() -> None:
    stated = Evidence.table("claims").set_index("id").loc["C22", "claimed"]
    claims = Evidence.table("claims").replace({"claimed": {stated: stated.replace("sla_s=0.6", "sla_s=0.3")}})
    assert CHECKS["C22"](HandMade(claims=claims)).support is Support.CONTRADICTED
    assert status("C22", HandMade(claims=claims)) is Status.FAILED
