"""What the gateway costs is measured with real processes."""

import pytest

from ipa.bench.serving import bench_serving


@pytest.mark.live
def test_a_short_measurement_has_a_latency_per_stage_and_a_throughput() -> None:
    shown: list[str] = []
    rows = bench_serving(requests=200, repeats=1, progress=shown.append).set_index("what")
    assert list(rows.index) == [
        "one model server, called directly",
        "two stages, one by one",
        "two stages, one by one, two replicas each",
        "two stages, in batches of 8",
    ]
    assert set(rows.index) <= set(shown)
    one_by_one = rows.loc["two stages, one by one"]
    assert one_by_one["stage_p50_ms"] == pytest.approx(one_by_one["p50_ms"] / 2)
    assert 0 < one_by_one["p50_ms"] <= one_by_one["p99_ms"] < 5000
    assert (rows["peak_rps"] > 1).all()
    assert (rows["cpu_ms"] > 0).all()
    # One call per eight requests and stage; a batch that the model refused would be tried one by one.
    assert rows.loc["two stages, in batches of 8", "cpu_ms"] < 0.7 * one_by_one["cpu_ms"]
