"""What there is in every namespace with pipelines, watched once for all of them."""

from threading import Lock

from ipa.cluster.client import ClusterClient
from ipa.platforms.kubernetes.view import NamespaceView


class Views:
    """A view per namespace, made when somebody asks for it first.

    Parameters
    ----------
    client
        Of the cluster.
    """

    def __init__(self, client: ClusterClient) -> None:
        self._client, self._lock = client, Lock()
        self._views: dict[str, NamespaceView] = {}
        self._making: dict[str, Lock] = {}

    def of(self, namespace: str) -> NamespaceView:
        """Return the view of a namespace; a ClusterError if it cannot be watched."""
        with self._lock:
            making = self._making.setdefault(namespace, Lock())
        # Others do not wait for a namespace that may not be watched.
        with making:
            if namespace not in self._views:
                self._views[namespace] = NamespaceView(self._client, namespace).start()
            return self._views[namespace]

    def close(self) -> None:
        """Watch nothing any more."""
        for view in self._views.values():
            view.stop()
