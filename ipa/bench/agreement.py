"""Whether all solvers agree, on very many generated problems."""

import math
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ipa.bench.comparison import usable
from ipa.bench.problem_file import store_problem
from ipa.bench.reproducer import disagree, shrink
from ipa.errors import MissingExtraError, ResultsError, SolverUnavailableError
from ipa.optimizer.build import build_problem
from ipa.optimizer.corners import corner_problem
from ipa.optimizer.decision import Status
from ipa.optimizer.methods import METHODS, MethodSettings
from ipa.optimizer.problem import Constraints, Objective, Problem
from ipa.optimizer.random_problems import KINDS, random_pipeline, random_problem
from ipa.optimizer.solve import solve
from ipa.paths import stored_results_dir
from ipa.pipeline.accuracy import METRICS
from ipa.results.json_files import read_json, write_json, writing
from ipa.results.provenance import environment
from ipa.results.run_folders import check_writable, locked
from ipa.results.source_files import code_sha256_of
from ipa.workers import worker_pool

CHUNK = 250
"""Problems between two records of progress."""

RATES_RPS = (0.0, 1e-3, 0.5, 1.0, 4.0, 10.0, 20.0, 33.3, 60.0, 250.0, 1e4, 1e7)
"""Arrival rates; at the last ones no plan carries the load."""

TIGHTNESS = (None, None, None, None, -0.1, 0.0, 0.05, 1.0, 1.2)
"""Where the SLA lies; below 0 no plan keeps it."""

CORNERS_SHARE = 0.2
"""Share of the problems that lie at odd corners."""

AGREEMENT_DEADLINE_S = 5.0

_OWN = re.compile(r"\d+-\d+\.json|disagreement-\d+-\d+-[a-z-]+\.json")
"""Names of the files that a campaign writes."""

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class Opponent:
    """A solver that the exact one is compared with.

    Parameters
    ----------
    solver
        Name in ``SOLVERS``.
    every
        Compare on every n-th problem: a slow solver sees a sample.
    most_combinations
        Only problems with at most so many combinations of options; any if None.
    """

    solver: str
    every: int = 1
    most_combinations: int | None = None

    def meets(self, case: int, combinations: int) -> bool:
        """Whether it takes part in a case."""
        return case % self.every == 0 and (
            self.most_combinations is None or combinations <= self.most_combinations
        )


OPPONENTS = (
    Opponent("brute-force", most_combinations=400),
    Opponent("highs"),
    Opponent("gurobi"),
    Opponent("pulp-highs", every=20),
    Opponent("pulp-cbc", every=25),
    Opponent("gurobi-nonlinear", every=20, most_combinations=10_000),
)


@dataclass(frozen=True, slots=True)
class Campaign:
    """Very many problems, each solved by several solvers.

    Parameters
    ----------
    cases
        Number of problems.
    seed
        Seed of all of them; the same seed and number give the same problem.
    opponents
        Solvers that the exact one is compared with.
    folder
        Where progress and disagreements are kept.
    """

    cases: int
    seed: int
    opponents: tuple[Opponent, ...]
    folder: Path

    @property
    def chunks(self) -> list[range]:
        """The cases in portions."""
        return [range(at, min(at + CHUNK, self.cases)) for at in range(0, self.cases, CHUNK)]

    def file(self, chunk: range) -> Path:
        """Where the counts of a portion are kept."""
        return self.folder / "chunks" / f"{chunk.start}-{chunk.stop}.json"


def usable_opponents() -> tuple[Opponent, ...]:
    """Return the opponents that can be used here."""
    return tuple(opponent for opponent in OPPONENTS if usable(opponent.solver))


def draw_problem(seed: int, case: int) -> Problem:
    """Draw a problem of 1 to 6 stages with 1 to 8 variants.

    A fifth of them lie at odd corners (``ipa.optimizer.corners``): at the edge of the SLA, with a limit of
    cores, with weights and latencies of every size. Half of the others are built from a random pipeline at a
    rate from zero to far too much; the rest are options without a pipeline, among them many ties, zero
    accuracies and strong correlation.
    """
    random = Random(f"agreement {seed} {case}")
    if random.random() < CORNERS_SHARE:
        return corner_problem(random.randrange(10**9))
    metric = random.choice(sorted(METRICS))
    stages, variants = random.randint(1, 6), random.randint(1, 8)
    if random.random() < 0.5:
        return _from_pipeline(random, stages, variants, metric)
    kind = random.choice(sorted(KINDS))
    if kind == "strong":
        stages, variants = min(stages, 3), min(variants, 4)
    return random_problem(
        seed=random.randrange(10**9),
        stages=stages,
        variants=variants,
        batches=random.randint(1, 3),
        kind=kind,
        metric=metric,
        tightness=random.choice(TIGHTNESS),
    )


def _from_pipeline(random: Random, stages: int, variants: int, metric: str) -> Problem:
    pipeline = random_pipeline(random.randrange(10**9), stages, variants)
    method = random.choice(sorted(METHODS))
    settings = MethodSettings(replicas=tuple(random.randint(1, 12) for _ in range(stages)))
    return build_problem(
        pipeline,
        random.choice(RATES_RPS),
        Objective(
            METRICS[metric], random.choice((0.0, 1.0, 5.0, 40.0)), random.choice((0.0, 0.5, 1.0)), 1e-6
        ),
        Constraints(
            batch_sizes=random.choice(((1,), (1, 2, 8), (1, 2, 4, 8))),
            latency_margin=random.choice((0.0, 0.2)),
            throughput_margin=random.choice((0.0, -0.5)),
            queue=random.choice(("fill", "loosening")),
            sla_s=pipeline.sla_s * random.choice((0.0, 0.3, 0.6, 1.0, 3.0)),
        ),
        METHODS[method](pipeline, settings),
    )


def bench_agreement(campaign: Campaign, jobs: int, *, resume: bool, progress: Progress) -> dict[str, Any]:
    """Compare the exact solver with the others on every problem of a campaign.

    Parameters
    ----------
    campaign
        Problems and solvers.
    jobs
        Processes.
    resume
        Keep the portions that are complete; start anew if False.
    progress
        Called with (cases done, cases, disagreements) as portions end.

    Returns
    -------
    dict
        The summary: counts per solver, per status and kind of outcome, and the files of disagreements.

    Raises
    ------
    ResultsError
        If the folder holds progress of another campaign.
    """
    results_dir = campaign.folder.parent.parent
    check_writable(results_dir)
    with locked(campaign.folder, results_dir):
        _begin(campaign, resume=resume)
        left = [chunk for chunk in campaign.chunks if _counts(campaign, chunk) is None]
        done = campaign.cases - sum(map(len, left))
        progress(done, campaign.cases, "")
        for chunk in _run(campaign, left, jobs):
            done += len(chunk)
            progress(done, campaign.cases, "")
        return summary(campaign)


def summary(campaign: Campaign) -> dict[str, Any]:
    """Add up the portions that are complete."""
    counts: Counter[str] = Counter()
    for chunk in campaign.chunks:
        counts.update(_counts(campaign, chunk) or {})
    cases = int(counts["cases"])
    return {
        "cases": cases,
        "asked_for": campaign.cases,
        "seed": campaign.seed,
        "infeasible": int(counts["infeasible"]),
        "fell_back": int(counts["fell back"]),
        "busy_s": round(counts["seconds"], 1),
        "solvers": {opponent.solver: _outcomes(opponent, counts) for opponent in campaign.opponents},
        "disagreements": sorted(file.name for file in campaign.folder.glob("disagreement-*.json")),
        "environment": environment(),
    }


def keep(campaign: Campaign) -> Path:
    """Copy the summary and the disagreements of a campaign to the results that belong to the repository.

    Returns
    -------
    pathlib.Path
        The file of the summary.

    Raises
    ------
    ResultsError
        If a larger campaign with this seed is kept there.
    """
    folder = published_agreement_dir()
    target = folder / f"seed-{campaign.seed}.json"
    before = _read(target).get("cases", 0)
    if isinstance(before, int) and before > campaign.cases:
        raise ResultsError(f"{target} holds {before:,} cases; {campaign.cases:,} do not replace them")
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob(f"disagreement-{campaign.seed}-*.json"):
        stale.unlink()
    for file in campaign.folder.glob("disagreement-*.json"):
        shutil.copy(file, folder)
    write_json(target, summary(campaign))
    return target


def published_agreement_dir() -> Path:
    """Return where the summaries and the disagreements of complete campaigns are kept."""
    return stored_results_dir() / "agreement"


def _outcomes(opponent: Opponent, counts: Counter[str]) -> dict[str, Any]:
    names = ("compared", "same", "unproven", "refused", "disagreements")
    outcomes = {name: int(counts[f"{opponent.solver} {name}"]) for name in names}
    return outcomes | {
        "share": round(outcomes["compared"] / max(counts["cases"], 1), 4),
        "every": opponent.every,
        "most_combinations": opponent.most_combinations,
    }


def _begin(campaign: Campaign, *, resume: bool) -> None:
    identity = {
        "seed": campaign.seed,
        "opponents": [[o.solver, o.every] for o in campaign.opponents],
        "code_sha256": code_sha256_of(Path(__file__)),
    }
    file = campaign.folder / "campaign.json"
    for link in (file, campaign.folder / "chunks"):
        if link.is_symlink():
            raise ResultsError(f"{link} is a link; nothing is written there. Remove it")
    if resume and file.exists():
        if _read(file) != identity:
            raise ResultsError(
                f"{campaign.folder} holds a run with another seed, other solvers or other code;"
                " use --no-resume"
            )
        return
    with writing(campaign.folder):
        for old in (*campaign.folder.glob("chunks/*.json"), *campaign.folder.glob("disagreement-*.json")):
            if _OWN.fullmatch(old.name):
                old.unlink()
    write_json(file, identity)


def _read(file: Path) -> dict[str, Any]:
    """Read a mapping; one that is missing or damaged is empty."""
    try:
        content = read_json(file)
    except ResultsError:
        return {}
    return content if isinstance(content, dict) else {}


def _counts(campaign: Campaign, chunk: range) -> dict[str, float] | None:
    """Return the counts of a portion; None if it is not complete."""
    counts = _read(campaign.file(chunk))
    numbers = all(type(count) in (int, float) for count in counts.values())
    return counts if numbers and "seconds" in counts and counts.get("cases") == len(chunk) else None


def _run(campaign: Campaign, chunks: Sequence[range], jobs: int) -> Iterator[range]:
    if jobs == 1:
        for chunk in chunks:
            run_chunk(campaign, chunk)
            yield chunk
        return
    with worker_pool(jobs) as pool:
        futures = {pool.submit(run_chunk, campaign, chunk): chunk for chunk in chunks}
        for future in as_completed(futures):
            future.result()
            yield futures[future]


def run_chunk(campaign: Campaign, chunk: range) -> None:
    """Compare on a portion of the cases and keep the counts."""
    counts: Counter[str] = Counter()
    started = time.perf_counter()
    for case in chunk:
        _compare(campaign, case, counts)
    write_json(campaign.file(chunk), counts | {"seconds": time.perf_counter() - started})


def _compare(campaign: Campaign, case: int, counts: Counter[str]) -> None:
    problem = draw_problem(campaign.seed, case)
    exact = solve(problem, deadline_s=AGREEMENT_DEADLINE_S)
    counts["cases"] += 1
    counts["infeasible"] += exact.status is Status.INFEASIBLE
    counts["fell back"] += bool(exact.note)
    combinations = math.prod(len(options) for options in problem.options)
    for opponent in campaign.opponents:
        if not opponent.meets(case, combinations):
            continue
        solver = opponent.solver
        try:
            other = solve(problem, solver, AGREEMENT_DEADLINE_S)
        except (SolverUnavailableError, MissingExtraError):
            counts[f"{solver} refused"] += 1
            continue
        counts[f"{solver} compared"] += 1
        if disagree(exact, other):
            counts[f"{solver} disagreements"] += 1
            name = f"disagreement-{campaign.seed}-{case}-{solver}.json"
            store_problem(campaign.folder / name, shrink(problem, solver, AGREEMENT_DEADLINE_S), solver)
        else:
            counts[f"{solver} {'unproven' if other.status is Status.FEASIBLE else 'same'}"] += 1
