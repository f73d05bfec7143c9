"""What EndpointSlices say of pods."""

from typing import Any

from ipa.serving.pod.endpoints import Condition, Endpoint, best, endpoints_by_service


def endpoint(name: str, host: str = "10.0.0.1", **conditions: bool | None) -> dict[str, Any]:
    return {"addresses": [host], "conditions": conditions, "targetRef": {"kind": "Pod", "name": name}}


def endpoint_slice(service: str, *endpoints: dict[str, Any], port: int = 8081) -> dict[str, Any]:
    ports = [{"name": "http", "port": 8080}, {"name": "grpc", "port": port}]
    labels = {"kubernetes.io/service-name": service}
    return {"metadata": {"labels": labels}, "ports": ports, "endpoints": list(endpoints)}


def test_they_are_sorted_by_service_and_by_what_they_can_do() -> None:
    found = endpoints_by_service(
        [
            endpoint_slice(
                "one",
                endpoint("a", ready=True, serving=True, terminating=False),
                endpoint("b", "10.0.0.2", ready=False, serving=False, terminating=False),
                endpoint("c", "10.0.0.3", ready=False, serving=True, terminating=True),
            ),
            endpoint_slice("two", endpoint("d", "fd00::7"), port=9000),
        ],
        "grpc",
    )
    assert found == {
        "one": {
            "a": Endpoint("a", "10.0.0.1:8081", Condition.READY),
            "b": Endpoint("b", "10.0.0.2:8081", Condition.NOT_READY),
            "c": Endpoint("c", "10.0.0.3:8081", Condition.LEAVING),
        },
        "two": {"d": Endpoint("d", "[fd00::7]:9000", Condition.READY)},
    }


def test_of_a_pod_in_two_slices_the_better_news_counts() -> None:
    worse, better = endpoint("a", ready=False), endpoint("a", ready=True)
    for told in ([worse, better], [better, worse]):
        slices = [endpoint_slice("one", one) for one in told]
        assert endpoints_by_service(slices, "grpc")["one"]["a"].condition is Condition.READY


def test_what_is_no_pod_is_called_by_its_address_and_a_slice_without_the_port_is_left_out() -> None:
    foreign = {"addresses": ["192.0.2.1"]}
    assert list(endpoints_by_service([endpoint_slice("one", foreign)], "grpc")["one"]) == ["192.0.2.1:8081"]
    assert endpoints_by_service([endpoint_slice("one", foreign)], "metrics") == {"one": {}}
    empty = {"metadata": {"labels": {"kubernetes.io/service-name": "one"}}, "ports": None, "endpoints": None}
    assert endpoints_by_service([empty], "grpc") == {"one": {}}


def test_where_none_is_ready_the_next_best_ones_serve() -> None:
    ready, unready, leaving = (Endpoint(one.name, one.name, one) for one in Condition)
    assert set(best([ready, unready, leaving])) == {"READY"}
    assert set(best([unready, leaving])) == {"NOT_READY"}
    assert set(best([leaving])) == {"LEAVING"}
    assert best([]) == {}
