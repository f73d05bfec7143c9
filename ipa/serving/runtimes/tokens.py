"""Texts as networks take them: numbers of pieces of words."""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ipa.serving.runtimes.networks import Network, transformers_library

Arrays = dict[str, NDArray[Any]]

_PIECE = re.compile(r"\w{1,5}|[^\w\s]")

FIRST_FREE = 4
"""Smaller numbers stand for the beginning and the end of a text, for padding, and for what is unknown."""


class Tokenizer(Protocol):
    """Turns a batch of texts into numbers, and numbers into text."""

    def __call__(self, texts: Sequence[str], others: Sequence[str] | None = None) -> Arrays:
        """Return ``input_ids`` and ``attention_mask`` of texts or pairs of them; shape (texts, tokens)."""
        ...

    def text(self, numbers: Sequence[int]) -> str:
        """Return what numbers stand for."""
        ...

    def spans(self, text: str, other: str) -> list[tuple[int, int] | None]:
        """Return where in the other text of a pair each token stands; None for tokens of the first."""
        ...


def tokenizer_of(network: Network, max_tokens: int) -> Tokenizer:
    """Return the tokenizer of a network: its own if it was trained, else one that invents numbers."""
    if network.folder is None:
        config = network.model.config
        return HashTokenizer(config.vocab_size, config.pad_token_id or 0, max_tokens)
    return HubTokenizer(network.folder, max_tokens)


class HashTokenizer:
    """Gives pieces of words numbers by their checksum: for networks that have learned nothing.

    Parameters
    ----------
    words
        How many numbers there are.
    padding
        Number that fills up short texts.
    max_tokens
        Longer texts are cut, of pairs the second one.
    """

    def __init__(self, words: int, padding: int, max_tokens: int) -> None:
        self._words, self._padding, self._max_tokens = words, padding, max_tokens

    def __call__(self, texts: Sequence[str], others: Sequence[str] | None = None) -> Arrays:
        """Return ``input_ids`` and ``attention_mask`` of texts, or of pairs of them."""
        pairs = zip(texts, others or [""] * len(texts), strict=True)
        rows = [[self._number(text[slice(*span)]) for text, span in self._pieces(*pair)] for pair in pairs]
        longest = max(1, *map(len, rows))
        ids = np.full((len(rows), longest), self._padding, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, numbers in enumerate(rows):
            ids[row, : len(numbers)], mask[row, : max(1, len(numbers))] = numbers, 1
        return {"input_ids": ids, "attention_mask": mask}

    def text(self, numbers: Sequence[int]) -> str:
        """Return numbers as words, which mean nothing."""
        return " ".join(f"w{number}" for number in numbers if number >= FIRST_FREE)

    def spans(self, text: str, other: str) -> list[tuple[int, int] | None]:
        """Return where in the other text of a pair each token stands."""
        pieces = self._pieces(text, other)
        first = len(self._pieces(text, ""))
        return [None] * first + [span for _, span in pieces[first:]]

    def _pieces(self, text: str, other: str) -> list[tuple[str, tuple[int, int]]]:
        found = [(part, match.span()) for part in (text, other) for match in _PIECE.finditer(part)]
        return found[: self._max_tokens]

    def _number(self, piece: str) -> int:
        # The last number may stand for padding.
        return FIRST_FREE + zlib.crc32(piece.encode()) % (self._words - FIRST_FREE - 1)


class HubTokenizer:
    """The tokenizer that a network was trained with.

    Parameters
    ----------
    folder
        Where the weights were fetched to.
    max_tokens
        Longer texts are cut, of pairs the second one.
    """

    def __init__(self, folder: Path, max_tokens: int) -> None:
        self._own = transformers_library().AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._max_tokens = max_tokens

    def __call__(self, texts: Sequence[str], others: Sequence[str] | None = None) -> Arrays:
        """Return what the network takes of texts, or of pairs of them."""
        given = [list(texts)] if others is None else [list(texts), list(others)]
        return dict(self._own(*given, return_tensors="np", padding=True, **self._cut(others)))

    def text(self, numbers: Sequence[int]) -> str:
        """Return the text of numbers."""
        found: str = self._own.decode(numbers, skip_special_tokens=True)
        return found.strip()

    def spans(self, text: str, other: str) -> list[tuple[int, int] | None]:
        """Return where in the other text of a pair each token stands."""
        encoded = self._own(text, other, return_offsets_mapping=True, **self._cut([other]))
        places = zip(encoded.sequence_ids(), encoded["offset_mapping"], strict=True)
        return [tuple(span) if part == 1 else None for part, span in places]

    def _cut(self, others: Sequence[str] | None) -> dict[str, Any]:
        return {"truncation": True if others is None else "only_second", "max_length": self._max_tokens}
