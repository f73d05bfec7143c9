"""Names of things in a cluster are allowed there, and never the same for two things."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.cluster import names

LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")

parts = st.lists(
    st.text(st.sampled_from("ab01-_.A"), max_size=40) | st.text(max_size=80), min_size=1, max_size=4
)


@given(parts)
def test_every_name_is_a_label_of_the_dns(given_parts: list[str]) -> None:
    name = names.dns_name(*given_parts)
    assert LABEL.fullmatch(name)
    assert len(name) <= 63


@given(parts, parts)
def test_different_parts_have_different_names(first: list[str], second: list[str]) -> None:
    assert (names.dns_name(*first) == names.dns_name(*second)) == (first == second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a-b", "c"), ("a", "b-c")),
        (("a", "b"), ("a--b",)),
        (("A",), ("a",)),
        (("a_b",), ("a-b",)),
        (("x" * 70 + "1",), ("x" * 70 + "2",)),
        (tuple(names.dns_name("a_b").split("--")), ("a_b",)),
    ],
)
def test_parts_that_look_alike_have_different_names(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    assert names.dns_name(*first) != names.dns_name(*second)


def test_plain_names_stay_readable() -> None:
    assert names.replica_set_name("video", "detect", "yolov5n", 2) == "video--detect--yolov5n--2c"
    assert names.gateway_name("video") == "video-gateway"


@given(st.text(max_size=80), st.text(min_size=1, max_size=80))
def test_labels_are_allowed_as_such(pipeline: str, stage: str) -> None:
    found = names.labels(pipeline, names.REPLICA, stage=stage, variant="v", cores=2)
    for value in found.values():
        assert VALUE.fullmatch(value)
        assert len(value) <= 63
    assert found[names.CORES_LABEL] == "2"


def test_what_selects_a_pipeline_is_among_its_labels() -> None:
    chosen = dict(pair.split("=") for pair in names.selector("my pipeline", names.GATEWAY).split(","))
    assert chosen.items() <= names.labels("my pipeline", names.GATEWAY).items()
