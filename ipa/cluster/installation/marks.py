"""How what belongs to the installation of IPA is told from everything else in a cluster."""

from ipa.cluster.kinds import Object
from ipa.cluster.names import GROUP

MARK, VALUE = f"{GROUP}/part-of", "installation"
"""Label of every object that the installation makes; what does not carry it is not ours."""

SELECTOR = f"{MARK}={VALUE}"


def is_marked(thing: Object) -> bool:
    """Whether an object belongs to the installation."""
    return bool((thing["metadata"].get("labels") or {}).get(MARK) == VALUE)
