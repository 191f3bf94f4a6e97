"""Kinds of Unicode characters, for use in patterns: what is a letter, an accent, an emoji."""

import unicodedata
from functools import cache

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
LETTER = f"[^\\W_{HAN}{KANA}]"  # a letter or digit of a script that puts spaces between words
EMOJI = "\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
EMOJI_PARTS = "\u20e3\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef"  # keycap, variants, skin tones


@cache
def marks() -> str:
    """All accents and vowel signs, for use between the brackets of a pattern."""
    return "".join(chr(c) for c in range(0x300, 0x1F000) if unicodedata.category(chr(c))[0] == "M")
