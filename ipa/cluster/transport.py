"""Carries requests to the API server: the official client's configuration, credentials and connections."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from ipa.errors import ClusterError, MissingExtraError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the credentials of its account."""

DEFAULT_KUBECONFIG = "~/.kube/config"

CONNECT_TIMEOUT_S = 5.0

CONNECTIONS = 64
"""Connections that are kept open; every watch has one of its own."""

FIRST_WORD_S = 10.0
"""Time that the server has to say that it takes a request whose answer goes on."""

KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    # macOS calls it otherwise, and has an idle time of two hours then.
    *([(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)] if hasattr(socket, "TCP_KEEPIDLE") else []),
)
"""Lets a watch whose other end is gone without a word break after 25 s, though nothing is ever sent on it."""


class TransportError(Exception):
    """No answer came."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the API server.

    Parameters
    ----------
    method
        ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
    path
        Path of the address.
    query
        Its parameters.
    body
        What is sent; None if nothing.
    content_type
        Of the body.
    timeout_s
        Seconds that the answer may take.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    timeout_s: float = 10.0

    @property
    def address(self) -> str:
        """Path and parameters."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Parameters
    ----------
    status
        HTTP status.
    data
        Body.
    headers
        With names in lower case.
    """

    status: int
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """An answer that goes on."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    def lines(self) -> Iterator[bytes]:
        """Return one line after another until the server or ``close`` ends it; one that breaks raises."""
        ...

    def close(self) -> None:
        """End it, from any thread."""
        ...


class Transport(Protocol):
    """Carries requests to an API server; may be used by many threads."""

    def send(self, request: Request) -> Answer:
        """Send a request and return the answer, whatever its status; TransportError if none came."""
        ...

    def open(self, request: Request) -> Stream:
        """Send a request whose answer goes on; its time-out is the longest silence."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class HttpTransport:
    """Carries requests over HTTPS.

    Parameters
    ----------
    configuration
        Of the official client: address, certificates, credentials, proxy.
    """

    def __init__(self, configuration: Any) -> None:
        from kubernetes.client import ApiClient
        from urllib3.connection import HTTPConnection

        configuration.connection_pool_maxsize = CONNECTIONS
        self._api: Any = ApiClient(configuration)
        self._pool: Any = self._api.rest_client.pool_manager
        # Version 35 of the library does not hand on those of its configuration.
        self._pool.connection_pool_kw["socket_options"] = [
            *HTTPConnection.default_socket_options,
            *KEEPALIVE,
        ]

    def send(self, request: Request) -> Answer:
        """Send a request and return the answer."""
        response = self._request(request, preload=True)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, response.data, headers)

    def open(self, request: Request) -> Stream:
        """Send a request whose answer goes on."""
        first = replace(request, timeout_s=min(FIRST_WORD_S, request.timeout_s))
        return HttpStream(self._request(first, preload=False), request.timeout_s)

    def official(self) -> Any:
        """Return a client of the official library of its own, with the same address and credentials."""
        from kubernetes.client import ApiClient

        return ApiClient(self._api.configuration)

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()
        self._api.close()

    def _request(self, request: Request, *, preload: bool) -> Any:
        import urllib3

        headers: dict[str, str] = {"Accept": "application/json", "User-Agent": "ipa"}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        try:
            # Renews the credentials where they have run out.
            self._api.update_params_for_auth(headers, [], ["BearerToken"])
            return self._pool.request(
                request.method,
                self._api.configuration.host + request.address,
                body=request.body,
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=request.timeout_s),
                preload_content=preload,
                retries=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportError(_in_words(error)) from error


class HttpStream:
    """An answer that goes on, over HTTPS.

    Parameters
    ----------
    response
        Of urllib3, not read yet.
    silence_s
        Seconds without a word after which it breaks.
    """

    def __init__(self, response: Any, silence_s: float) -> None:
        self._response, self._closed = response, False
        self.status: int = response.status
        # An answer that has come whole has no connection any more.
        with suppress(OSError, AttributeError):
            response.connection.sock.settimeout(silence_s)

    def lines(self) -> Iterator[bytes]:
        """Return one line after another."""
        import urllib3

        rest = b""
        try:
            for piece in self._response.stream(amt=None, decode_content=False):
                *whole, rest = (rest + piece).split(b"\n")
                yield from filter(None, whole)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # One that is closed by another thread breaks in the middle of reading, in one way or another.
            if not self._closed:
                raise TransportError(_in_words(error)) from error
        finally:
            with suppress(Exception):
                self._response.close()

    def close(self) -> None:
        """End it; whoever reads from it goes on at once."""
        self._closed = True
        connection: Any = getattr(self._response, "connection", None)
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _in_words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__


def connect_transport(kubeconfig: str | None = None, context: str | None = None) -> tuple[Transport, str]:
    """Return the way to a cluster, and the namespace that is meant where none is named.

    Parameters
    ----------
    kubeconfig
        File with clusters and credentials; None: the account of the pod where this runs in one, else
        ``KUBECONFIG``, else ``~/.kube/config``.
    context
        Which of its contexts; None: the current one.

    Raises
    ------
    MissingExtraError
        If the Kubernetes client is not installed.
    ClusterError
        If there is nothing to connect with.
    """
    if find_spec("kubernetes") is None:
        raise MissingExtraError("the Kubernetes client", "kubernetes")
    from kubernetes.client import Configuration

    configuration = Configuration()
    if kubeconfig is None and context is None and in_cluster():
        namespace = _take_account(configuration)
    else:
        namespace = _take_kubeconfig(configuration, kubeconfig, context)
    return HttpTransport(configuration), namespace


def in_cluster() -> bool:
    """Whether this runs in a pod that has an account."""
    return "KUBERNETES_SERVICE_HOST" in os.environ and (ACCOUNT / "token").exists()


def _take_account(configuration: Any) -> str:
    from kubernetes.config import ConfigException, load_incluster_config

    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException as error:
        raise ClusterError(f"the account of this pod cannot be used: {error}") from error
    return (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()


def _take_kubeconfig(configuration: Any, kubeconfig: str | None, context: str | None) -> str:
    import yaml
    from kubernetes.config import ConfigException, list_kube_config_contexts, load_kube_config

    file = kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    try:
        load_kube_config(file, context, client_configuration=configuration, persist_config=False)
        contexts, active = list_kube_config_contexts(file)
    except (ConfigException, yaml.YAMLError, OSError, LookupError, ValueError, TypeError) as error:
        raise ClusterError(
            f"no cluster to connect to: {file}: {_in_words(error)}; set KUBECONFIG, or give --kubeconfig, to"
            " a file that `kubectl config view` shows"
        ) from error
    chosen = next((one for one in contexts if one["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")
