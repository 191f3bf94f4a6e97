"""Typed digits: what people write for 0 to 9, in words and numerals of several languages."""

import unicodedata
from functools import cache
from typing import NamedTuple

# family → the ten words, "-" where there is none, and the phrases they are typed in
WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "numeral": (
        "0 1 2 3 4 5 6 7 8 9",
        (
            "{}",
            "number {}",
            "press {}",
            "{} please",
            "Nummer {}",
            "Taste {}",
            "numéro {}",
            "número {}",
            "数字{}",
            "nr {}",
        ),
    ),
    "English": (
        "zero one two three four five six seven eight nine",
        ("{}", "number {}", "the digit {}", "it is {}", "press {}", "option {}", "{} please", "just {}"),
    ),
    "German": (
        "null eins zwei drei vier fünf sechs sieben acht neun",
        ("{}", "Nummer {}", "die Ziffer {}", "das ist {}", "Taste {}", "{} bitte", "die Zahl {}"),
    ),
    "French": (
        "zéro un deux trois quatre cinq six sept huit neuf",
        ("{}", "numéro {}", "le chiffre {}", "c'est {}", "touche {}", "{} merci", "choix {}"),
    ),
    "Spanish": (
        "cero uno dos tres cuatro cinco seis siete ocho nueve",
        ("{}", "número {}", "la cifra {}", "es {}", "tecla {}", "{} gracias", "opción {}"),
    ),
    "Italian": (
        "zero uno due tre quattro cinque sei sette otto nove",
        ("{}", "numero {}", "la cifra {}", "è {}", "tasto {}", "{} grazie", "scelta {}"),
    ),
    "Portuguese": (
        "zero um dois três quatro cinco seis sete oito nove",
        ("{}", "número {}", "o dígito {}", "é {}", "tecla {}", "{} obrigado", "opção {}"),
    ),
    "Chinese": (
        "零 一 二 三 四 五 六 七 八 九",
        ("{}", "数字{}", "号码{}", "是{}", "请按{}", "选{}", "{}号", "{}谢谢"),
    ),
    "Roman": ("- I II III IV V VI VII VIII IX", ("{}", "part {}", "chapter {}", "act {}", "volume {}")),
    "numeral ordinal": (
        "0th 1st 2nd 3rd 4th 5th 6th 7th 8th 9th",
        ("{}", "the {}", "{} place", "{} floor"),
    ),
    "English ordinal": (
        "zeroth first second third fourth fifth sixth seventh eighth ninth",
        ("{}", "the {}", "{} place", "{} floor"),
    ),
    "German ordinal": (
        "nullte erste zweite dritte vierte fünfte sechste siebte achte neunte",
        ("{}", "der {}", "{}r Platz", "{}r Stock"),
    ),
    "French ordinal": (
        "- premier deuxième troisième quatrième cinquième sixième septième huitième neuvième",
        ("{}", "le {}", "{} étage"),
    ),
    "Spanish ordinal": (
        "- primero segundo tercero cuarto quinto sexto séptimo octavo noveno",
        ("{}", "el {}", "{} lugar"),
    ),
    "Italian ordinal": (
        "- primo secondo terzo quarto quinto sesto settimo ottavo nono",
        ("{}", "il {}", "{} piano"),
    ),
    "Portuguese ordinal": (
        "- primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono",
        ("{}", "o {}", "{} andar"),
    ),
    "Chinese ordinal": ("零 一 二 三 四 五 六 七 八 九", ("第{}", "第{}个", "第{}名")),
}


class TypedDigit(NamedTuple):
    """One way to type a digit: the text, the digit it means, and its family, such as "German ordinal"."""

    text: str
    digit: int
    family: str


def same_when_typed(text: str) -> str:
    """What is left of a text when case, width, spaces and marks are not looked at: two texts equal in it are one form.

    Letters and digits of the compatibility form NFKC (Unicode Standard Annex 15), case folded.

    >>> same_when_typed("Number ７!") == same_when_typed("number 7")
    True
    """
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


@cache
def typed_digits() -> tuple[TypedDigit, ...]:
    """Return all ways to type 0 to 9 that are known here, no two of them the same when typed.

    >>> [form.text for form in typed_digits() if form.digit == 7][10:13]
    ['seven', 'number seven', 'the digit seven']
    """
    forms: dict[str, TypedDigit] = {}
    for family, (words, phrases) in WORDS.items():
        for digit, word in enumerate(words.split()):
            for phrase in phrases:
                text = phrase.format(word)
                if word != "-":
                    forms.setdefault(same_when_typed(text), TypedDigit(text, digit, family))
    return tuple(forms.values())
