"""Digests tell items apart and do not depend on how they were batched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipa.serving.digest import digest_items
from ipa.serving.v2 import Tensor, merge


@given(st.lists(st.tuples(st.binary(max_size=4), st.integers(-5, 5)), min_size=1, max_size=5))
def test_an_item_has_the_digest_that_it_has_alone(items: list[tuple[bytes, int]]) -> None:
    requests = [[Tensor.of("text", [text]), Tensor.of("x", np.array([[number]]))] for text, number in items]
    alone = [int(digest_items(request).numpy()[0, 0]) for request in requests]
    together = digest_items(merge(requests))
    assert together.shape == (len(items), 1)
    assert together.datatype == "INT64"
    assert together.numpy().ravel().tolist() == alone
    assert len(set(alone)) == len(set(items))


def test_the_order_of_inputs_does_not_matter_but_their_names_do() -> None:
    x, y = Tensor.of("x", [b"a"]), Tensor.of("y", [b"b"])
    assert digest_items([x, y]) == digest_items([y, x])
    assert digest_items([x]) != digest_items([Tensor.of("z", [b"a"])])


def test_elements_do_not_run_into_each_other() -> None:
    one = np.array([[b"ab", b"c"]], dtype=object)
    other = np.array([[b"a", b"bc"]], dtype=object)
    assert digest_items([Tensor.of("x", one)]) != digest_items([Tensor.of("x", other)])
