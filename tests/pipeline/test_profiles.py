"""The quadratic fit, base allocation and the SLA rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.paper import published_table
from ipa.pipeline.load import load_pipeline, pipeline_names, pipelines_dir
from ipa.pipeline.profile_table import ProfileSource, read_profile_table
from ipa.pipeline.profiles import Profile, ProfilePoint, base_allocation, quadratic_fit, stage_sla_s

coefficient = st.floats(0, 1)
batches = st.lists(st.integers(1, 64), min_size=3, max_size=7, unique=True).map(sorted)


def profile(measured: dict[int, float], cores: int = 1, throughput_rps: float | None = None) -> Profile:
    """Return a profile with a p99 latency per batch size; the mean is 80 % of it."""
    return Profile(
        cores,
        tuple(
            ProfilePoint(batch, p99_s, 0.8 * p99_s, throughput_rps or batch / (0.8 * p99_s))
            for batch, p99_s in measured.items()
        ),
    )


@given(coefficient, coefficient, st.floats(0.01, 1), batches)
def test_an_exact_quadratic_is_recovered(a: float, b: float, c: float, at: list[int]) -> None:
    assert quadratic_fit(at, [a * n**2 + b * n + c for n in at]) == pytest.approx([a, b, c], abs=1e-6)


@given(coefficient, coefficient, st.floats(0.01, 1), batches)
def test_unmeasured_batch_sizes_of_an_exact_quadratic_are_exact(
    a: float, b: float, c: float, at: list[int]
) -> None:
    measured = profile({n: a * n**2 + b * n + c for n in at})
    for n in range(at[0], at[-1] + 1):
        expected_s = a * n**2 + b * n + c
        assert measured.at(n).latency_p99_s == pytest.approx(expected_s, rel=1e-6)
        assert measured.at(n).latency_mean_s == pytest.approx(0.8 * expected_s, rel=1e-6)
        assert measured.at(n).throughput_rps == pytest.approx(n / (0.8 * expected_s), rel=1e-6)


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=6), st.data())
def test_an_estimate_lies_between_its_measured_neighbours(
    latencies_s: list[float], data: st.DataObject
) -> None:
    at = sorted(data.draw(st.sets(st.integers(1, 64), min_size=len(latencies_s), max_size=len(latencies_s))))
    measured = profile(dict(zip(at, latencies_s, strict=True)))
    for low, high in zip(measured.points, measured.points[1:], strict=False):
        ends_s = sorted((low.latency_p99_s, high.latency_p99_s))
        for n in range(low.batch + 1, high.batch):
            # A measurement that falls with the batch size is noise: the smaller batch's latency then holds.
            assert low.latency_p99_s <= measured.at(n).latency_p99_s <= ends_s[1]


@pytest.mark.parametrize("batch", [0, 1, 9, 16, 100])
def test_nothing_is_extrapolated(batch: int) -> None:
    measured = profile({2: 0.2, 4: 0.3, 8: 0.5})
    assert not measured.supports(batch)
    with pytest.raises(InvalidValueError, match=rf"batch size {batch} lies outside the measured 2\.\.8"):
        measured.at(batch)


def test_two_measurements_are_joined_by_a_line() -> None:
    assert profile({1: 0.1, 5: 0.5}).at(3).latency_p99_s == pytest.approx(0.3)


def test_one_measurement_supports_itself_only() -> None:
    measured = profile({4: 0.2})
    assert [n for n in range(1, 10) if measured.supports(n)] == [4]
    assert measured.at(4) is measured.points[0]


def test_a_measured_point_is_returned_as_it_is() -> None:
    measured = profile({1: 0.1, 2: 0.9, 4: 0.2})
    assert measured.at(2).latency_p99_s == 0.9


@pytest.mark.parametrize("at", [(), (2, 1), (1, 1)])
def test_points_must_be_distinct_and_ascending(at: tuple[int, ...]) -> None:
    with pytest.raises(InvalidValueError, match="distinct ascending"):
        Profile(1, tuple(ProfilePoint(n, 0.1, 0.1, 10) for n in at))


# Cores -> (throughput, p99) of batch 1 and 8, made up so that each condition decides once.
ALLOCATIONS = [
    Profile(1, (ProfilePoint(1, 0.3, 0.2, 4.0), ProfilePoint(8, 2.5, 2.0, 5.5))),
    Profile(2, (ProfilePoint(1, 0.2, 0.1, 7.0), ProfilePoint(8, 1.5, 1.0, 8.0))),
    Profile(4, (ProfilePoint(1, 0.1, 0.1, 12.0), ProfilePoint(8, 0.9, 0.8, 20.0))),
]


@pytest.mark.parametrize(
    ("threshold_rps", "sla_s", "cores"),
    [
        (4.0, 0.3, 1),  # exactly met
        (4.1, 0.3, 2),  # the rate of one core is too small
        (4.1, 2.5, 1),  # a batch of eight would carry it
        (4.0, 0.29, 2),  # one core is too slow
        (8.0, 0.3, 4),
        (8.0, 1.5, 2),
        (20.0, 0.9, 4),
        (20.0, 0.8, None),
        (21.0, 9.0, None),
    ],
)
def test_the_base_allocation_is_the_fewest_cores_that_meet_rate_and_sla(
    threshold_rps: float, sla_s: float, cores: int | None
) -> None:
    assert base_allocation(reversed(ALLOCATIONS), threshold_rps, sla_s) == cores


def test_without_profiles_there_is_no_base_allocation() -> None:
    assert base_allocation([], 1.0, 1.0) is None


@given(st.floats(0.1, 30), st.floats(0.1, 30), st.floats(0.05, 3))
def test_a_higher_threshold_never_needs_fewer_cores(one: float, other: float, sla_s: float) -> None:
    few, many = (base_allocation(ALLOCATIONS, rate, sla_s) for rate in sorted((one, other)))
    assert many is None or (few is not None and few <= many)


def test_the_base_allocations_of_the_video_runs_follow_from_the_profiles() -> None:
    """Equation 1 at the threshold of the published runs, 4 rps, within the stage SLA of Table 6."""
    stage = load_pipeline("video").stages[0]
    computed = {v.name: base_allocation(v.profiles, 4.0, stage.sla_s) for v in stage.variants}
    assert computed == {v.name: v.base_cores for v in stage.variants}


@pytest.mark.parametrize("threshold_rps", ["5", "10", "15"])
def test_table_4_never_gives_fewer_cores_than_the_rate_needs(threshold_rps: str) -> None:
    """Table 4 also bounds the latency at the largest batch, so the throughput alone is a lower bound."""
    table = published_table("table4")
    table = table[(table["threshold_rps"] == threshold_rps) & (table["feasible"] == "yes")]
    measured = read_profile_table(pipelines_dir().parent / "paper" / "profiles.csv")
    source = ProfileSource("object-detection", ("71",), (20.0,))
    for row in table.itertuples():
        needed = base_allocation(measured.profiles(source, str(row.variant)), float(threshold_rps), 1e9)
        assert needed is None or needed <= int(str(row.cores))


def test_the_sla_of_a_stage_is_five_times_the_mean_batch_1_latency() -> None:
    assert stage_sla_s([0.1, 0.2, 0.6]) == pytest.approx(1.5)
    assert stage_sla_s([0.1, 0.3], factor=2) == pytest.approx(0.4)


@pytest.mark.parametrize("name", pipeline_names())
def test_the_rule_uses_every_variant_disabled_ones_too(name: str) -> None:
    for stage in load_pipeline(name).stages:
        p99_s = [variant.profile.at(1).latency_p99_s for variant in stage.variants]
        assert stage.computed_sla_s() == pytest.approx(5 * sum(p99_s) / len(p99_s))
