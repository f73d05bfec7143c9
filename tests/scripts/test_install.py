"""The installation of the locked packages: what uv is told, and that either tool checks the hashes."""

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from call_uv import pip_settings, uv_environment
from install_lock import locked

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "install_lock.py"
UV = Path(sys.executable).parent / "uv"

LISTED = """\
:env:.find-links='/wheels /more'
:env:.index-url='https://mirror.example/simple'
global.cert='/etc/ca.pem'
global.index-url='https://elsewhere.example/simple'
global.extra-index-url='file:///a/simple\\nfile:///b/simple'
global.default-timeout='60.0'
install.default-timeout='90'
global.trusted-host="it's.example"
download.index-url='https://not-for-install.example'
global.quiet='1'
"""


def test_what_pip_is_set_to_reaches_uv() -> None:
    settings = pip_settings(LISTED)
    assert uv_environment(settings, {"PATH": "/bin"}) == {
        "PATH": "/bin",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_HTTP_TIMEOUT": "90",
        "UV_INDEX": "file:///a/simple file:///b/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "it's.example",
    }


def test_what_uv_is_set_to_comes_before_what_pip_is_set_to() -> None:
    given = {"UV_DEFAULT_INDEX": "https://own.example", "UV_INDEX_STRATEGY": "first-index"}
    told = uv_environment({"index-url": "https://mirror.example"}, given)
    assert told == given


def test_the_pin_of_uv_is_in_the_lock_with_its_hashes() -> None:
    pin = locked((ROOT / "requirements.lock").read_text(), "uv")
    first, *rest = [line for line in pin.splitlines() if not line.lstrip().startswith("#")]
    assert first.startswith("uv==")
    assert len(rest) > 3
    assert all(line.strip().startswith("--hash=sha256:") for line in rest)


def test_a_package_that_is_not_locked_is_named() -> None:
    with pytest.raises(SystemExit, match="the lock names no uvicorn"):
        locked("uv==1 \\\n    --hash=sha256:0\n", "uvicorn")


def wheel(folder: Path) -> str:
    """Write a wheel of one module and return the line of a lock that pins it."""
    info = "tiny-1.0.dist-info"
    files = {
        "tiny.py": "ANSWER = 42\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},{digest(text)},{len(text)}\n" for name, text in files.items())
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as archive:
        for name, text in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            archive.writestr(name, text)
    sha256 = hashlib.sha256((folder / "tiny-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    return f"tiny==1.0 --hash=sha256:{sha256}\n"


def digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a new environment with nothing but pip."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


def offline(call: list[str | Path], wheels: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that can install from one folder and from nowhere else."""
    environment = {"PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    return subprocess.run(call, env=environment, capture_output=True, text=True, check=False)


def answer(python: Path, wheels: Path) -> tuple[str, bool]:
    """Import the module, say what it holds and whether it was compiled, and remove it."""
    code = "import tiny, pathlib; print(tiny.ANSWER, pathlib.Path(tiny.__cached__).exists())"
    printed = offline([python, "-B", "-c", code], wheels).stdout.split()
    offline([python, "-m", "pip", "uninstall", "--yes", "tiny"], wheels)
    return printed[0], printed[1] == "True"


def test_pip_installs_where_uv_cannot_be_had(bare: Path, tmp_path: Path) -> None:
    lock = tmp_path / "tiny.lock"
    lock.write_text(wheel(tmp_path) + f"uv==0.0.1 --hash=sha256:{'0' * 64}\n")
    done = offline([bare, SCRIPT, lock], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "pip does it now" in done.stderr
    assert answer(bare, tmp_path) == ("42", True)


@pytest.mark.skipif(not UV.exists(), reason="uv is not installed")
def test_uv_installs_from_where_pip_would(bare: Path, tmp_path: Path) -> None:
    lock = tmp_path / "tiny.lock"
    lock.write_text(wheel(tmp_path))
    code = (
        "import pathlib, sys; scripts, lock, uv = sys.argv[1:]; sys.path.insert(0, scripts); "
        "import install_lock; install_lock.install_with_uv([['-r', lock]], pathlib.Path(uv))"
    )
    done = offline([bare, "-c", code, SCRIPT.parent, lock, UV], tmp_path)
    assert done.returncode == 0, done.stderr
    assert answer(bare, tmp_path) == ("42", True)


def test_a_file_that_is_not_the_locked_one_is_not_installed(bare: Path, tmp_path: Path) -> None:
    lock = tmp_path / "tiny.lock"
    wheel(tmp_path)
    lock.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\nuv==0.0.1 --hash=sha256:{'0' * 64}\n")
    done = offline([bare, SCRIPT, lock], tmp_path)
    assert done.returncode != 0
    assert "the packages were not installed" in done.stderr
