"""Reads YAML that means what it shows: small, of plain values, each key once, checked against a model.

Numbers are decimal (``010``, ``0x10``, ``1_000`` and ``1:30`` stay texts, ``1e-3`` is a number), dates stay
texts, and neither a truth value nor a text in quotes passes for a number. Size, nesting and what aliases blow
up to are limited (:mod:`ipa.limits`), so that no file makes the reader hang.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, Field, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError

from ipa.errors import ConfigError, UnreadableFileError, brief
from ipa.files import read_text
from ipa.limits import NAME_CHARACTERS, YAML_BYTES, YAML_DEPTH, YAML_NODES, Range

Model = TypeVar("Model")

_TAG = "tag:yaml.org,2002:"
_FLOAT = (
    r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_PLAIN_VALUES = {
    "int": (r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    "float": (_FLOAT, "-+0123456789."),
}
"""What a plain text has to look like, and begin with, to be a number."""


@dataclass(frozen=True, slots=True)
class _Within(AfterValidator):
    """Refuses a number outside a range, and tells the range to who asks for a JSON schema."""

    allowed: Range

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        low = 0 if self.allowed.or_zero else self.allowed.low
        return handler(schema) | {"minimum": low, "maximum": self.allowed.high}


def within(allowed: Range) -> AfterValidator:
    """Return what refuses a number outside a range, for ``Annotated``."""

    def check(value: float) -> float:
        if not allowed.holds(value):
            raise PydanticCustomError("range", "must {range}", {"range": str(allowed)})
        return value

    return _Within(check, allowed)


def _shown(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("text", "must not hold control characters or odd spaces")
    if value != value.strip():
        raise PydanticCustomError("text", "must not begin or end with a space")
    return value


Real = Annotated[float, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]

Name = Annotated[
    str,
    Field(
        strict=True,
        min_length=1,
        max_length=NAME_CHARACTERS,
        # For those who read the JSON schema only; the validator says better what is wrong.
        json_schema_extra={"pattern": r"^\S(.*\S)?$"},
    ),
    AfterValidator(_shown),
]
"""A name that can be printed on a line and compared with one in another file."""


class _StrictLoader(yaml.SafeLoader):
    """Counts what it reads; refuses a key that stands twice, of which YAML would keep the last in silence."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._open: list[yaml.Node | None] = []
        self._sizes: dict[int, int] = {}
        self._total = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node; an alias counts as much as what it stands for."""
        if len(self._open) >= YAML_DEPTH:
            raise self._refuse(f"is nested deeper than {YAML_DEPTH} levels")
        before, alias = self._total, self.check_event(yaml.AliasEvent)
        self._open.append(parent)
        node = super().compose_node(parent, index)
        if alias and any(node is enclosing for enclosing in self._open):
            raise self._refuse("holds an alias of what it is part of")
        self._open.pop()
        self._total += self._sizes.get(id(node), 0) if alias else 1
        self._sizes.setdefault(id(node), self._total - before)
        if self._total > YAML_NODES:
            raise self._refuse(f"holds more than {YAML_NODES:,} values with all aliases written out")
        return node

    def _refuse(self, problem: str) -> yaml.YAMLError:
        return yaml.constructor.ConstructorError(None, None, problem, self.peek_event().start_mark)  # type: ignore[no-untyped-call]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping with distinct keys."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            plain = isinstance(key, yaml.ScalarNode)
            if not plain or (key.tag, key.value) in seen:
                problem = f"key {brief(key.value)!r} stands twice" if plain else "a key must be a plain value"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Return what tells the type of a plain text by its first character: YAML's own without its traps."""
    ours = {_TAG + name for name in (*_PLAIN_VALUES, "timestamp")}
    resolvers = {
        first: [(tag, pattern) for tag, pattern in entries if tag not in ours]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for name, (pattern, starts) in _PLAIN_VALUES.items():
        for start in starts:
            resolvers.setdefault(start, []).append((_TAG + name, re.compile(rf"(?:{pattern})\Z")))
    return resolvers


_StrictLoader.yaml_implicit_resolvers = _resolvers()


def read_yaml(path: Path) -> Any:
    """Read a YAML file into plain values.

    Raises
    ------
    ConfigError
        If it is missing, unreadable, beyond the limits, or no YAML; says where.
    """
    try:
        text = read_text(path, YAML_BYTES)
    except UnreadableFileError as error:
        raise ConfigError(path, "", error.problem) from error
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506 (derived from SafeLoader)
    # Explicit tags (!!int x, !!timestamp 2024-99-99) let the library's constructors fail in any way.
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise ConfigError(path, "", f"is not valid YAML: {_why(error)}") from error


def _why(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return brief(" ".join(str(problem or error).split()), 200) + place


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a YAML file and check it against a type that pydantic knows, for example ``dict[str, Shape]``.

    Raises
    ------
    ConfigError
        As :func:`read_yaml`, and if the content does not fit the model; names the first offending key.
    """
    content = read_yaml(path)
    try:
        return TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(path, key_of(first), problem_of(first)) from None


def read_json_model(path: Path, model: type[Model]) -> Model:
    """Read a JSON file that this package wrote.

    Raises
    ------
    ConfigError
        If the file is missing or holds something else.
    """
    try:
        return TypeAdapter(model).validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(path, "", f"cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(path, key_of(first), problem_of(first)) from error


def key_of(error: ErrorDetails) -> str:
    """Return where an error of a model is, as a dotted path: ``stages[0].variants[2].accuracy``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{brief(part)}" for part in error["loc"])
    return "".join(parts).lstrip(".")


def problem_of(error: ErrorDetails) -> str:
    """Return what is wrong with a value of a model: what it has to be, and what it is."""
    if error["type"] in _KEY_RULES:
        return _KEY_RULES[error["type"]]
    given = error["input"]
    rule = _RULES.get(error["type"], error["msg"].removeprefix("Value error, "))
    hint = ""
    if error["type"] in _NUMBER_RULES and isinstance(given, str):
        hint = " (a text; write a plain decimal number without quotes)"
    return f"{rule}, got {repr(brief(given)) if isinstance(given, str) else brief(given)}{hint}"


_KEY_RULES = {"missing": "is missing", "extra_forbidden": "is an unknown key"}
_NUMBER_RULES = {"float_type": "must be a number", "int_type": "must be a whole number"}
_RULES: dict[str, str] = _NUMBER_RULES | {
    "tuple_type": "must be a list",
    "bool_type": "must be true or false",
    "string_type": "must be a text (put it in quotes)",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}
"""How the rules of pydantic read here, by their type."""
