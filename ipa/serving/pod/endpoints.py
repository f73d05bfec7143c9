"""Where pods answer, as EndpointSlices of the cluster tell it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

SERVICE_LABEL = "kubernetes.io/service-name"


class Condition(IntEnum):
    """How far an endpoint can be counted on, the most first."""

    READY = 0
    NOT_READY = 1
    LEAVING = 2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One pod behind a Service.

    Parameters
    ----------
    name
        Name of the pod; of what is no pod, its address.
    address
        ``HOST:PORT``.
    condition
        Whether it is ready, not ready, or about to end.
    """

    name: str
    address: str
    condition: Condition


def endpoints_by_service(
    slices: Iterable[Mapping[str, Any]], port_name: str
) -> dict[str, dict[str, Endpoint]]:
    """Return the endpoints of each Service by their names.

    Parameters
    ----------
    slices
        EndpointSlices (``discovery.k8s.io/v1``). A pod may stand in two of them for a moment; the better news
        counts.
    port_name
        Name of the port that is meant; slices without it are left out.
    """
    found: dict[str, dict[str, Endpoint]] = {}
    for one in slices:
        service = found.setdefault(one["metadata"].get("labels", {}).get(SERVICE_LABEL, ""), {})
        ports = [port["port"] for port in one.get("ports") or () if port.get("name") == port_name]
        for told in (one.get("endpoints") or ()) if ports else ():
            endpoint = _endpoint(told, ports[0])
            known = service.get(endpoint.name)
            if known is None or endpoint.condition < known.condition:
                service[endpoint.name] = endpoint
    return found


def _endpoint(told: Mapping[str, Any], port: int) -> Endpoint:
    host = told["addresses"][0]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    conditions = told.get("conditions") or {}
    if conditions.get("terminating"):
        condition = Condition.LEAVING
    else:
        # What is not said counts as ready.
        condition = Condition.READY if conditions.get("ready", True) is not False else Condition.NOT_READY
    return Endpoint((told.get("targetRef") or {}).get("name") or address, address, condition)


def best(endpoints: Iterable[Endpoint]) -> dict[str, Endpoint]:
    """Return the endpoints to serve with: those that are ready, or else the next best ones, by name.

    Where no replica of a stage is ready, the ones that were a moment ago are better than none: the gateway
    finds out for itself which of them answer.
    """
    known = list(endpoints)
    if not known:
        return {}
    condition = min(one.condition for one in known)
    return {one.name: one for one in known if one.condition == condition}
