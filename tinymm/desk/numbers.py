"""Numbers of orders and cards in what people write or say: digits and words, English and Chinese.

>>> find_number("It is order four seven double one, please")
'4711'
"""

import re
import unicodedata
from itertools import groupby


def _words(text: str) -> list[str]:
    return text.split()


UNITS = dict(zip(_words("zero one two three four five six seven eight nine"), range(10), strict=True))
UNITS |= {"oh": 0, "o": 0, "nought": 0, "naught": 0, "nil": 0}
TEENS = _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
ENGLISH = UNITS | {word: 10 + i for i, word in enumerate(TEENS)} | {word: 10 * i for i, word in enumerate(TENS, 2)}
REPEATS = {"double": 2, "triple": 3, "treble": 3}
CHINESE = dict(zip("零一二三四五六七八九", range(10), strict=True)) | {"〇": 0, "幺": 1, "两": 2}
POWERS = {"hundred": 100, "thousand": 1000, "十": 10, "百": 100, "千": 1000, "万": 10_000}

JOINING = {*"-–—/.,、，·_", "and", "then", "dash", "hyphen", "slash", "dot", *"然后再和接着杠横面"}
MOST_JOINING = 3
NOT = {"not", "不", "non", "isn't"}  # what is corrected: 不是四三
COUNTED = set(
    _words(
        "day days week weeks month months year years hour hours minute minutes second seconds am pm o'clock "
        "times % percent euro euros dollar dollars pounds digits digit items pieces people persons"
    )
) | set("天周月年日点时分秒元块个次遍件份张位岁星期人家楼")
CURRENCY = {*"$€£¥第"}
# what may stand around a number of one digit, which in another sentence is seldom a number: one moment, 查一下
AROUND = set(
    _words(
        "it it's its is the my our a this number no nr order id reference ref card yes ok okay here you go i "
        "think please ending ends in with of for just only last sorry hello hi thanks thank so"
    )
) | set("我的订单号编码卡是为这那就请查嗯好呃您你叫做")

TOKEN = re.compile(r"\d+(?![a-z\d])|[a-z\d]+(?:'[a-z]+)*|[^\s\w]|[^\W\d_a-z]", re.IGNORECASE)


def find_number(text: str) -> str:
    """The digits of the number that a text gives, "" if it gives none.

    A number may be written in digits, together or apart (10-4471, 4 7 1), in English words (four seven one, double five,
    forty-four, three hundred and one) or Chinese ones (四七一, 幺, 三百零一). Of several the longest counts, and of
    equally long ones the last. Amounts and times (5 days, 三天, $50), names such as E18, and what is corrected (not 43)
    are no such numbers; neither is a single digit, unless the text says nothing else.
    """
    tokens = TOKEN.findall(unicodedata.normalize("NFKC", text).lower())
    best = ""
    for first, last in _runs(tokens):
        digits = _digits([token for token in tokens[first:last] if _is_number(token)])
        before, after = tokens[:first], tokens[last:]
        counted = (after and after[0] in COUNTED) or (before and before[-1] in CURRENCY) or NOT & set(before[-2:])
        alone = all(token in AROUND or not token[0].isalnum() for token in before + after)
        if digits and not counted and (len(digits) > 1 or alone) and len(digits) >= len(best):
            best = digits
    return best


def spaced(digits: str) -> str:
    """A number as it is read out: 4 7 1."""
    return " ".join(digits)


def _is_number(token: str) -> bool:
    return token.isdecimal() or token in ENGLISH or token in REPEATS or token in CHINESE or token in POWERS


def _runs(tokens: list[str]) -> list[tuple[int, int]]:
    """First and last (exclusive) token of each number; few joining words may stand between its parts."""
    where = [i for i, token in enumerate(tokens) if _is_number(token)]
    runs: list[tuple[int, int]] = []
    for i in where:
        if runs and i - runs[-1][1] <= MOST_JOINING and all(token in JOINING for token in tokens[runs[-1][1] : i]):
            runs[-1] = runs[-1][0], i + 1
        else:
            runs.append((i, i + 1))
    return runs


def _digits(tokens: list[str]) -> str:
    """The digits that these number words say one after the other; said as one value, if hundreds are among them."""
    tokens = list(_repeated(tokens))
    if POWERS.keys() & set(tokens):
        return _value(tokens)
    digits, tens = "", False
    for token in tokens:
        value = _small(token)
        if tens and not token.isdecimal() and 1 <= value <= 9:  # forty four
            digits = digits[:-1]
        digits += token if token.isdecimal() else str(value)
        tens = token in TENS
    return digits


def _repeated(tokens: list[str]) -> list[str]:
    """double five becomes five five."""
    spoken: list[str] = []
    times = 1
    for token in tokens:
        if token in REPEATS:
            times = REPEATS[token]
        else:
            spoken += [token] * times
            times = 1
    return spoken


def _value(tokens: list[str]) -> str:
    """The value of three hundred and one, of 三百零一 and of 十二; "" if a word of it stands at a wrong place."""
    total, part, last = 0, 0, 0
    for is_power, group in groupby(tokens, lambda token: token in POWERS):
        words = list(group)
        if is_power:
            for word in words:
                if word in ("thousand", "万"):  # two hundred thousand
                    total, part, last = (part + last or 1) * POWERS[word], 0, 0
                else:
                    part, last = part + (last or 1) * POWERS[word], 0
        else:
            last = int(_digits([word for word in words if word not in ("零", "〇")] or ["0"]))
    value = total + part + last
    return str(value) if value else ""


def _small(token: str) -> int:
    return ENGLISH.get(token, CHINESE.get(token, 0))
