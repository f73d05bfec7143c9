"""Which files a piece of work wrote, its child processes included: they list them where asked to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

LIST_VARIABLE = "IPA_WRITTEN_FILES"
"""Environment variable that names the file in which ``note_written`` lists what was written."""


def note_written(file: Path) -> None:
    """List a file that a notebook has written, if somebody wants to know."""
    listed = os.environ.get(LIST_VARIABLE)
    if listed:
        with Path(listed).open("a", encoding="utf-8") as stream:
            stream.write(f"{file.resolve()}\n")


@contextmanager
def written_files() -> Iterator[list[Path]]:
    """Yield a list that holds, once the body has ended, the files that it and its kernels wrote."""
    files: list[Path] = []
    with TemporaryDirectory() as folder:
        listed = Path(folder) / "written.txt"
        listed.touch()
        before = os.environ.get(LIST_VARIABLE)
        os.environ[LIST_VARIABLE] = str(listed)
        try:
            yield files
        finally:
            if before is None:
                del os.environ[LIST_VARIABLE]
            else:
                os.environ[LIST_VARIABLE] = before
            lines = listed.read_text(encoding="utf-8").splitlines()
            files += [Path(line) for line in dict.fromkeys(lines)]
