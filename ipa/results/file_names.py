"""Names of figures and tables that are the same file on every system."""

import hashlib
import re
from pathlib import PurePath

PLAIN, NOT_PLAIN = (
    re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+~-]*"),
    re.compile(r"[^A-Za-z0-9_=+~-]+"),
)


def safe_name(name: str) -> str:
    """Return a name that is the same file on every system: of anything else its readable part and a hash.

    Examples
    --------
    >>> safe_name("audio-qa"), safe_name("../mine/my pipeline.yaml")
    ('audio-qa', 'my-pipeline~2da85f')
    """
    if PLAIN.fullmatch(name):
        return name
    stem = PurePath(name).stem if PurePath(name).suffix or "/" in name else name
    return f"{NOT_PLAIN.sub('-', stem)[:40].strip('-') or 'unnamed'}~{short_hash(name)}"


def short_hash(text: str) -> str:
    """Return six characters that tell names apart which look the same."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
