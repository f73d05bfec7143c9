"""The folder of a profile: the measurements, the pipeline file, and what they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipa.errors import ResultsError
from ipa.profiler.machine import IDENTITY, machine_facts, same_machine
from ipa.profiler.point import MeasuredPoint, PointKey
from ipa.profiler.table import read_points, write_points
from ipa.profiler.target import LOCAL, Wanted
from ipa.results.json_files import read_json, write_json, writing


@dataclass(slots=True)
class SessionFacts:
    """Where and when points were measured in one go.

    Parameters
    ----------
    machine
        What identifies the machine and the software on it.
    begun, ended
        When, and how much there was to do on the machine.
    """

    machine: Mapping[str, Any]
    begun: Mapping[str, Any]
    ended: Mapping[str, Any]


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
            If the folder holds a profile of another source, platform or machine. Which machine a cluster will
            take is not known yet; see ``check_machine``.
        """
        if self.facts.exists():
            facts = read_json(self.facts)
            self._settle(self._other_kind(wanted, facts), force=force)
            if wanted.platform == LOCAL:
                self._settle(self._other_machine(facts, machine_facts()), force=force)
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

    def check_machine(self, machine: Mapping[str, Any], *, force: bool) -> bool:
        """Hold the machine of a replica against that of the measurements.

        Parameters
        ----------
        machine
            What identifies it.
        force
            Whether to give up a profile of another machine.

        Returns
        -------
        bool
            Whether one was given up.

        Raises
        ------
        ResultsError
            If the folder holds a profile of another machine.
        """
        if not self.facts.exists():
            return False
        return self._settle(self._other_machine(read_json(self.facts), machine), force=force)

    def note_session(self, wanted: Wanted, session: SessionFacts, measured: int) -> None:
        """Write down a session that measured some points, and the machine."""
        sessions = read_json(self.facts)["sessions"] if self.facts.exists() else []
        noted = {
            "begun": dict(session.begun),
            "ended": dict(session.ended),
            "points": measured,
            "precision": wanted.rule.precision,
            "budget_s": wanted.rule.budget_s,
        }
        facts = {
            "pipeline": self.name,
            "source": wanted.source,
            "platform": wanted.platform,
            "machine": dict(session.machine),
            "sessions": [*sessions, noted],
        }
        write_json(self.facts, facts)

    def _settle(self, problem: str, *, force: bool) -> bool:
        """Give up what does not go with new measurements; return whether anything was given up."""
        if not problem:
            return False
        if not force:
            raise ResultsError(f"{problem}; choose another folder with --out, or replace them with --force")
        for file in (self.facts, self.table, self.pipeline):
            file.unlink(missing_ok=True)
        return True

    def _other_kind(self, wanted: Wanted, facts: Any) -> str:
        """Return why measurements were taken in another way than new ones; empty if they were not."""
        try:
            there = facts["source"], facts.get("platform", LOCAL)
        except (KeyError, TypeError, AttributeError) as error:
            raise self._no_facts() from error
        for what, old, new in zip(
            ("source", "platform"), there, (wanted.source, wanted.platform), strict=True
        ):
            if old != new:
                return f"{self.folder} holds measurements of the {what} {old}, not {new}"
        return ""

    def _other_machine(self, facts: Any, machine: Mapping[str, Any]) -> str:
        """Return that measurements are of another machine; empty if they are not."""
        try:
            known = facts["machine"]
            there = ", ".join(str(known[fact]) for fact in IDENTITY)
        except (KeyError, TypeError) as error:
            raise self._no_facts() from error
        return (
            ""
            if same_machine(known, machine)
            else f"{self.folder} holds measurements of another machine ({there})"
        )

    def _no_facts(self) -> ResultsError:
        return ResultsError(f"{self.facts}: holds no facts of a profile; choose another folder with --out")
