"""Files of the user's own, one an item: pictures, sounds or texts as they lie there."""

from pathlib import Path

from ipa.errors import PayloadError, brief
from ipa.files import is_regular_file
from ipa.limits import Range
from ipa.serving.payloads.payload import ITEMS, PAYLOADS, FixedPayload, Payload, PayloadRequest
from ipa.serving.v2 import Tensor

TOTAL_BYTES = Range(0, 2_000_000_000, "bytes", whole=True)
"""All files of a payload together; they are read before the load begins."""


@PAYLOADS.named("files")
def files(request: PayloadRequest) -> Payload:
    """Return the files of ``folder`` in the order of their names, as BYTES."""
    request.check_names({"folder": ""})
    names = request.names("BYTES", "files")
    if len(names) != 1:
        raise PayloadError(f"payload files fills one input, and the model has {len(names)}")
    folder = Path(str(request.settings.get("folder", ""))).expanduser()
    found = _regular_files(folder, str(request.settings.get("folder", "")))
    return FixedPayload([[Tensor.of(names[0], [file.read_bytes()])] for file in found])


def _regular_files(folder: Path, given: str) -> list[Path]:
    if not given or not folder.is_dir():
        raise PayloadError(
            f"payload files needs a folder that exists, as in --payload-setting folder=pictures;"
            f" {brief(given)!r} is none"
        )
    found = sorted(file for file in folder.iterdir() if is_regular_file(file))
    if not found:
        raise PayloadError(f"there is no file in {brief(given, 200)}")
    ITEMS.check(f"files in {brief(given, 200)}", len(found))
    TOTAL_BYTES.check(f"size of the files in {brief(given, 200)}", sum(file.stat().st_size for file in found))
    return found
