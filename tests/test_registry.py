"""Names and what they stand for."""

import pytest

from ipa.errors import UnknownNameError
from ipa.registry import Registry


def shapes() -> Registry[int]:
    registry = Registry[int]("shape")
    registry.register("triangle", 3)
    registry.register("square", 4)
    return registry


def test_an_entry_is_found_under_its_name() -> None:
    assert shapes()["square"] == 4


def test_names_come_in_the_order_of_registration() -> None:
    assert list(shapes()) == ["triangle", "square"]
    assert len(shapes()) == 2


def test_membership_is_by_name() -> None:
    assert "square" in shapes()
    assert "circle" not in shapes()
    assert 4 not in shapes()


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown shape 'squar'; allowed: triangle, square") as caught:
        shapes()["squar"]
    assert caught.value.allowed == ("triangle", "square")


def test_a_name_is_given_once() -> None:
    registry = shapes()
    with pytest.raises(ValueError, match="'square' is registered already"):
        registry.register("square", 5)
    assert registry["square"] == 4


def test_a_decorated_entry_stays_what_it_was() -> None:
    registry = Registry[object]("function")

    @registry.named("one")
    def one() -> int:
        return 1

    assert registry["one"] is one


def test_an_entry_stands_under_a_name_for_a_while() -> None:
    registry = shapes()
    with registry.temporarily("triangle", 33), registry.temporarily("circle", 0):
        assert [registry[name] for name in registry] == [33, 4, 0]
    assert [(name, registry[name]) for name in registry] == [("triangle", 3), ("square", 4)]


def test_without_an_entry_the_name_is_free_for_a_while_and_other_names_stay() -> None:
    registry = shapes()
    with registry.temporarily("triangle"):
        assert "triangle" not in registry
        registry.register("triangle", 5)
        registry.register("circle", 0)
    assert [(name, registry[name]) for name in registry] == [("triangle", 3), ("square", 4), ("circle", 0)]


def test_a_registry_is_as_before_when_the_block_fails() -> None:
    registry = shapes()
    with pytest.raises(ZeroDivisionError), registry.temporarily("square", 5):
        _ = 1 / (registry["square"] - 5)
    assert registry["square"] == 4
