"""The decisions of a run under way, on the disk as soon as they are taken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ipa.results.decisions import DecisionRecord
from ipa.results.folder import DECISIONS, as_line, write_lines
from ipa.results.json_files import writing


class DecisionLog:
    """Writes one line a decision and flushes it, so that a run that is killed leaves what it decided.

    Parameters
    ----------
    folder
        Where ``decisions.jsonl`` is written.

    Examples
    --------
    Where a line could not be written, for the disk was full for a while, all are written anew at the end::

        with decision_log(draft) as log:
            outcome = execute(run, log.add)
            log.complete(outcome.decisions)
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / DECISIONS
        self._stream = self._file.open("w", encoding="utf-8")
        self._written = 0

    def add(self, record: DecisionRecord) -> None:
        """Write the record of a step."""
        self._stream.write(as_line(record.as_dict()))
        self._stream.flush()
        self._written += 1

    def complete(self, records: Sequence[DecisionRecord]) -> None:
        """Make sure that the file holds all of a run's records.

        Raises
        ------
        ResultsError
            If that cannot be written now either.
        """
        self.close()
        if self._written != len(records):
            write_lines(self._file, (record.as_dict() for record in records))

    def close(self) -> None:
        """Close the file; what it could not take is lost."""
        try:
            self._stream.close()
        except OSError:
            # Closing writes what is left in the buffer of a line that failed.
            self._written = -1


@contextmanager
def decision_log(folder: Path) -> Iterator[DecisionLog]:
    """Open the log of a run in a folder, and close it whatever happens."""
    with writing(folder / DECISIONS):
        log = DecisionLog(folder)
    try:
        yield log
    finally:
        log.close()
