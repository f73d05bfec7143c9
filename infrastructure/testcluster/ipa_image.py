"""The image of IPA as this working tree has it, in the nodes of a test cluster."""

from pathlib import Path

from infrastructure.testcluster.images import Image, build_base, build_image, import_image
from infrastructure.testcluster.layout import Layout

ROOT = Path(__file__).parents[2]

IPA_IMAGE = "localhost/ipa:test"


def ipa_image(layout: Layout) -> Image:
    """Return the image of this working tree."""
    folder = ROOT / "infrastructure" / "images"
    inputs = (folder / "requirements.lock", ROOT / "ipa", ROOT / "data")
    return Image(IPA_IMAGE, folder / "Containerfile", ROOT, inputs, {"BASE": build_base(layout)})


def provide_ipa_image(layout: Layout) -> str:
    """Build the image of this working tree unless it is there, give it to all nodes, and return its name."""
    archive = build_image(layout, ipa_image(layout))
    for node in layout.nodes:
        if layout.socket(node).exists():
            import_image(layout, node, archive)
    return IPA_IMAGE
