"""Tensors hold what they say, and batches come apart as they were put together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ipa.errors import TensorError
from ipa.serving.v2 import DTYPES, Tensor, check_items, merge, signature, split

NUMBERS = st.sampled_from(sorted(DTYPES))


@st.composite
def batches(draw: st.DrawFn) -> list[list[Tensor]]:
    """Requests of one signature: each a tensor of numbers and one of bytes."""
    datatype = draw(NUMBERS)
    rest = draw(st.lists(st.integers(0, 3), max_size=2))
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    requests = []
    for size in sizes:
        numbers = draw(arrays.arrays(DTYPES[datatype], (size, *rest)))
        texts = draw(st.lists(st.binary(max_size=5), min_size=size, max_size=size))
        requests.append([Tensor.of("numbers", numbers), Tensor.of("texts", texts)])
    return requests


@given(batches())
def test_a_batch_comes_apart_as_it_was_put_together(requests: list[list[Tensor]]) -> None:
    merged = merge(requests)
    assert split(merged, [request[0].shape[0] for request in requests]) == requests


@given(batches())
def test_a_batch_holds_the_concatenated_arrays(requests: list[list[Tensor]]) -> None:
    for position, tensor in enumerate(merge(requests)):
        expected = np.concatenate([request[position].numpy() for request in requests])
        np.testing.assert_array_equal(tensor.numpy(), expected)


def test_tensors_are_found_by_name_whatever_their_order() -> None:
    x, y = Tensor.of("x", np.zeros((1, 2))), Tensor.of("y", [b"a"])
    assert signature([x, y]) == signature([y, x])
    assert [tensor.shape for tensor in merge([[x, y], [y, x]])] == [(2, 2), (2,)]


@pytest.mark.parametrize("dtype", [">i4", "<i4", "=i4"])
def test_numbers_are_kept_little_endian(dtype: str) -> None:
    tensor = Tensor.of("x", np.array([1, -2], dtype=dtype))
    assert (tensor.datatype, tensor.data) == ("INT32", b"\x01\0\0\0\xfe\xff\xff\xff")


@pytest.mark.parametrize("axes", [33, 100_000])
def test_axes_without_end_are_refused_in_a_short_message(axes: int) -> None:
    with pytest.raises(TensorError, match=rf"^tensor x has {axes} axes; at most 32$"):
        Tensor("x", "INT8", (2**62,) * axes, b"\0")


def test_a_shape_beyond_all_bounds_is_refused_in_a_short_message() -> None:
    with pytest.raises(TensorError, match=r"takes .* bytes, not 1") as raised:
        Tensor("x", "INT8", (2**62,) * 32, b"\0")
    assert len(str(raised.value)) < 400


def test_the_size_of_a_tensor_is_that_of_its_data() -> None:
    assert Tensor.of("x", np.zeros((2, 3), np.float32)).size_bytes == 24
    assert Tensor.of("x", [b"ab", b"", b"c"]).size_bytes == 3


def test_an_array_that_is_not_contiguous_is_laid_out_by_rows() -> None:
    values = np.arange(6, dtype=np.int16).reshape(2, 3).T
    np.testing.assert_array_equal(Tensor.of("x", values).numpy(), values)


def test_bytes_keep_their_shape_and_cannot_be_written_to() -> None:
    values = np.array([[b"a", b"bc"], [b"", b"\0"]], dtype=object)
    back = Tensor.of("texts", values).numpy()
    np.testing.assert_array_equal(back, values)
    with pytest.raises(ValueError, match="read-only"):
        back[0, 0] = b"x"


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (("x", "FP32", (2, 2), b"\0" * 12), "takes 16 bytes, not 12"),
        (("x", "FP32", (1,), (b"\0\0\0\0",)), "takes 4 bytes, not 1"),
        (("x", "BYTES", (2,), (b"a",)), "takes 2 elements, not 1"),
        (("x", "BYTES", (2,), b"ab"), "takes 2 elements, not 2"),
        (("x", "BF16", (1,), b"\0\0"), "unknown datatype 'BF16'; allowed: BOOL"),
        (("x", "FP32", (-1, -1), b"\0\0\0\0"), "negative length"),
    ],
)
def test_a_tensor_that_does_not_hold_together_is_refused(
    tensor: tuple[str, str, tuple[int, ...], bytes], message: str
) -> None:
    with pytest.raises(TensorError, match=message):
        Tensor(*tensor)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(1, dtype=complex), "no datatype of the protocol for numpy's complex128"),
        (np.array(["text"]), "no datatype of the protocol for numpy's <U4"),
        (["text"], "text is not bytes; encode text first"),
        (np.array([b"a", 1], dtype=object), "1 is not bytes"),
    ],
)
def test_values_that_are_no_tensor_are_refused(values: object, message: str) -> None:
    with pytest.raises(TensorError, match=message):
        Tensor.of("x", values)


def test_requests_of_different_signatures_make_no_batch() -> None:
    with pytest.raises(TensorError, match="different signatures"):
        merge([[Tensor.of("x", np.zeros((1, 2)))], [Tensor.of("x", np.zeros((1, 3)))]])
    with pytest.raises(TensorError, match="at least one request"):
        merge([])


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ([Tensor.of("x", np.zeros(1)), Tensor.of("x", [b"a"])], "two tensors are named 'x'"),
        ([Tensor.of("x", np.array(1.0))], "has no axis"),
    ],
)
def test_a_request_that_cannot_be_batched_is_refused(tensors: list[Tensor], message: str) -> None:
    with pytest.raises(TensorError, match=message):
        signature(tensors)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ([], "there is no tensor"),
        ([Tensor.of("x", np.zeros((3, 2)))], r"has shape \[3, 2\]; its first axis must be 2"),
        ([Tensor.of("y", np.zeros(2)), Tensor.of("x", np.zeros(()))], r"has shape \[\]"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_not_taken_apart(tensors: list[Tensor], message: str) -> None:
    with pytest.raises(TensorError, match=message):
        split(tensors, [1, 1])


def test_items_are_counted_along_the_first_axis() -> None:
    check_items([Tensor.of("x", np.zeros((1, 7))), Tensor.of("y", [b"a"])], 1)
