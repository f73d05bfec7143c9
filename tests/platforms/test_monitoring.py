"""What Prometheus tells: counts per second out of samples, sources that stand in, a real server."""

import math
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from ipa.errors import InvalidValueError, MonitoringError
from ipa.platforms.monitoring import (
    LONGEST_GAP_S,
    FirstThatKnows,
    PipelineMonitoring,
    Prometheus,
    Series,
    counts_per_second,
)
from tests.support.prometheus import Target, running_prometheus, wait_for

ZERO_S = 1_700_000_000


def read(times_s: Sequence[float], values: Sequence[float]) -> Series:
    """A counter as it was read, at times from ZERO_S on."""
    return Series({}, ZERO_S + np.array(times_s, float), np.array(values, float))


def counts(series: Sequence[Series], first_s: int, end_s: int, down: Sequence[Series] = ()) -> list[float]:
    return list(counts_per_second(series, ZERO_S + first_s, end_s - first_s, down))


scrapes = st.lists(st.floats(0.3, 2.0), min_size=12, max_size=40).map(lambda steps: np.cumsum([-1.0, *steps]))


@given(times_s=scrapes, rate_rps=st.floats(0.1, 1e4))
def test_an_even_load_is_counted_right_whenever_it_is_read(
    times_s: NDArray[np.float64], rate_rps: float
) -> None:
    end_s = math.floor(times_s[-1])
    found = counts([read(times_s, rate_rps * (times_s + 1))], 0, end_s)
    assert np.allclose(found, rate_rps)


@given(times_s=scrapes, data=st.data())
def test_nothing_is_counted_twice_or_lost(times_s: NDArray[np.float64], data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(0, 50), min_size=times_s.size, max_size=times_s.size))
    values = np.cumsum(steps)
    end_s = math.floor(times_s[-1])
    found = counts([read(times_s, values)], 0, end_s)
    between = np.interp([0, end_s], times_s, values)
    assert sum(found) == pytest.approx(between[1] - between[0])
    assert min(found, default=0) >= 0


@given(times_s=scrapes, other_s=scrapes, rates=st.tuples(st.integers(1, 90), st.integers(1, 90)))
def test_the_counts_of_several_gateways_add_up(
    times_s: NDArray[np.float64], other_s: NDArray[np.float64], rates: tuple[int, int]
) -> None:
    both = [read(times, rate * (times + 1)) for times, rate in zip((times_s, other_s), rates, strict=True)]
    end_s = math.floor(min(times_s[-1], other_s[-1]))
    assert np.allclose(counts(both, 0, end_s), sum(rates))


def test_a_counter_that_begins_anew_goes_on_from_zero() -> None:
    assert counts([read([0, 1, 2, 3], [70, 75, 2, 6])], 0, 3) == [5, 2, 4]


@given(gap_s=st.floats(LONGEST_GAP_S + 0.01, 20), begin_s=st.floats(1, 5))
def test_seconds_that_nobody_measured_are_nan(gap_s: float, begin_s: float) -> None:
    times_s = np.concatenate([np.arange(begin_s, -1, -1)[::-1], np.arange(begin_s + gap_s, 40)])
    found: NDArray[np.float64] = np.array(counts([read(times_s, 3 * times_s)], 0, 30))
    seconds = np.arange(30)
    touched = (seconds + 1 > begin_s) & (seconds < begin_s + gap_s)
    assert np.isnan(found[touched]).all()
    assert np.allclose(found[~touched], 3)


def test_before_the_first_and_after_the_last_sample_nothing_is_known() -> None:
    found = counts([read([2, 3, 4], [0, 5, 10])], 0, 6)
    assert np.isnan(found).tolist() == [True, True, False, False, True, True]
    assert np.isnan(counts([], 0, 2)).all()


def test_a_gateway_that_comes_or_goes_counts_while_it_is_there() -> None:
    stays = read(range(7), [10 * second for second in range(7)])
    comes, goes = read([3, 4, 5, 6], [0, 1, 2, 3]), read([0, 1, 2], [0, 4, 8])
    assert counts([stays, comes, goes], 0, 6) == [14, 14, 10, 11, 11, 11]


def test_a_gateway_that_is_there_and_cannot_be_asked_makes_a_second_unknown() -> None:
    stays, lost = read(range(7), range(7)), read([0, 1, 2], [0, 4, 8])
    up = read([0.4, 1.4, 2.4, 3.4, 4.4, 5.4], [1, 1, 0, 0, 1, 1])
    found = counts([stays, lost], 0, 6, down=[up])
    assert np.isnan(found).tolist() == [False, False, True, True, False, False]


@dataclass
class Knows:
    """A source that knows some seconds, or does not answer."""

    name: str
    seconds: Sequence[float] | None
    asked: int = 0

    def counts(self, zero_s: float, first_s: int, end_s: int) -> NDArray[np.float64]:  # noqa: ARG002
        self.asked += 1
        if self.seconds is None:
            raise MonitoringError("http://gone", "it cannot be asked")
        return np.array(self.seconds[first_s:end_s], float)


NAN = math.nan


def test_who_knows_everything_is_the_only_one_asked() -> None:
    first, second = Knows("Prometheus", [1, 2, 3]), Knows("gateways", [7, 7, 7])
    source = FirstThatKnows([first, second])
    assert source.counts(0.0, 0, 3).tolist() == [1, 2, 3]
    assert (source.note, second.asked) == ("", 0)


def test_what_one_does_not_know_the_next_one_tells() -> None:
    source = FirstThatKnows([Knows("Prometheus", [1, NAN, 3, 4]), Knows("the gateways", [7, 7, 7, 7])])
    assert source.counts(0.0, 0, 4).tolist() == [1, 7, 3, 4]
    assert source.note == "the gateways told the arrivals of 1 seconds"


def test_seconds_that_have_just_ended_are_no_news() -> None:
    source = FirstThatKnows([Knows("Prometheus", [1, 2, 3, NAN]), Knows("the gateways", [7, 7, 7, 7])])
    assert source.counts(0.0, 0, 4).tolist() == [1, 2, 3, 7]
    assert source.note == ""


def test_an_outage_is_told_and_bridged_and_its_end_is_noticed() -> None:
    first = Knows("Prometheus", None)
    source = FirstThatKnows([first, Knows("the gateways", [5, 6, 7])])
    assert source.counts(0.0, 0, 3).tolist() == [5, 6, 7]
    assert source.note == (
        "Prometheus at http://gone: it cannot be asked; the gateways told the arrivals of 1 seconds"
    )
    first.seconds = [1, 2, 3]
    assert source.counts(0.0, 0, 3).tolist() == [1, 2, 3]
    assert source.note == ""


def test_where_nobody_answers_nothing_is_known() -> None:
    source = FirstThatKnows([Knows("Prometheus", None), Knows("the gateways", None)])
    assert np.isnan(source.counts(0.0, 0, 3)).all()
    assert source.note == "; ".join(["Prometheus at http://gone: it cannot be asked"] * 2)


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://prometheus", "http://", "file:///etc/passwd"])
def test_what_is_no_address_of_a_prometheus_is_refused(url: str) -> None:
    with pytest.raises(InvalidValueError, match="no address of Prometheus; give one like"):
        Prometheus(url)


def test_nobody_listens() -> None:
    with pytest.raises(MonitoringError, match=r"Prometheus at http://127.0.0.1:9: it cannot be asked"):
        Prometheus("http://127.0.0.1:9/").query("up")


class Other(BaseHTTPRequestHandler):
    """A server that is no Prometheus."""

    def do_POST(self) -> None:
        code = 404 if self.path.startswith("/missing") else 200
        self.send_response(code)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def other() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_somebody_else_listens(other: str) -> None:
    with pytest.raises(MonitoringError, match="what answers there is no Prometheus"):
        Prometheus(other).query("up")
    with pytest.raises(MonitoringError, match="it answers with status 404"):
        Prometheus(f"{other}/missing").query("up")


def test_its_error_survives_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(MonitoringError("http://there", "gone")))  # noqa: S301
    assert str(error) == "Prometheus at http://there: gone"


LABELS = {"namespace": "default", "pipeline": "video"}


@dataclass
class Gateway:
    """What a gateway tells Prometheus, on a port of its own."""

    address: str
    arrived: Counter
    ended: Counter
    latency: Histogram


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    registry = CollectorRegistry()
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    Gauge("ipa_sla_seconds", "", ["le"], registry=registry).labels("0.5").set(0.5)
    yield Gateway(
        f"127.0.0.1:{server.server_port}",
        Counter("ipa_requests_arrived", "", registry=registry),
        Counter("ipa_requests_ended", "", ["outcome", "reason"], registry=registry),
        Histogram("ipa_request_latency_seconds", "", buckets=[0.1, 0.5, 1.0], registry=registry),
    )
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def monitoring(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineMonitoring]:
    folder = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(folder, [Target("ipa-gateway", gateway.address, LABELS)]) as url:
        yield PipelineMonitoring(Prometheus(url), "video", "default")


@pytest.mark.live
def test_a_real_prometheus_tells_what_a_gateway_counted(
    gateway: Gateway, monitoring: PipelineMonitoring
) -> None:
    up = 'up{job="ipa-gateway"}'
    wait_for("the first scrape", lambda: monitoring.prometheus.value(up) == 1)
    first_s = time.time() + 1
    while (now_s := time.time()) < first_s + 4:
        gateway.arrived.inc(5 if now_s < first_s + 2 else 15)
        gateway.ended.labels("ok", "").inc(3)
        gateway.ended.labels("dropped", "expired").inc()
        for latency_s in (0.05, 0.4, 0.8):
            gateway.latency.observe(latency_s)
        time.sleep(0.1)
    wait_for("all scrapes", lambda: bool(np.isfinite(monitoring.counts(first_s, 0, 4)).all()))
    # Every second is read from its begin to its end, to a scrape or two at its edges.
    assert monitoring.counts(first_s, 0, 4) == pytest.approx([50, 50, 150, 150], abs=35)
    assert monitoring.violation_share(10) == pytest.approx(0.5, abs=0.01)
    assert monitoring.latency_s(0.5, 10) == pytest.approx(0.3, abs=0.02)
    outcomes = monitoring.outcomes_rps(10)
    assert outcomes["ok", ""] == pytest.approx(3 * outcomes["dropped", "expired"])


@pytest.mark.live
def test_what_prometheus_does_not_know_is_nan(monitoring: PipelineMonitoring) -> None:
    other = PipelineMonitoring(monitoring.prometheus, 'no "such" \\ pipeline')
    now_s = int(time.time())
    assert np.isnan(other.counts(now_s, -5, 0)).all()
    assert math.isnan(other.latency_s(0.99))
    assert math.isnan(other.violation_share())
    assert other.outcomes_rps() == {}


@pytest.mark.live
def test_an_expression_that_it_does_not_understand_is_told(monitoring: PipelineMonitoring) -> None:
    with pytest.raises(MonitoringError, match="parse error"):
        monitoring.prometheus.query("sum by (")
    with pytest.raises(MonitoringError, match="gives a scalar and no series"):
        monitoring.prometheus.query("1")


@pytest.mark.live
def test_a_prometheus_that_ends_is_an_outage(gateway: Gateway, tmp_path: Path) -> None:
    with running_prometheus(tmp_path, [Target("ipa-gateway", gateway.address, LABELS)]) as url:
        monitoring = PipelineMonitoring(Prometheus(url), "video")
        monitoring.counts(0.0, 0, 2)
    with pytest.raises(MonitoringError, match="it cannot be asked"):
        monitoring.counts(0.0, 0, 2)
