"""The door of results: damaged files are found and the run is made anew; no crash, no stale figure."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.experiments.run import is_complete, run_once
from ipa.experiments.spec import RunSpec
from ipa.results.folder import ALL_FILES, PROVENANCE, read_decisions, read_requests, read_summary

pytestmark = pytest.mark.slow

SHORT = RunSpec("video", "constant-5", trace="synthetic", duration_s=20)

damages = st.one_of(
    st.just(None),
    st.sampled_from([b"", b"{}", b"[]", b"null", b"3", b"\xff", b"[" * 5000, b"PAR1", b'{"fingerprint": 1}']),
    st.binary(max_size=40),
    st.integers(0, 10**6),
)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with one complete run."""
    results = tmp_path_factory.mktemp("complete")
    run_once(SHORT, results)
    return results


def damage(file: Path, how: bytes | int | None) -> str:
    """Remove a file, replace what it holds, or flip one of its bits; say which."""
    if how is None:
        file.unlink()
        return "removed"
    if isinstance(how, bytes):
        file.write_bytes(how)
        return "replaced"
    content = bytearray(file.read_bytes())
    content[how % len(content)] ^= 1 << how % 8
    file.write_bytes(content)
    return "one bit"


def test_any_damage_to_any_file_is_found_and_mended(
    complete: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    counts: Counter[str] = Counter()
    expected = read_summary(run_once(SHORT, complete).folder)

    @given(st.sampled_from([*ALL_FILES, PROVENANCE]), damages)
    @settings(max_examples=120)
    def check(name: str, how: bytes | int | None) -> None:
        results = tmp_path_factory.mktemp("damaged") / "results"
        shutil.copytree(complete, results)
        folder = results / SHORT.folder_name / SHORT.run_name
        before = (folder / name).read_bytes()
        kind = damage(folder / name, how)
        unchanged = (folder / name).is_file() and (folder / name).read_bytes() == before
        reused = run_once(SHORT, results).reused
        counts[f"{kind}, {'kept' if reused else 'run again'}"] += 1
        # A bit of the provenance that is not compared (a version, the wall time) may be another one.
        assert not reused or unchanged or (name == PROVENANCE and kind == "one bit")
        assert is_complete(results, SHORT)
        assert read_summary(folder) == expected
        assert len(read_decisions(folder)) == expected["steps"]
        assert len(read_requests(folder)) == expected["requests"]

    check()
    print(dict(counts))  # noqa: T201 (the counts are what a reader of the log wants)
    assert counts["removed, kept"] == counts["replaced, kept"] == 0
    assert counts["replaced, run again"] > 20
