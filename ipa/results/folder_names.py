"""Names of folders from names of things: safe on every file system, and never the same for two things."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence

LONGEST = 120
"""Characters in a name; file systems take 255, encrypted ones 143, and drafts need some."""

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.+=-]*(?<![.])")
_HASH_CHARACTERS = 12
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
"""Devices, for Windows, whatever follows after a dot."""


def folder_name(parts: Sequence[str], identity: object, *, plain: bool) -> str:
    """Join parts to the name of a folder.

    Parameters
    ----------
    parts
        What a reader should see.
    identity
        What the folder stands for, as plain values; where the parts alone do not tell it apart from
        everything else, a hash of it is appended.
    plain
        Whether the caller knows that no other identity has these parts.

    Returns
    -------
    str
        Lower-case letters, digits and ``_.+=-~``; at most ``LONGEST`` characters; never starts with a dot,
        ends with one or leads to another folder.

    Examples
    --------
    >>> folder_name(["video", "bursty", "ipa"], 1, plain=True)
    'video-bursty-ipa'
    >>> folder_name(["video", "../../etc", "IPA"], 1, plain=True)
    'video-etc-ipa~6b86b273ff34'
    """
    joined = "-".join(parts)
    if plain and len(joined) <= LONGEST and _PLAIN.fullmatch(joined):
        return joined
    content = json.dumps(identity, sort_keys=True, default=str).encode("utf-8", "surrogatepass")
    most = LONGEST - _HASH_CHARACTERS - len("run-~")
    shown = "-".join(filter(None, map(_safe, parts)))[:most].strip("._+=-")
    if not shown or shown.split(".")[0] in _RESERVED:
        shown = f"run-{shown}".rstrip("-")
    return f"{shown}~{hashlib.sha256(content).hexdigest()[:_HASH_CHARACTERS]}"


def _safe(part: str) -> str:
    folded = unicodedata.normalize("NFKD", part).lower()
    return re.sub(r"_{2,}", "_", re.sub(r"[^a-z0-9_.+=-]|\.{2,}", "_", folded)).strip("._-")
