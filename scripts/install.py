"""Install the locked packages, and folders of packages, for the Python that runs this script.

uv needs seconds where pip needs a minute or two; where uv cannot be had or fails, pip does it. Both check
every file against the SHA-256 in the lock and compile it to bytecode. ``make`` calls it in its environment:

    .venv/bin/python scripts/install.py requirements.lock .
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]

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


def locked(lock: str, package: str) -> str:
    """Return the lines of a lock file that pin one package."""
    lines = re.search(rf"^{package}==(?:.*\n)(?:[ \t].*\n)*", lock, re.MULTILINE)
    if lines is None:
        raise SystemExit(f"the lock names no {package}")
    return lines[0]


def install_uv(pin: str) -> None:
    """Install the locked uv with pip, checked like every other package."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pin)
        file.flush()
        install_with_pip([["--no-deps", "--require-hashes", "-r", file.name]])


def install_with_uv(targets: Sequence[list[str]], uv: Path = BIN / "uv") -> None:
    """Install each target with uv, from where pip would take it."""
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=True)
    settings = pip_settings(listed.stdout)
    call = [str(uv), "--quiet", "pip", "install", "--python", sys.executable, "--compile-bytecode"]
    call += ["--no-index"] if settings.get("no-index", "").lower() in {"1", "true", "yes", "on"} else []
    for target in targets:
        subprocess.run([*call, *target], check=True, env=uv_environment(settings, os.environ))


def install_with_pip(targets: Sequence[list[str]]) -> None:
    """Install each target with pip."""
    for target in targets:
        subprocess.run([*PIP, "install", "--quiet", *target], check=True)


def main(lock: str, *packages: str) -> None:
    """Install what the lock names, then folders of packages, with uv where that works, else with pip."""
    text = Path(lock).read_text()
    pin = locked(text, "uv")
    folders = [["--no-deps", "--no-build-isolation", "--editable", package] for package in packages]
    try:
        install_uv(pin)
        install_with_uv([["--no-deps", "--require-hashes", "-r", lock], *folders])
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"uv did not install the packages ({error}); pip does it now, more slowly", file=sys.stderr)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as others:
            others.write(text.replace(pin, ""))
            others.flush()
            install_with_pip([["--no-deps", "--require-hashes", "-r", others.name], *folders])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"the packages were not installed: {error}")
