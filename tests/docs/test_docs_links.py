"""Every link of README and docs leads somewhere: files and anchors exist, addresses are well formed."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")


def text_of(page: Path) -> str:
    """The page without its code blocks and inline code, in which nothing is a link."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and MyST make from the headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = [title.lower() for title in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def links() -> list[tuple[Path, str]]:
    return [(page, target) for page in PAGES for target in LINK.findall(text_of(page))]


def fault(page: Path, target: str) -> str:
    """Say what is wrong with a link, or nothing."""
    parts = urlsplit(target)
    if parts.scheme:
        well_formed = parts.scheme == "https" and re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", parts.netloc)
        return "" if well_formed else "no https address"
    there = (page.parent / parts.path).resolve() if parts.path else page
    if not there.is_file() or ROOT not in there.parents:
        return "no such file in the repository"
    if parts.fragment and parts.fragment not in anchors(there):
        return f"no heading with this anchor; there are {sorted(anchors(there))}"
    return ""


@pytest.mark.parametrize(("page", "target"), links(), ids=lambda part: getattr(part, "stem", part))
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    assert fault(page, target) == ""


@pytest.mark.parametrize(
    "target",
    ["nowhere.md", "decisions.md#nowhere", "#nowhere", "../../outside.md", "http://example.org", "https://x"],
)
def test_a_broken_link_is_found(target: str) -> None:
    assert fault(ROOT / "docs" / "index.md", target) != ""


def test_every_page_is_in_the_table_of_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {
        name for tree in re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL) for name in tree.split()
    }
    assert {page.stem for page in PAGES} - {"README", "index"} <= listed


def test_the_readme_leads_to_every_page() -> None:
    linked = {Path(target).stem for page, target in links() if page.name == "README.md"}
    assert {page.stem for page in PAGES} - {"README", "index"} <= linked
