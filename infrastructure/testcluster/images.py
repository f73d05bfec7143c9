"""Images for a test cluster, made without a registry and kept by the hash of what goes into them."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.testcluster.layout import Layout, Node
from infrastructure.testcluster.machine import call

HERE = Path(__file__).parent
SUITE = "bookworm"
BASE_PACKAGES = "python3,python3-venv,ca-certificates"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Certificates of the machine, lent to pip while an image is built."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image to build.

    Parameters
    ----------
    name
        With its tag, for example ``localhost/ipa:test``.
    containerfile
        How it is built.
    context
        Folder that it is built from.
    inputs
        Files and folders that make a new build necessary when they change.
    arguments
        Build arguments.
    """

    name: str
    containerfile: Path
    context: Path
    inputs: tuple[Path, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Hash of everything that goes into it."""
        digest = hashlib.sha256(repr(sorted(self.arguments.items())).encode())
        for file in _files((self.containerfile, *self.inputs)):
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()[:16]


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inner = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [file for file in inner if file.is_file() and "__pycache__" not in file.parts]
    return found


def build_image(layout: Layout, image: Image) -> Path:
    """Build an image unless the same one is there; return its archive."""
    archive = _archive(layout, image.name, image.digest)
    if archive.exists():
        return archive
    arguments = [f"--build-arg={key}={value}" for key, value in image.arguments.items()]
    lent = (f"--volume={AUTHORITIES}:/run/ca.crt:ro", "--build-arg=PIP_CERT=/run/ca.crt")
    _bud(layout, image.name, image.containerfile, str(image.context), "--pull-never", *lent, *arguments)
    return _save(layout, image.name, archive)


def build_pause(layout: Layout) -> Path:
    """Build the image that holds the namespaces of a pod: one static program."""
    source = HERE / "pause.c"
    archive = _archive(layout, "localhost/pause:3", hashlib.sha256(source.read_bytes()).hexdigest()[:16])
    if archive.exists():
        return archive
    with tempfile.TemporaryDirectory() as folder:
        call("cc", "-O2", "-static", "-s", "-o", f"{folder}/pause", str(source))
        file = Path(folder) / "Containerfile"
        file.write_text('FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n')
        _bud(layout, "localhost/pause:3", file, folder)
    return _save(layout, "localhost/pause:3", archive)


def build_base(layout: Layout) -> str:
    """Build the Debian that the other images start from, once, and return its name."""
    name = "localhost/ipa-base:bookworm"
    if call(*_buildah(layout), "images", "--quiet", name, check=False).strip():
        return name
    with tempfile.TemporaryDirectory(dir=layout.cache) as folder:
        root = Path(folder) / "root"
        call(
            *("debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}"),
            *(SUITE, str(root), _mirror()),
        )
        shutil.rmtree(root / "var" / "cache" / "apt", ignore_errors=True)
        shutil.rmtree(root / "usr" / "share" / "doc", ignore_errors=True)
        archive = Path(folder) / "root.tar"
        without = [f"--exclude=./{name}/*" for name in ("proc", "sys", "dev")]
        call("tar", "-C", str(root), *without, "-cf", str(archive), ".")
        file = Path(folder) / "Containerfile"
        file.write_text("FROM scratch\nADD root.tar /\n")
        _bud(layout, name, file, folder)
    return name


def _mirror() -> str:
    """Return where this machine's own Debian comes from."""
    for file in sorted(Path("/etc/apt").rglob("*.sources")):
        for line in file.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key == "URIs" and value.strip().rstrip("/").endswith("/debian"):
                return value.strip()
    raise RuntimeError("no Debian mirror in /etc/apt/*.sources: debootstrap needs one")


def import_images(layout: Layout, node: Node) -> None:
    """Give all images that were built to a node."""
    build_pause(layout)
    for archive in sorted((layout.cache / "images").glob("*.tar")):
        import_image(layout, node, archive)


def import_image(layout: Layout, node: Node, archive: Path) -> None:
    """Give an image to a node unless it is the one of this name that the node got last."""
    mark = layout.cache / node.name / "imported" / archive.name.rsplit("-", 1)[0]
    if mark.exists() and mark.read_text(encoding="utf-8") == archive.name:
        return
    call("ctr", "-a", str(layout.socket(node)), "-n", "k8s.io", "images", "import", str(archive))
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(archive.name, encoding="utf-8")


def _bud(layout: Layout, name: str, containerfile: Path, context: str, *options: str) -> None:
    """Build an image; the steps run in a chroot, which needs no network and no rights of its own."""
    command = ("bud", "--layers", "--isolation=chroot", f"--tag={name}", f"--file={containerfile}", *options)
    call(*_buildah(layout), *command, context)


def _archive(layout: Layout, name: str, digest: str) -> Path:
    folder = layout.cache / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name.replace('/', '+').replace(':', '@')}-{digest}.tar"


def _save(layout: Layout, name: str, archive: Path) -> Path:
    """Write an image to its archive, in place of older ones of that name."""
    draft = archive.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    call(*_buildah(layout), "push", "--disable-compression", name, f"docker-archive:{draft}:{name}")
    for older in archive.parent.glob(f"{archive.name.rsplit('-', 1)[0]}-*.tar"):
        older.unlink()
    return draft.replace(archive)


def _buildah(layout: Layout) -> list[str]:
    store, run = layout.cache / "buildah", layout.cache / "buildah-run"
    return ["buildah", "--root", str(store), "--runroot", str(run), "--storage-driver", "overlay"]


def remove_images(layout: Layout) -> None:
    """Remove every image that was built here."""
    subprocess.run([*_buildah(layout), "rmi", "--all", "--force"], capture_output=True, check=False)
    shutil.rmtree(layout.cache / "images", ignore_errors=True)
