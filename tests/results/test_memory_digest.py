"""Hashes of what is in memory: equal for what is equal, different for what behaves differently."""

import functools
import logging
import random
import re
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.forecast import FORECASTERS
from ipa.forecast.window import WindowForecaster
from ipa.optimizer.methods import METHODS
from ipa.pipeline.load import load_pipeline
from ipa.results.memory_digest import digest

FACTOR = 1


def scaled(x: float) -> float:
    return FACTOR * x


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Point:
    x: float
    y: Any = None


class Plain:
    limit = 3

    def __init__(self, state: object) -> None:
        self.state = state

    def method(self) -> object:
        return self.state


def times(k: Any) -> Callable[[Any], Any]:
    return lambda x: k * x


def defined(source: str, name: str = "f", **namespace: object) -> Any:
    """Return what a piece of code without a file defines, as in a notebook."""
    exec(source, namespace)  # noqa: S102 (the point of the test)
    return namespace[name]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values, values)
def test_plain_values_have_the_same_hash_when_they_print_the_same(one: Any, other: Any) -> None:
    assert digest(one) == digest(one)
    assert (digest(one) == digest(other)) == (repr(one) == repr(other))


DIFFERENT: list[Callable[[], list[object]]] = [
    lambda: [[1, [2]], [[1], 2], [1, 2], (1, 2), {1: 2}, {1, 2}, frozenset({1, 2}), "[1, 2]"],
    lambda: [np.array([1, 2]), np.array([1.0, 2]), np.array([[1, 2]]), np.array([1, "a"], dtype=object)],
    lambda: [np.float64(1), np.float32(1), 1.0, 1, True],
    lambda: [Colour.RED, Colour.BLUE, Colour, 1],
    lambda: [Point(1.0), Point(2.0), Point(1.0, Point(1.0)), Plain(1.0), Plain(2.0)],
    lambda: [Plain(1).method, Plain(2).method, Plain.method],
    lambda: [functools.partial(pow, 2), functools.partial(pow, 3), functools.partial(pow, exp=3)],
    lambda: [len, max, [1].append, [2].append, str.upper, "a".upper, "b".upper],
    lambda: [random.Random(1), random.Random(2), np.random.default_rng(1), np.random.default_rng(2)],
    lambda: [re.compile("a"), re.compile("b"), re.compile("a", re.IGNORECASE)],
    lambda: [pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]}), pd.DataFrame({"b": [1]})],
    lambda: [defaultdict(int, a=1), defaultdict(float, a=1), {"a": 1}],
    lambda: [load_pipeline("video"), load_pipeline("nlp")],
    lambda: [METHODS["ipa"], METHODS["rim"], FORECASTERS["max"], METHODS],
    lambda: [lambda x: x, lambda x: x + 1, lambda x: x + 2, lambda y: y + 1.0, lambda x=1: x, lambda x=2: x],
    lambda: [lambda x: sorted(x, key=lambda y: y), lambda x: sorted(x, key=lambda y: -y)],
    lambda: [times(k) for k in (1, 2, [1], "1")],
    lambda: [functools.lru_cache(lambda x: x + 1), functools.lru_cache(lambda x: x + 2)],
    lambda: [WindowForecaster("mine", times(k)) for k in (1, 2)],
    lambda: [defined(f"def f(x):\n    return {body}") for body in ("x", "x + 1", "x[1]", "x.a", "x.b")],
    lambda: [defined("class f:\n    def g(self):\n        return K\n", K=k) for k in (1, 2)],
    lambda: [defined("class f:\n    k = 1\n"), defined("class f:\n    k = 2\n")],
    lambda: [defined("def g(): return K\ndef f(): return g()", K=k) for k in (1, 2)],
    lambda: [defined("def f(): return (lambda: [K for _ in range(1)])()", K=k) for k in (1, 2)],
]


@pytest.mark.parametrize("make", DIFFERENT)
def test_what_differs_has_different_hashes_and_the_same_made_again_has_the_same(
    make: Callable[..., Any],
) -> None:
    hashes = [digest(value) for value in make()]
    assert len(set(hashes)) == len(hashes)
    assert [digest(value) for value in make()] == hashes


def test_a_changed_global_changes_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(scaled)
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 2)
    assert digest(scaled) != before


def test_names_lines_and_places_of_a_function_do_not_count() -> None:
    assert digest(defined("def f(x): return x + 1")) == digest(defined("\n\ndef f(x): return x + 1"))
    assert digest(defined("def f(x): return x + 1")) == digest(defined("def g(x): return x + 1", "g"))


def generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("make", [generator, threading.Lock, lambda: [Plain(generator())]])
def test_a_state_that_cannot_be_seen_never_equals_anything(make: Callable[[], object]) -> None:
    value = make()
    first, second = digest(value), digest(value)
    assert first != second


def test_a_logger_and_a_cycle_are_no_obstacle() -> None:
    knot: list[object] = [logging.getLogger("mine")]
    knot.append(knot)
    assert digest(knot) == digest(knot)
    assert not digest(knot).startswith("never")


def test_the_order_in_a_set_does_not_count() -> None:
    program = "from ipa.results.memory_digest import digest\n"
    program += "print(digest({'a', 'b', 'c', 'd'}, lambda x: x in {'a', 'b'}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1


MINE = """
import os
import helper
from pathlib import Path
WEIGHTS = Path(__file__).with_name("weights.txt")
def f(x):
    return helper.twice(x) + float(open("numbers.txt").read()) + len(os.environ["MY_KNOB"])
def g(x):
    return WEIGHTS.read_text()
def h(x):
    return Path(__file__).with_name("weights.txt").read_text()
FOLDER = Path("folder")
def i(x):
    return (FOLDER / "inner.txt").read_text()
def k(x):
    return __import__("helper2").FACTOR
def j(x):
    return open(os.path.join("folder", "inner.txt")).read()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of a user's own, a helper and a file of numbers."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text(
        "FACTOR = 2\ndef twice(x):\n    return getattr(x, '__mul__')(FACTOR)\n"
    )
    for name in ("numbers.txt", "weights.txt"):
        (tmp_path / name).write_text("1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_KNOB", "a")
    return tmp_path


def digest_of(name: str) -> str:
    """Return the hashes of functions of ``mine.py`` in a new process."""
    program = f"import mine; from ipa.results.memory_digest import digest; print(*map(digest, [mine.{name}]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("helper.py", "FACTOR = 2", "FACTOR = 3"),
        ("helper.py", "__mul__", "__add__"),
        ("numbers.txt", "1", "2"),
        ("mine.py", "helper.twice(x)", "helper.twice(x + 1)"),
    ],
)
def test_a_function_of_the_users_own_depends_on_its_helpers_and_files(
    own: Path, file: str, old: str, new: str
) -> None:
    before = digest_of("f")
    assert digest_of("f") == before
    text = (own / file).read_text()
    (own / file).write_text(text.replace(old, new))
    assert digest_of("f") != before
    (own / file).write_text(text)
    assert digest_of("f") == before


def test_files_beside_the_module_and_variables_of_the_environment_count_too(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest_of("f, mine.g, mine.h").split()
    monkeypatch.setenv("MY_OTHER_KNOB", "c")
    (own / "unrelated.txt").write_text("1")
    assert digest_of("f, mine.g, mine.h").split() == before
    (own / "weights.txt").write_text("2")
    monkeypatch.setenv("MY_KNOB", "bb")
    assert not set(digest_of("f, mine.g, mine.h").split()) & set(before)


def test_files_whose_names_are_put_together_of_a_folder_and_a_name_count_too(own: Path) -> None:
    (own / "folder").mkdir()
    inner = own / "folder" / "inner.txt"
    inner.write_text("1")
    before = digest_of("i, mine.j").split()
    (own / "folder" / "result.txt").write_text("1")
    assert digest_of("i, mine.j").split() == before
    inner.write_text("2")
    assert not set(digest_of("i, mine.j").split()) & set(before)


def test_a_module_that_is_imported_by_a_text_counts_too(own: Path) -> None:
    (own / "helper2.py").write_text("FACTOR = 2")
    before = digest_of("k")
    assert digest_of("k") == before
    (own / "helper2.py").write_text("FACTOR = 3")
    assert digest_of("k") != before
