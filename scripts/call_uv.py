"""Call uv with what pip is set to: where packages come from, certificates, proxies; uv reads none of it.

.venv/bin/python scripts/call_uv.py pip list
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent

TRUE = {"1", "true", "yes", "on"}
AS_IT_IS = str
UV_VARIABLES: dict[str, tuple[str, Callable[[str], str]]] = {
    "index-url": ("UV_DEFAULT_INDEX", AS_IT_IS),
    "extra-index-url": ("UV_INDEX", lambda value: " ".join(value.split())),
    "find-links": ("UV_FIND_LINKS", lambda value: ",".join(value.split())),
    "trusted-host": ("UV_INSECURE_HOST", lambda value: " ".join(value.split())),
    "cert": ("SSL_CERT_FILE", AS_IT_IS),
    "proxy": ("ALL_PROXY", AS_IT_IS),
    "default-timeout": ("UV_HTTP_TIMEOUT", lambda value: str(int(float(value)))),
    "timeout": ("UV_HTTP_TIMEOUT", lambda value: str(int(float(value)))),
}
"""What uv calls a setting of pip; uv reads neither the files nor the variables of pip."""


def pip_settings(listed: str) -> dict[str, str]:
    """Return the settings that hold for ``pip install`` among the lines of ``pip config list``.

    A variable comes before a file, and in a file the section of the command before the one for all commands.
    """
    found: dict[tuple[int, str], str] = {}
    for line in listed.splitlines():
        match = re.fullmatch(r"(global|install|:env:)\.([\w-]+)=(['\"].*)", line)
        if match:
            rank = ("global", "install", ":env:").index(match[1])
            found[rank, match[2]] = str(ast.literal_eval(match[3]))
    return {name: value for (_, name), value in sorted(found.items())}


def uv_environment(settings: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for uv: those given, and what pip's settings say where nothing is given.

    Several indexes are looked through as pip does it; a file from the wrong one fails the hash check.
    """
    told = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for name, value in settings.items():
        if name in UV_VARIABLES:
            variable, translate = UV_VARIABLES[name]
            told[variable] = translate(value)
    return told | dict(given)


def call_uv(arguments: Sequence[str], uv: Path = BIN / "uv") -> None:
    """Call uv; what it cannot do is a ``CalledProcessError``. Without pip there are no settings of it."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings = pip_settings(listed.stdout)
    if settings.get("no-index", "").lower() in TRUE and arguments[0] == "pip":
        arguments = [*arguments, "--no-index"]
    subprocess.run([str(uv), "--quiet", *arguments], check=True, env=uv_environment(settings, os.environ))


if __name__ == "__main__":
    try:
        call_uv(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
