"""What it means when an API server refuses something, and what can be done about it."""

import json
from collections.abc import Mapping
from typing import Any

from ipa.cluster.names import GROUP
from ipa.cluster.transport import Answer
from ipa.errors import ClusterError, brief

NOT_FOUND, CONFLICT, GONE, TOO_MANY = 404, 409, 410, 429

TRANSIENT = frozenset({408, TOO_MANY, 500, 502, 503, 504})
"""Answers after which the same request may succeed a moment later."""

INSTALL = "ipa cluster install"

_RIGHTS = {"apply": "patch", "apply_status": "patch", "scale": "patch", "replace": "update", "ask": "get"}
"""How rights are called that a verb of the client needs, where they have another name."""


def status_of(answer: Answer) -> Mapping[str, Any]:
    """Return what a refusal says of itself: a Status of the API; empty if it is none."""
    try:
        said = json.loads(answer.data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) and said.get("kind") == "Status" else {}


def is_unknown_kind(answer: Answer) -> bool:
    """Whether the server knows no such kind of object at all, and not only no such object."""
    return answer.status == NOT_FOUND and not status_of(answer)


def refusal(verb: str, what: str, answer: Answer) -> ClusterError:
    """Return the error for an answer: what was asked for, what came back, what to do.

    Parameters
    ----------
    verb, what
        What was asked for, for example ``apply`` and ``deployments.apps default/video``.
    answer
        What came back.
    """
    said = status_of(answer)
    message = str(said.get("message") or answer.data[:200].decode(errors="replace").strip())
    advice = _advice(verb, what, answer, message)
    return ClusterError(f"{verb} {what}: {brief(message, 600)} ({answer.status}){advice}", answer.status)


def _advice(verb: str, what: str, answer: Answer, message: str) -> str:
    if is_unknown_kind(answer):
        own = f"; IPA is not installed in this cluster: `{INSTALL}`" if GROUP in what else ""
        return f"; the cluster knows no {what.split()[0]}{own}"
    if answer.status == NOT_FOUND and message.startswith("namespaces "):
        return "; make the namespace first: `kubectl create namespace ...`"
    if answer.status == 401:
        return "; the credentials are not accepted: renew those in the kubeconfig"
    if answer.status == 403 and "exceeded quota" not in message:
        right = f"{_RIGHTS.get(verb, verb)} {what.split()[0]}"
        return (
            f"; the right is missing: {right}; `{INSTALL}` gives the accounts of IPA what they need, and"
            " `kubectl auth can-i --list` shows what there is"
        )
    return ""
