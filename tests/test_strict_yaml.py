"""YAML files: bounded, of plain values, each key once, and never a traceback or a hang."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipa.errors import ConfigError
from ipa.limits import YAML_BYTES
from ipa.strict_yaml import read_model, read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def from_text(text: str | bytes) -> Any:
        file = tmp_path / "file.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(file)

    return from_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("1.5E+2", 150.0),
        ("yes", True),
        ("~", None),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("2024-99-99", "2024-99-99"),
        ("'3'", "3"),
        ("[1, a]", [1, "a"]),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
    ],
)
def test_a_value_means_what_it_shows(read: Callable[[str], Any], text: str, value: Any) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "is nested deeper than 20 levels"),
        ("{a: " * 1000 + "1" + "}" * 1000, "is nested deeper than 20 levels"),
        ("- " * 5000 + "a", "is nested deeper than 20 levels"),
        (BOMB, "holds more than 50,000 values with all aliases written out"),
        (MERGE_BOMB, "holds more than 50,000 values"),
        ("&a [*a]", "holds an alias of what it is part of"),
        ("&a {b: {c: *a}}", "holds an alias of what it is part of"),
        ("- x\n" * 60_000, "holds more than 50,000 values"),
        ("a: 1\na: 2", "key 'a' stands twice (line 2, column 1)"),
        ("? [a]\n: 1", "a key must be a plain value"),
        ("!!int x", "is not valid YAML"),
        ("!!float x", "is not valid YAML"),
        ("!!timestamp 2024-99-99", "is not valid YAML"),
        ("!!timestamp x", "is not valid YAML"),
        ("!!bool x", "is not valid YAML"),
        ("!!binary é", "is not valid YAML"),
        ("!!python/object:os.system {}", "could not determine a constructor"),
        ("!<tag", "is not valid YAML"),
        ("!!map [a]", "is not valid YAML"),
        ("*nowhere", "undefined alias"),
        ("%YAML 9.9\n---\na", "is not valid YAML"),
        ("a\n---\nb", "found another document (line 2"),
        ("9" * 5000, "is not valid YAML"),
        ("a: b: c", "mapping values are not allowed here (line 1, column 5)"),
        ("a: \x07", "special characters are not allowed"),
        (b"a: \xe9", "holds the byte 0xe9 in line 1, which is not UTF-8"),
        (b"a: \0", "holds a null byte in line 1"),
        ("a: 1".encode("utf-16"), "is UTF-16 text"),
        ("x" * (YAML_BYTES + 1), "is larger than the limit of 1,000,000 bytes"),
    ],
)
def test_what_is_no_such_file_is_refused_fast_and_in_one_line(
    read: Callable[[str], Any], text: str, problem: str
) -> None:
    began_s = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert problem in caught.value.problem
    assert "\n" not in str(caught.value)
    assert len(caught.value.problem) < 300
    assert time.process_time() - began_s < 5


def test_the_first_offending_key_of_a_model_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("a: [1, x]")
    with pytest.raises(ConfigError, match=r"a\[1\]: .*got 'x'"):
        read_model(file, dict[str, list[int]])
