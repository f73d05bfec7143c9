"""Texts to read: words, prices, number plates and dates, drawn from a seed."""

from collections.abc import Callable
from functools import cache

import numpy as np

from ipa.paths import data_dir

_PLATE_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CURRENCIES = ("$", "€", "£", "")


@cache
def words() -> tuple[str, ...]:
    """Return the word list that comes with IPA, which never changes: the images depend on it."""
    return tuple((data_dir() / "ocr" / "words.txt").read_text(encoding="utf-8").split())


def draw_text(rng: np.random.Generator) -> str:
    """Draw one text."""
    kind = _KINDS[rng.choice(len(_KINDS), p=_SHARES)]
    return kind(rng)


def normal_form(text: str) -> str:
    """Return what of a text has to be read right: its letters and digits, in lower case.

    Examples
    --------
    >>> normal_form("Fresh BREAD, 2.49")
    'freshbread249'
    """
    return "".join(character for character in text.lower() if character.isalnum())


def _word(rng: np.random.Generator) -> str:
    return _in_some_case(rng, str(rng.choice(words())))


def _two_words(rng: np.random.Generator) -> str:
    return _in_some_case(rng, " ".join(map(str, rng.choice(words(), 2))))


def _in_some_case(rng: np.random.Generator, text: str) -> str:
    forms: tuple[Callable[[str], str], ...] = (str.upper, str.title, str.lower)
    return forms[rng.integers(len(forms))](text)


def _price(rng: np.random.Generator) -> str:
    return f"{_CURRENCIES[rng.integers(len(_CURRENCIES))]}{rng.integers(1, 1000)}.{rng.integers(100):02}"


def _plate(rng: np.random.Generator) -> str:
    letters = "".join(rng.choice(list(_PLATE_LETTERS), 5))
    return f"{letters[:2]}{rng.integers(100):02} {letters[2:]}"


def _date(rng: np.random.Generator) -> str:
    day, month, year = rng.integers(1, 29), rng.integers(12), rng.integers(1990, 2030)
    if rng.random() < 0.5:
        return f"{day:02}.{month + 1:02}.{year}"
    return f"{day} {_MONTHS[month]} {year}"


_KINDS = (_word, _two_words, _price, _plate, _date)
_SHARES = (0.4, 0.2, 0.14, 0.13, 0.13)
