"""Clean text: one normal form, on one line, whatever the script.

>>> clean_text("Ｈello 😀 write to me@shop.com,\\x85 order 471!")
'hello 😀 write to <email>, order <number>!'
"""

import re
import unicodedata
from collections.abc import Collection
from functools import cache

from tinymm.data.text.unicode import EMOJI, EMOJI_PARTS, LETTER, marks

PLACEHOLDERS = ("email", "url", "number")
QUOTES = str.maketrans("‘’ʼ“”„", "'''\"\"\"")
MOST_MARKS = 30  # accents on one letter, as in the Stream-Safe Text Format of UAX #15: sorting more takes forever
_MANY_SIGNS = re.compile(rf"[^\w\x00-\xff]{{{MOST_MARKS + 1}}}")  # found at once, and hardly ever there

# Written so that each takes time in proportion to the text: no two parts can match the same characters.
_FOUND = {
    "email": re.compile(r"(?<![A-Za-z0-9_.+-])[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++"),
    "url": re.compile(r"\b(?:https?://|www\.)[!-~]*[a-z0-9/=&#_-]", re.ASCII | re.IGNORECASE),
    "number": re.compile(rf"(?<!{LETTER})(?<!_)\d++(?:[.,:/-]\d++)*+(?!{LETTER}|_)"),
}


def clean_text(text: str, lower: bool = True, placeholders: Collection[str] = PLACEHOLDERS, emoji: bool = True) -> str:
    """Return the text in one normal form, on one line. Cleaning it again changes nothing.

    1. Control characters, line ends (NEL too) and all kinds of space become a space; characters that cannot be seen
       (zero width, direction, byte order mark), lone surrogates and unassigned ones go; curly quotes become straight.
    2. An emoji stays, or becomes a space. Skin tones, variants and joiners go: 👍🏽 is the same word as 👍.
    3. Unicode normal form NFKC: full-width letters become plain ones, ﬁ becomes fi, e + ´ become é.
    4. Lower case.
    5. E-mail addresses, web addresses and numbers become `<email>`, `<url>` and `<number>`. A number may hold
       . , : / - between digits, and stands alone: iphone6 and 2nd stay.
    6. Runs of spaces become one; none is left at either end.

    Args:
        text: any string; it may be empty.
        lower: whether step 4 is done.
        placeholders: which of "email", "url" and "number" step 5 replaces.
        emoji: keep them.

    Raises:
        TypeError: `text` is no string. ValueError: an unknown placeholder.

    Source: Unicode Standard Annex #15 (normal forms; its section 13 for the cut after 30 accents on a letter).

    >>> clean_text("Ｔhe ﬁrst\\r\\n“order”,  No. 12")
    'the first "order", no. <number>'
    """
    check_text(text, "clean_text")
    if isinstance(placeholders, str) or (unknown := [p for p in placeholders if p not in PLACEHOLDERS]):
        wrong = placeholders if isinstance(placeholders, str) else unknown[0]
        raise ValueError(
            f"clean_text: placeholders {wrong!r}: expected some of {', '.join(map(repr, PLACEHOLDERS))}, as a tuple"
        )
    text = text.translate(_KEPT if emoji else _WITHOUT_EMOJI)
    text = _normalize(text)
    if lower:
        text = _normalize(text.lower())
    for name in PLACEHOLDERS:
        if name in placeholders:
            text = _FOUND[name].sub(f"<{name}>", text)
    return " ".join(text.split())


def check_text(text: str, where: str) -> None:
    """Refuse what is no single string."""
    if isinstance(text, bytes | bytearray):
        raise TypeError(f"{where}: got bytes, expected a str: decode them first, try decode_text(text)")
    if not isinstance(text, str):
        raise TypeError(f"{where}: got {type(text).__name__}, expected a str: one text at a time")


class _Characters(dict):
    """What becomes of each character, looked up when it first comes: the table that `str.translate` wants."""

    def __init__(self, emoji: bool):
        self.emoji = emoji

    def __missing__(self, code: int) -> str | None:
        self[code] = kept = self._kept(chr(code))
        return kept

    def _kept(self, character: str) -> str | None:
        if re.match(f"[{EMOJI_PARTS}]", character):
            return None
        if re.match(f"[{EMOJI}]", character):
            return character if self.emoji else " "
        category = unicodedata.category(character)
        if category == "Cc" or category[0] == "Z":
            return " "
        return None if category[0] == "C" else character


_KEPT, _WITHOUT_EMOJI = _Characters(emoji=True), _Characters(emoji=False)


def _normalize(text: str) -> str:
    """NFKC, with straight quotes, of a text whose runs of accents are cut to a length that can be sorted."""
    if _MANY_SIGNS.search(text):
        text = _surplus_marks().sub(r"\1", text)
    return unicodedata.normalize("NFKC", text).translate(QUOTES)


@cache
def _surplus_marks() -> re.Pattern[str]:
    return re.compile(f"([{marks()}]{{{MOST_MARKS}}})[{marks()}]+")
