"""Texts become numbers that depend on nothing but the text."""

import numpy as np
import pytest

from ipa.serving.runtimes.question_answering import LONGEST_ANSWER, best_answer
from ipa.serving.runtimes.tokens import FIRST_FREE, HashTokenizer


def tokenizer(max_tokens: int = 64) -> HashTokenizer:
    return HashTokenizer(words=1000, padding=999, max_tokens=max_tokens)


def test_short_texts_are_filled_up_and_masked() -> None:
    arrays = tokenizer()(["one two three", "one", ""])
    assert arrays["input_ids"].shape == (3, 3)
    assert arrays["input_ids"][1, 0] == arrays["input_ids"][0, 0]
    assert arrays["input_ids"][1, 1:].tolist() == [999, 999]
    # A network needs something to look at, also where there is nothing.
    assert arrays["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0], [1, 0, 0]]


def test_numbers_are_those_of_the_vocabulary() -> None:
    ids = tokenizer(5_000)([" ".join(f"word{number}" for number in range(2000))])["input_ids"]
    assert ids.min() >= FIRST_FREE
    assert ids.max() < 999


def test_long_words_have_several_pieces_and_long_texts_are_cut() -> None:
    assert tokenizer()(["incomprehensible!"])["input_ids"].shape == (1, 5)
    assert tokenizer(2)(["incomprehensible!"])["input_ids"].shape == (1, 2)


def test_pairs_know_where_the_tokens_of_the_second_text_stand() -> None:
    spans = tokenizer().spans("who?", "it was Ann")
    assert spans == [None, None, (0, 2), (3, 6), (7, 10)]
    assert tokenizer(3).spans("who?", "it was Ann") == [None, None, (0, 2)]


def test_numbers_that_mean_something_are_told_as_words() -> None:
    assert tokenizer().text([0, 2, 17, 5]) == "w17 w5"


def answered(context: str, starts: np.ndarray, ends: np.ndarray) -> tuple[str, float]:
    return best_answer(context, tokenizer().spans("who?", context), starts, ends)


def chances(tokens: int, place: int) -> np.ndarray:
    values = np.full(tokens, 0.01, dtype=np.float32)
    values[place] = 0.9
    return values


@pytest.mark.parametrize(("start", "end", "answer"), [(3, 4, "was Ann"), (4, 4, "Ann"), (2, 4, "it was Ann")])
def test_an_answer_is_the_likeliest_part_of_the_text(start: int, end: int, answer: str) -> None:
    text, score = answered("it was Ann", chances(5, start), chances(5, end))
    assert text == answer
    assert score == pytest.approx(0.81)


def test_an_answer_does_not_end_before_it_begins_nor_lie_in_the_question() -> None:
    backwards, _ = answered("it was Ann", chances(5, 4), chances(5, 2))
    assert backwards in {"it", "it was", "it was Ann", "was", "was Ann", "Ann"}
    outside, _ = answered("it was Ann", chances(5, 0), chances(5, 1))
    assert outside in "it was Ann"


def test_an_answer_has_a_longest_length() -> None:
    context = " ".join(["word"] * 60)
    text, _ = answered(context, chances(62, 2), chances(62, 61))
    assert len(text.split()) <= LONGEST_ANSWER


def test_a_text_of_nothing_has_no_answer() -> None:
    assert answered("", chances(2, 0), chances(2, 0)) == ("", 0.0)
