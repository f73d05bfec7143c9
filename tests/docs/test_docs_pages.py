"""What README and docs say about the code holds: files, commands, limits, claims, length."""

import importlib.util
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.main import get_command

from ipa.cli.app import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 800


def test_limits_and_floors_of_the_pages_are_those_of_the_code() -> None:
    for file, content in generator().generated().items():
        assert file.read_text(encoding="utf-8") == content, f"{file.name}: run python docs/generate.py"


def named_files() -> list[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    # The site is there only after `make docs`.
    return sorted(
        set(re.findall(r"`((?:ipa|data|docs(?!/_build)|examples|results|tests)/[\w/.-]+\.\w+)`", text))
    )


@pytest.mark.parametrize("path", named_files())
def test_files_that_a_page_names_exist(path: str) -> None:
    assert (ROOT / path).exists()


def documented_names() -> list[str]:
    return re.findall(r"^\.\. auto\w+:: (.+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", documented_names())
def test_names_that_the_page_of_python_documents_exist(name: str) -> None:
    assert pkgutil.resolve_name(name)


def named_code() -> list[str]:
    """What the text names as code: ``ipa.module.name``, and ``NAME`` in a module that stands beside it."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    modules = re.findall(r"`(ipa(?:\.\w+)+)`", text)
    registries = re.findall(r"`([A-Z_]+)` (?:\(|in )`(ipa(?:\.\w+)+)`", text)
    return sorted({*modules, *(f"{module}.{name}" for name, module in registries)})


@pytest.mark.parametrize("name", named_code())
def test_modules_and_names_that_a_page_mentions_exist(name: str) -> None:
    if name.startswith("ipa.figures"):
        pytest.importorskip("matplotlib")
    assert pkgutil.resolve_name(name) is not None


def command_names(command: Any, prefix: str = "ipa") -> list[str]:
    subcommands = getattr(command, "commands", {})
    return [
        name
        for sub, below in subcommands.items()
        for name in command_names(below, f"{prefix} {sub}") or [f"{prefix} {sub}"]
    ]


def test_the_table_of_commands_is_complete() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(.+?)`", page, flags=re.MULTILINE))
    listed |= set(re.findall(r", `(ipa [a-z ]+)` \|", page))
    assert set(command_names(get_command(app))) == {name for name in listed if name.startswith("ipa")}


def test_the_verdicts_of_the_table_are_the_stored_ones_on_the_real_trace() -> None:
    page = (DOCS / "claims.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if re.match(r"\| [CV]\d", line)]
    kept = pd.read_csv(ROOT / "results" / "stored" / "claims.csv")
    verdicts = kept[kept["trace"] == "real"].set_index("claim")["verdict"]
    assert len(rows) >= 15
    for row in rows:
        claim, said = row[0].split()[0], re.split(r"[:,(]", row[-1])[0].strip()
        assert str(verdicts[claim]).startswith(said), claim


def test_the_counts_of_the_readme_are_the_stored_ones() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    page = " ".join((DOCS / "claims.md").read_text(encoding="utf-8").split())
    comparison = pd.read_csv(ROOT / "results" / "stored" / "comparison.csv").groupby("edition")
    counts = comparison[["within", "within_with_ties"]].sum()
    (v3, v3_ties), (v1, v1_ties) = counts.loc["v3"], counts.loc["v1"]
    assert f"averages of {v3} of the 80 runs" in readme
    assert (
        f"({v3_ties} accepting exact ties), and {v1} of the 80 of its first submission ({v1_ties})" in readme
    )
    assert f"{80 - v3} + {80 - v1} that miss" in page


def test_the_costs_of_the_page_of_speed_are_the_stored_ones() -> None:
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    stored = json.loads((ROOT / "results" / "stored" / "artifact.json").read_text(encoding="utf-8"))
    for row in stored["rows"]:
        cells = (
            f"{row['wall_s']} s",
            f"{row['cpu_s']} s",
            f"{row['memory_mb']} MB",
            f"{row['results_mb']} MB",
            str(row["runs"]),
        )
        assert f"| {' | '.join(cells)} |" in page, row["command"]


def test_the_changes_under_load_of_the_page_of_serving_are_the_stored_ones() -> None:
    page = " ".join((ROOT / "docs" / "serving.md").read_text(encoding="utf-8").split())
    stored = _stored_live("reconfigure")
    assert sum(stored[what] for what in ("lost", "duplicated", "failed", "dropped", "wrong")) == 0
    assert f"of {stored['requests']:,} requests at 50 a second, through 100 changes" in page
    assert f"{stored['gap_s']:.2f} s ({stored['calm_gap_s']:.2f} s where nothing changed)" in page
    for row in stored["switches"]:
        assert f"| {row['kind']} | {row['count']} | {row['median_ms']} | {row['max_ms']} |" in page


def test_the_lateness_of_the_page_of_the_load_generator_is_the_stored_one() -> None:
    page = " ".join((ROOT / "docs" / "load-generator.md").read_text(encoding="utf-8").split())
    row = next(row for row in _stored_live("load-generator")["rows"] if row["rate_rps"] == 500)
    median_ms, p99_ms = row["lateness_p50_ms"], row["lateness_p99_ms"]
    assert f"{median_ms:.2f} ms (median) and {p99_ms:.2f} ms (p99) at 500 requests/s" in page


def _stored_live(name: str) -> dict[str, Any]:
    file = ROOT / "results" / "stored" / "live" / f"{name}.json"
    stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return stored
