"""Names of runs: what tells a pipeline, a load or an option apart from all others in a folder's name."""

import re
from pathlib import Path
from typing import TypeVar

from ipa import paper
from ipa.errors import IpaError
from ipa.file_stamps import file_stamp
from ipa.pipeline.load import pipeline_file, pipeline_inputs
from ipa.simulator import ClusterSettings
from ipa.workload import WORKLOADS

Value = TypeVar("Value")

PAPER_NAMES = frozenset({*paper.PAPER_PIPELINES, *paper.PAPER_WORKLOADS, *paper.PAPER_METHODS})

OPTION_ORDER = (
    *("pipeline", "workload", "method", "edition", "trace", "arrivals", "seed", "solver", "service"),
    *("duration_s", "forecaster", "alpha", "beta", "sla_s", "replicas", "variants", "interval_s"),
    *("horizon_s", "max_replicas", "max_cores", "drop", "drop_multiple", "network_delay_s", "cluster"),
    *("load_format", "gaps"),
)
"""Names and summaries list options in this order, which stays as it is wherever a class holds them.

Others follow, so that an option that is added later renames nothing.
"""

_CONSTANT = re.compile(r"constant-(0|[1-9][0-9]*)")
_WORD = r"[a-z0-9_.]+(-[a-z0-9_.]+)*"
_PLAIN_VALUES = {
    str: re.compile(_WORD),
    int: re.compile(r"[0-9]+"),
    float: re.compile(r"[0-9.e+-]+|inf"),
    tuple: re.compile(rf"{_WORD}(\+{_WORD})*"),
    ClusterSettings: re.compile(r"[a-z0-9_.=+-]+"),
}
"""Values whose text, in the name of a folder, cannot be taken for anything else."""


def in_order(options: dict[str, Value]) -> dict[str, Value]:
    """Return options in the order of ``OPTION_ORDER``."""
    known = {name: options[name] for name in OPTION_ORDER if name in options}
    return known | options


def is_of_the_paper(name: str) -> bool:
    """Whether a pipeline, workload or method goes by its name alone in the name of a folder."""
    # No two triples of these names read the same when they are joined.
    return name in PAPER_NAMES or _CONSTANT.fullmatch(name) is not None


def is_plain(value: object) -> bool:
    """Whether the text of an option's value cannot be taken for anything else."""
    pattern = _PLAIN_VALUES.get(type(value))
    if isinstance(value, tuple) and not all(is_plain(item) for item in value):
        return False
    return pattern is not None and pattern.fullmatch(shown(value)) is not None


def pipeline_identity(name_or_path: str) -> list[str]:
    """Return what tells a pipeline from all others: its name, or the stem and the content of its files."""
    if is_of_the_paper(name_or_path):
        return [name_or_path]
    try:
        inputs = pipeline_inputs(name_or_path)
        if Path(name_or_path).name == name_or_path == pipeline_file(name_or_path).stem:
            return [name_or_path]
    # Where a file cannot be read, that is said when it is used, and not while a name is made for an error.
    except (IpaError, OSError, ValueError, RuntimeError):
        inputs = (Path(name_or_path),)
    stamps = list(map(file_stamp, inputs))
    return [Path(name_or_path).stem, *stamps] if any(stamps) else [name_or_path]


def workload_identity(name_or_path: str) -> list[str]:
    """Return what tells a workload from all others: its name, or the stem and the content of its file."""
    stamp = "" if is_of_the_paper(name_or_path) else file_stamp(Path(name_or_path).expanduser())
    if name_or_path in WORKLOADS or not stamp:
        return [name_or_path]
    return [Path(name_or_path).name.split(".")[0] or Path(name_or_path).name, stamp]


def shown(value: object) -> str:
    """Return an option's value as text."""
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


def identity(value: object) -> str:
    """Return what tells an option's value from all others of its type."""
    # The text of a cluster leaves defaults out, so that a further setting renames nothing.
    return str(value) if isinstance(value, ClusterSettings) else repr(value)
