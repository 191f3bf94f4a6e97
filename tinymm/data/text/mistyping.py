"""Typing errors: what fingers do to words, from a seed."""

import re

import numpy as np

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")  # QWERTY; each row lies half a key further right
WORD = re.compile("[A-Za-zÀ-ɏ]{3,}")  # shorter words would be lost by an error


def _neighbours() -> dict[str, str]:
    rows = {(r, c): key for r, row in enumerate(KEYBOARD) for c, key in enumerate(row)}
    around = ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0))
    return {
        key: "".join(rows[r + i, c + j] for i, j in around if (r + i, c + j) in rows) for (r, c), key in rows.items()
    }


NEIGHBOURS = _neighbours()


def mistype(text: str, rng: np.random.Generator, errors: int = 1) -> str:
    """Return the text with typing errors, each in one word: a letter dropped, doubled, swapped with the next, or hit beside.

    These four are most of what goes wrong at a keyboard. Only words of three and more Latin letters are touched: a
    digit beside the right one would be another number. A text without such words comes back as it was.

    Args:
        text: what was meant.
        rng: where the choices come from; equal generators give equal errors.
        errors: how many, one after the other.

    Raises:
        ValueError: errors below 0.

    Source: Damerau (1964), A technique for computer detection and correction of spelling errors, Communications of
    the ACM 7(3): over 80 % of the errors are one letter missing, extra or wrong, or two swapped.

    >>> mistype("seven", np.random.default_rng(0))
    'sevenn'
    """
    if errors < 0:
        raise ValueError(f"mistype: errors is {errors}, but there cannot be fewer than 0")
    for _ in range(errors):
        words = list(WORD.finditer(text))
        if not words:
            return text
        word = words[rng.integers(len(words))]
        text = text[: word.start()] + _slip(word[0], rng) + text[word.end() :]
    return text


def _slip(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(len(word)))
    letter, kind = word[at], rng.choice(["swap", "drop", "double", "neighbour"])
    beside = NEIGHBOURS.get(letter.lower(), "")
    if kind == "swap":
        at = min(at, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "drop":
        return word[:at] + word[at + 1 :]
    if kind == "double" or not beside:  # an accented letter has no key of its own here
        return word[: at + 1] + word[at:]
    hit = beside[rng.integers(len(beside))]
    return word[:at] + (hit.upper() if letter.isupper() else hit) + word[at + 1 :]
