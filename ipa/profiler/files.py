"""The folder of a profile: the measurements, the pipeline file, and what they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipa.errors import ResultsError
from ipa.profiler.machine import IDENTITY, machine_facts, moment, same_machine
from ipa.profiler.point import MeasuredPoint, PointKey
from ipa.profiler.table import read_points, write_points
from ipa.profiler.target import Wanted
from ipa.results.json_files import read_json, write_json, writing


@dataclass(frozen=True, slots=True)
class ProfileFiles:
    """The files of one profile.

    Parameters
    ----------
    folder
        Where they lie.
    name
        Name of the pipeline, and of each of them.
    """

    folder: Path
    name: str

    @property
    def table(self) -> Path:
        """The measurements, a profile as every pipeline file takes it."""
        return self.folder / f"{self.name}.csv"

    @property
    def pipeline(self) -> Path:
        """The pipeline with them."""
        return self.folder / f"{self.name}.yaml"

    @property
    def facts(self) -> Path:
        """Which machine they belong to, and when and how they were taken."""
        return self.folder / f"{self.name}.json"

    def check(self, source: Path) -> None:
        """Refuse to overwrite the pipeline file that is profiled."""
        if self.pipeline.resolve() == source.resolve():
            raise ResultsError(f"{source} would be overwritten; choose another folder with --out")

    def take_up(
        self, wanted: Wanted, fingerprints: Mapping[tuple[str, str], str], *, force: bool
    ) -> dict[PointKey, MeasuredPoint]:
        """Return the points that still hold; those of variants that have changed since are removed.

        Parameters
        ----------
        wanted
            What is asked for now.
        fingerprints
            Those of every variant, by stage and name.
        force
            Whether to give up a profile of another machine or another source.

        Raises
        ------
        ResultsError
            If the folder holds a profile of another machine or another source.
        """
        if self.facts.exists() and (problem := self._difference(wanted, read_json(self.facts))):
            if not force:
                raise ResultsError(
                    f"{problem}; choose another folder with --out, or replace them with --force"
                )
            for file in (self.facts, self.table, self.pipeline):
                file.unlink(missing_ok=True)
        found = read_points(self.table)
        kept = {
            key: point
            for key, point in found.items()
            if point.fingerprint == fingerprints.get((key.stage, key.variant))
        }
        # Before anything is measured that could not be written.
        with writing(self.folder, "--out"):
            self.folder.mkdir(parents=True, exist_ok=True)
        if self.table.exists():
            # Also after a kill, so that the next row does not follow half a one.
            write_points(self.table, kept.values())
        return kept

    def note_session(self, wanted: Wanted, begun: Mapping[str, Any], measured: int) -> None:
        """Write down a session that measured some points, and the machine."""
        sessions = read_json(self.facts)["sessions"] if self.facts.exists() else []
        session = {
            "begun": dict(begun),
            "ended": moment(),
            "points": measured,
            "precision": wanted.rule.precision,
            "budget_s": wanted.rule.budget_s,
        }
        facts = {
            "pipeline": self.name,
            "source": wanted.source,
            "machine": machine_facts(),
            "sessions": [*sessions, session],
        }
        write_json(self.facts, facts)

    def _difference(self, wanted: Wanted, facts: Any) -> str:
        """Return why the measurements of the folder do not go with new ones; empty if they do."""
        try:
            source, machine = facts["source"], facts["machine"]
            there = ", ".join(str(machine[fact]) for fact in IDENTITY)
        except (KeyError, TypeError) as error:
            raise ResultsError(
                f"{self.facts}: holds no facts of a profile; choose another folder with --out"
            ) from error
        if source != wanted.source:
            return f"{self.folder} holds measurements of the source {source}, not {wanted.source}"
        if not same_machine(machine, machine_facts()):
            return f"{self.folder} holds measurements of another machine ({there})"
        return ""
