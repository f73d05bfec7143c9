"""Errors say what was given and allowed, and survive the way between processes."""

import pickle
from pathlib import Path

import pytest

from ipa import errors

CLASSES = {c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.IpaError)}

OF_PARTS = [
    errors.UnreadableFileError("a.txt", "is a folder"),
    errors.ConfigError(Path("a.yaml"), "stages[0].name", "is missing"),
    errors.ConfigError("a.yaml", "", "is not YAML"),
    errors.UnknownNameError("solver", "exat", ["exact", "pulp"]),
    errors.MissingExtraError("gurobipy", "gurobi"),
    errors.MonitoringError("http://prometheus:9090", "it does not answer"),
]
"""Errors that put their message together; all others are given it whole."""

WHOLE = sorted(CLASSES - {type(error) for error in OF_PARTS}, key=lambda kind: kind.__name__)
EVERY_ERROR = [*OF_PARTS, *(kind("what is wrong") for kind in WHOLE)]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_an_error_of_a_worker_process_arrives_whole(error: errors.IpaError) -> None:
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_an_error_without_parts_says_what_it_is_given() -> None:
    assert [str(kind("what is wrong")) for kind in WHOLE] == ["what is wrong"] * len(WHOLE)
    assert errors.IpaError in WHOLE


def test_a_config_error_names_file_and_key() -> None:
    assert str(OF_PARTS[1]) == "a.yaml: stages[0].name: is missing"
    assert str(OF_PARTS[2]) == "a.yaml: is not YAML"


def test_an_unknown_name_lists_the_known_ones_and_suggests_the_closest() -> None:
    message = str(errors.UnknownNameError("solver", "exat", ["exact", "pulp"]))
    assert message == "unknown solver 'exat'; allowed: exact, pulp. Did you mean 'exact'?"


def test_an_unknown_name_far_from_all_gets_no_suggestion() -> None:
    assert "Did you mean" not in str(errors.UnknownNameError("solver", "zzz", ["exact"]))


def test_a_name_that_is_no_text_is_reported_too() -> None:
    assert "unknown solver None" in str(errors.UnknownNameError("solver", None, ["exact"]))


def test_a_missing_extra_says_how_to_install_it() -> None:
    assert 'pip install -e ".[gurobi]"' in str(errors.MissingExtraError("gurobipy", "gurobi"))


def test_a_missing_extra_is_an_import_error_and_a_bad_value_a_value_error() -> None:
    assert issubclass(errors.MissingExtraError, ImportError)
    assert issubclass(errors.InvalidValueError, ValueError)
