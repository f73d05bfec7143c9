"""Runs a gateway in a process of its own."""

from multiprocessing.connection import Connection

from ipa.serving.gateway.settings import GatewaySettings


def serve_gateway(settings: GatewaySettings, ready: Connection) -> None:
    """Serve until SIGTERM.

    Parameters
    ----------
    settings
        What to serve.
    ready
        Gets ``ServerReady`` once both doors and the control socket are open, or ``ServerFailed``.
    """
    # MLServer takes a second to import; who only talks to a gateway does not wait for it.
    from ipa.serving.gateway.process import run

    run(settings, ready)
