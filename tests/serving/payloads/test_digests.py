"""The payload of emulated chains knows what they answer."""

from dataclasses import replace

import pytest

from ipa.errors import PayloadError
from ipa.serving.digest import digest_items
from ipa.serving.payloads import Input, make_payload
from ipa.serving.v2 import Answer


def test_the_answer_of_a_chain_is_the_digest_of_the_digest() -> None:
    payload = make_payload("digest", (), 0, {"stages": 2, "items": 3})
    once = digest_items(payload.tensors(1))
    assert payload.items == 3
    assert payload.is_right(1, Answer((digest_items([once]),), {}, ""))
    assert not payload.is_right(1, Answer((once,), {}, ""))


def test_the_answer_to_another_item_is_wrong() -> None:
    payload = make_payload("digest")
    assert payload.is_right(0, Answer((digest_items(payload.tensors(0)),), {}, ""))
    assert not payload.is_right(1, Answer((digest_items(payload.tensors(0)),), {}, ""))


def test_an_answer_of_another_name_is_wrong() -> None:
    payload = make_payload("digest")
    renamed = replace(digest_items(payload.tensors(0)), name="other")
    assert not payload.is_right(0, Answer((renamed,), {}, ""))
    assert not payload.is_right(0, Answer((), {}, ""))


def test_it_fills_inputs_of_bytes_only() -> None:
    with pytest.raises(PayloadError, match="payload digest is BYTES"):
        make_payload("digest", (Input("x", "FP32", (1, 4)),))
