"""One replica of one variant: a process of stock MLServer with a runtime of ours in it."""

from ipa.errors import IpaError
from ipa.serving.doors import LOCAL_DOORS, Doors
from ipa.serving.replica import ReplicaSettings, Report, ServerFailed, ServerReady, Source

__all__ = ["ReplicaSettings", "ServerFailed", "ServerReady", "Source", "serve_replica"]


def serve_replica(settings: ReplicaSettings, ready: Report, doors: Doors = LOCAL_DOORS) -> None:
    """Serve a variant until SIGTERM.

    To be run in a process of its own. Requests that are being served when the signal comes may be lost: let
    the replica get none any more before.

    Parameters
    ----------
    settings
        What to serve.
    ready
        Gets ``ServerReady`` once the variant is loaded, warmed and served, or ``ServerFailed``; then it is
        closed.
    doors
        Where it answers.
    """
    # The replica's cores have to be known before a library that computes is imported, and MLServer takes a
    # second to import: who only describes a replica waits for neither.
    from ipa.serving.threads import limit_threads

    limit_threads(settings.cores)
    from ipa.serving.runtimes.choice import runtime_of
    from ipa.serving.stock_server import serve_model

    try:
        runtime = runtime_of(settings)
    except IpaError as error:
        with ready:
            ready.send(ServerFailed(f"{settings.name}: {error}"))
        return
    serve_model(runtime, settings.model, settings.name, {"replica": settings}, ready, doors)
