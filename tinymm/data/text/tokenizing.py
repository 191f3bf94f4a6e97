"""Cut cleaned text into words or characters, whatever the script.

>>> from tinymm.data.text.cleaning import clean_text
>>> words(clean_text("请把iPhone寄到北京"))
['请', '把', 'iphone', '寄', '到', '北', '京']
"""

import re
from collections.abc import Callable
from functools import cache

from tinymm.data.text.cleaning import PLACEHOLDERS, check_text
from tinymm.data.text.unicode import EMOJI, HAN, KANA, LETTER, marks

_PLACEHOLDER = f"<(?:{'|'.join(PLACEHOLDERS)})>"


def words(text: str, punctuation: bool = True) -> list[str]:
    """Cut a text into words.

    A word is a run of letters and digits, with apostrophes inside (don't). In Chinese and Japanese, which have no
    spaces, each character is a word. Punctuation marks, emoji and other signs are words of one character each, left
    out without `punctuation` unless they are emoji; `<email>`, `<url>` and `<number>` stay whole.

    >>> words("I don't like it :(")
    ['I', "don't", 'like', 'it', ':', '(']
    >>> words("I don't like it :(", punctuation=False)
    ['I', "don't", 'like', 'it']
    """
    check_text(text, "words")
    return _word_pattern(punctuation).findall(text)


def characters(text: str) -> list[str]:
    """Cut a text into characters, spaces among them; `<email>`, `<url>` and `<number>` stay whole.

    >>> characters("退款 <number>")
    ['退', '款', ' ', '<number>']
    """
    check_text(text, "characters")
    return re.findall(f"{_PLACEHOLDER}|.", text, re.DOTALL)


TOKENIZERS: dict[str, Callable[[str], list[str]]] = {"words": words, "characters": characters}


@cache
def _word_pattern(punctuation: bool) -> re.Pattern[str]:
    run = f"(?:{LETTER}[{marks()}]*+)++"
    return re.compile(f"{_PLACEHOLDER}|{run}(?:'{run})*+|" + (r"\S" if punctuation else f"[{HAN}{KANA}{EMOJI}]"))
