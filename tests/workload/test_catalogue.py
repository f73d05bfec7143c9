"""Workloads by name, the excerpts of the real trace, and a user's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipa.errors import ConfigError, InvalidValueError, TraceError, UnknownNameError
from ipa.workload import PAPER_WORKLOADS, WORKLOADS, Workload, load_workload
from ipa.workload.excerpts import excerpts, real_workload


@pytest.fixture
def no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPA_TRACE", raising=False)
    monkeypatch.setattr("ipa.workload.source.cache_dir", lambda: tmp_path / "no-cache")


@pytest.fixture
def trace_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Point ``IPA_TRACE`` to a trace with the given seconds."""

    def point(rates_rps: list[int]) -> Any:
        path = tmp_path / "trace.txt"
        path.write_text(" ".join(map(str, rates_rps)))
        monkeypatch.setenv("IPA_TRACE", str(path))
        return path

    return point


@pytest.mark.parametrize("name", PAPER_WORKLOADS)
@pytest.mark.parametrize("trace", ["auto", "synthetic"])
@pytest.mark.usefixtures("no_trace")
def test_without_a_trace_the_twin_is_used_and_says_so(name: str, trace: str) -> None:
    workload = load_workload(name, trace=trace, seed=4)
    assert (workload.name, workload.source, workload.seed) == (name, "synthetic", 4)
    assert workload.duration_s == 1200


@pytest.mark.usefixtures("no_trace")
def test_demanding_the_real_trace_without_one_says_how_to_get_it() -> None:
    with pytest.raises(TraceError, match=r"ipa trace fetch.*IPA_TRACE.*trace='synthetic'"):
        load_workload("bursty", trace="real")


@pytest.mark.trace
@pytest.mark.usefixtures("trace_path")
@pytest.mark.parametrize("name", PAPER_WORKLOADS)
def test_the_real_excerpt_has_the_published_statistics(name: str) -> None:
    workload, published = load_workload(name), excerpts()[name]
    assert (workload.source, workload.seed) == ("real", None)
    assert workload.total_requests == published.total_requests
    assert workload.mean_rps == pytest.approx(published.mean_rps)
    assert np.percentile(workload.rates_rps, 95) == pytest.approx(published.p95_rps, abs=0.5)
    assert np.percentile(workload.rates_rps, 99) == pytest.approx(published.p99_rps, abs=0.5)


@pytest.mark.trace
@pytest.mark.usefixtures("trace_path")
def test_synthetic_is_honoured_though_the_real_trace_is_there() -> None:
    assert load_workload("bursty", trace="synthetic").source == "synthetic"


def test_a_short_trace_is_refused(trace_of: Callable[..., Path]) -> None:
    trace_of([40] * 1000)
    with pytest.raises(TraceError, match="needs 1302360 seconds of trace, this one has 1000"):
        load_workload("bursty")


def test_another_trace_of_the_same_length_is_refused() -> None:
    with pytest.raises(TraceError, match=r"not the published one: workload steady-low has .* published"):
        excerpts()["steady-low"].cut(np.full(1_899_061, 40))


def test_an_edited_trace_file_is_read_again(trace_of: Callable[..., Path]) -> None:
    trace_of([1] * 10)
    with pytest.raises(TraceError, match="this one has 10;"):
        load_workload("bursty", trace="real")
    trace_of([1] * 12)
    with pytest.raises(TraceError, match="this one has 12;"):
        load_workload("bursty", trace="real")


def test_excerpts_are_known_by_name_and_file(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="bursty"):
        real_workload("full-trace", tmp_path)
    with pytest.raises(TraceError, match="cannot be read"):
        real_workload("bursty", tmp_path / "missing")


def test_a_broken_table_of_excerpts_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "workloads.csv").write_text("workload,n_s\nbursty,many\n")
    monkeypatch.setenv("IPA_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match=r"workloads\.csv"):
        excerpts()


def test_a_constant_rate_has_any_length() -> None:
    workload = load_workload("constant-7", duration_s=5000)
    assert workload.rates_rps.tolist() == [7] * 5000
    assert load_workload("constant-0").total_requests == 0


def test_a_poisson_load_has_the_mean_and_the_variance_of_its_rate() -> None:
    rates_rps = load_workload("poisson-30", duration_s=5000).rates_rps
    assert rates_rps.mean() == pytest.approx(30, rel=0.02)
    assert rates_rps.var() == pytest.approx(30, rel=0.1)
    assert (rates_rps == load_workload("poisson-30", duration_s=5000).rates_rps).all()
    assert (rates_rps != load_workload("poisson-30", duration_s=5000, seed=1).rates_rps).any()
    assert load_workload("poisson-0").total_requests == 0
    with pytest.raises(InvalidValueError):
        load_workload("poisson-" + "9" * 30)


def test_a_constant_rate_beyond_reason_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"lie between 0 and 1e\+09 requests/s, not 1000000"):
        load_workload("constant-" + "9" * 30)


def test_a_users_file_is_a_workload_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "my-load.txt"
    path.write_text("3\n80\n0\n")
    workload = load_workload(str(path), trace="synthetic")
    assert (workload.name, workload.source, workload.rates_rps.tolist()) == ("my-load", "file", [3, 80, 0])


def test_a_missing_file_and_a_misspelt_name_are_told_apart() -> None:
    with pytest.raises(TraceError, match=r"workload file my/load\.txt not found"):
        load_workload("my/load.txt")
    with pytest.raises(
        UnknownNameError, match=r"constant-<rate>, poisson-<rate>, path/to/file\.txt\. Did you mean 'bursty'"
    ):
        load_workload("burst")


def test_a_file_with_letters_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("12 twelve")
    with pytest.raises(TraceError, match="number 2 is not a whole number: 'twelve'; give one"):
        load_workload(str(path))


def test_duration_cuts_but_never_stretches() -> None:
    whole = load_workload("bursty", trace="synthetic")
    cut = load_workload("bursty", trace="synthetic", duration_s=100)
    assert cut.rates_rps.tolist() == whole.rates_rps[:100].tolist()
    assert (cut.name, cut.seed) == (whole.name, whole.seed)
    with pytest.raises(InvalidValueError, match="has 1200 seconds, duration_s=1201 asks for more"):
        load_workload("bursty", trace="synthetic", duration_s=1201)
    with pytest.raises(InvalidValueError, match="must be a whole number between 1 and 10,000,000 s, not 0"):
        load_workload("bursty", duration_s=0)


def test_an_unknown_kind_of_trace_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="allowed: auto, real, synthetic"):
        load_workload("bursty", trace="twitter")


def test_a_new_workload_is_one_function_under_a_name() -> None:
    with WORKLOADS.temporarily("ramp"):

        @WORKLOADS.named("ramp")
        def ramp(request: Any) -> Any:
            return Workload("ramp", np.arange(50) + request.seed, "synthetic", request.seed)

        assert load_workload("ramp", seed=2, duration_s=3).rates_rps.tolist() == [2, 3, 4]


def test_a_workload_cannot_be_changed_through_its_array() -> None:
    given_rps = np.array([1, 2])
    workload = Workload("w", given_rps, "file")
    given_rps[0] = 9
    assert workload.rates_rps.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        workload.rates_rps[0] = 3
