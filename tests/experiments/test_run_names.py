"""Names of runs: safe, never shared by two runs, and the same on every machine."""

import json
import re
import shutil
import unicodedata
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa import paper
from ipa.errors import IpaError
from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.run import run_folder
from ipa.experiments.spec import RunSpec
from ipa.results.folder_names import LONGEST, folder_name
from ipa.simulator import ClusterSettings
from tests.support.command import Ipa
from tests.support.specs import changed

SAFE = re.compile(r"[a-z0-9][a-z0-9_.+=~-]*(?<!\.)")
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}

NASTY = [
    "../../victim",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "a:b",
    "a\0b",
    "A",
    "a",
    "a.",
    "a ",
    "con",
    "nul.txt",
    "é",
    unicodedata.normalize("NFD", "é"),
    "ß",
    "ss",
    "ﬁ",
    "fi",
    "K",
    "x" * 300,
    "x" * 301,
    "-rf",
    "~",
    "a+b",
    "a-b=c",
    "\ud800",
    "日本",
]


def is_safe(name: str) -> bool:
    """Whether every file system takes a name as it is, and as one folder."""
    return (
        SAFE.fullmatch(name) is not None
        and len(name) <= LONGEST
        and name.split(".")[0] not in RESERVED
        and Path(name).name == name
    )


def as_stored(name: str) -> str:
    """Return what a file system that ignores case and the composition of letters takes a name for."""
    return unicodedata.normalize("NFKC", name).casefold()


@given(st.lists(st.text() | st.sampled_from(NASTY), min_size=1, max_size=4), st.booleans())
@settings(max_examples=500)
def test_any_parts_give_a_safe_name(parts: list[str], plain: bool) -> None:
    name = folder_name(parts, parts, plain=False)
    assert is_safe(name)
    assert folder_name(parts, parts, plain=False) == name
    if plain:
        assert is_safe(folder_name(["run", *parts], parts, plain=True))


@given(st.lists(st.tuples(*[st.text(max_size=6) | st.sampled_from(NASTY)] * 3), min_size=2, max_size=12))
@settings(max_examples=300)
def test_different_identities_never_share_a_name(identities: list[tuple[str, ...]]) -> None:
    different = set(identities)
    names = {as_stored(folder_name(parts, parts, plain=False)) for parts in different}
    assert len(names) == len(different)


def test_nasty_methods_variants_and_loads_stay_inside_and_apart() -> None:
    specs = {
        *(RunSpec(method=name) for name in NASTY),
        *(RunSpec(workload=name) for name in NASTY),
        *(RunSpec(pipeline=name) for name in NASTY),
        *(RunSpec(edition=name) for name in NASTY),
        *(RunSpec(variants=(name, "b")) for name in NASTY),
        RunSpec(variants=("a", "b", "b")),
        RunSpec(variants=("a+b", "c")),
        RunSpec(variants=("a", "b+c")),
        *(RunSpec(forecaster=name) for name in NASTY),
    }
    folders = {as_stored(str(run_folder(Path("results"), spec))) for spec in specs}
    assert len(folders) == len(specs)
    assert all(is_safe(spec.run_name) and is_safe(spec.folder_name) for spec in specs)


def test_the_runs_of_the_paper_keep_their_plain_names() -> None:
    specs = [
        RunSpec(pipeline, workload, method, edition, trace="real")
        for pipeline, workload, method, edition in product(
            paper.PAPER_PIPELINES,
            (*paper.PAPER_WORKLOADS, "constant-5"),
            paper.PAPER_METHODS,
            paper.PAPER_EDITIONS,
        )
    ]
    assert [spec.run_name for spec in specs] == [f"{s.pipeline}-{s.workload}-{s.method}" for s in specs]
    assert len({run_folder(Path(), spec) for spec in specs}) == len(specs)


numbers = st.floats(min_value=1e-6, max_value=100, allow_nan=False)
options = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 10**6),
        "alpha": numbers,
        "beta": numbers,
        "forecaster": st.sampled_from(["max", "linear", "quantile-0.9", "near-oracle-whole", "a-beta=1.0"]),
        "replicas": st.tuples(st.integers(1, 9), st.integers(1, 9)),
        "variants": st.tuples(st.sampled_from(["a", "b", "a+b"]), st.sampled_from(["c", "d", "C"])),
        "cluster": st.builds(ClusterSettings, core_limit=st.none() | st.integers(1, 99), dispatch_s=numbers),
        "drop": st.sampled_from(["none", "sla", "stage-deadline"]),
        "arrivals": st.sampled_from(["uniform", "paper-burst"]),
        "max_cores": st.integers(1, 99),
    },
)


@given(st.lists(options, min_size=2, max_size=15))
@settings(max_examples=200)
def test_different_options_never_share_a_folder(chosen: list[dict[str, Any]]) -> None:
    specs = {changed(RunSpec(), **changes) for changes in chosen}
    names = {as_stored(spec.run_name) for spec in specs}
    assert len(names) == len(specs)
    assert all(is_safe(name) for name in names)


def test_equal_specs_have_one_name() -> None:
    assert RunSpec(alpha=1).run_name == RunSpec(alpha=1.0).run_name
    assert RunSpec().with_settings(network_delay_s=-0.0).run_name == RunSpec().run_name


@pytest.mark.parametrize(
    "name", ["load", "load.txt", "load.txt.gz.txt", ".load", "LOAD", "lo ad", "constant"]
)
def test_a_load_goes_by_stem_and_content_however_its_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "sub").mkdir()
    for folder in (tmp_path, tmp_path / "sub"):
        (folder / name).write_text("5\n6\n")
    monkeypatch.chdir(tmp_path)
    paths = [f"./{name}", str(tmp_path / name), f"sub/../{name}", f"sub/{name}"]
    names = {RunSpec(workload=path).run_name for path in paths}
    assert len(names) == 1
    (tmp_path / name).write_text("5\n7\n")
    assert RunSpec(workload=paths[0]).run_name not in names


OWN = """name: own
sla_s: 2.5
stages:
  - name: only
    profile: {file: own.csv}
    variants:
      - {name: "NAME", accuracy: 0.61, base_cores: 1}
"""


def own_pipeline(folder: Path, variant: str) -> Path:
    (folder / "own.yaml").write_text(OWN.replace('"NAME"', json.dumps(variant)))
    rows = f'only,"{variant}",1,1,0.08,15\n'
    (folder / "own.csv").write_text("stage,variant,cores,batch,latency_p99_s,throughput_rps\n" + rows)
    return folder / "own.yaml"


@pytest.mark.parametrize("variant", ["x/../../../../victim", "/etc/x", "..", "a b", "C:\\x", "-", "é"])
def test_no_name_of_a_variant_leads_out_of_the_results(ipa: Ipa, tmp_path: Path, variant: str) -> None:
    """The file system outside of the run's folder is, byte by byte, what it was before."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "precious").write_text("mine")
    own = own_pipeline(tmp_path, variant)
    outside = sorted(path for path in tmp_path.rglob("*"))
    command = ("run", "-p", own, "-w", "constant-5", "--duration", 20, "--method", "fa2-low")
    outcome = ipa(*command, "--variants", variant, "--results", tmp_path / "results")
    assert outcome.code == 0, outcome.err
    inside = {path.name for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert inside == {"decisions.jsonl", "provenance.json", "requests.parquet", "summary.json"}
    found = sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "results"))
    assert found == outside
    assert (tmp_path / "victim" / "precious").read_text() == "mine"


def test_the_same_own_pipeline_elsewhere_is_the_same_run(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    own = own_pipeline(tmp_path / "here", "small")
    before = RunSpec(pipeline=str(own))
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    there = replace(before, pipeline=str(tmp_path / "there" / "own.yaml"))
    assert before.run_name == there.run_name
    (tmp_path / "there" / "own.csv").write_text((tmp_path / "here" / "own.csv").read_text() + "\n")
    assert before.run_name != there.run_name


def test_names_of_broken_pipelines_can_be_made_for_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("{")
    assert is_safe(RunSpec(pipeline=str(tmp_path / "broken.yaml")).run_name)
    assert is_safe(RunSpec(pipeline=str(tmp_path / "absent.yaml")).run_name)
    with pytest.raises(IpaError):
        grid_specs(["corrected"], [str(tmp_path / "broken.yaml")])
