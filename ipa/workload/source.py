"""Where the published trace comes from and how to recognise it (``data/workloads/trace.yaml``)."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ipa.file_stamps import cached_by_content
from ipa.paths import cache_dir, data_dir
from ipa.strict_yaml import Whole, read_model

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class TraceSource(BaseModel):
    """Address and fingerprints of the published trace.

    Parameters
    ----------
    url
        Address of the authors' archive.
    archive_sha256
        SHA-256 of that archive.
    text_sha256
        SHA-256 of the decompressed text.
    text_name
        Name of the text inside the archive.
    file_name
        What the download is called in the cache folder.
    n_s
        Seconds in the trace.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    archive_sha256: Sha256
    text_sha256: Sha256
    text_name: str
    file_name: str
    n_s: Annotated[Whole, Field(ge=1)]


@cached_by_content
def _read(path: Path) -> TraceSource:
    return read_model(path, TraceSource)


def published_source() -> TraceSource:
    """Return the source of the published trace."""
    return _read(data_dir() / "workloads" / "trace.yaml")


def cached_trace() -> Path:
    """Return where a downloaded trace lies in this user's cache; it need not exist."""
    return cache_dir() / published_source().file_name
