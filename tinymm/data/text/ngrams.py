"""n-grams: runs of n neighbouring words or characters, the terms that a bag of words counts.

Source: Jurafsky and Martin, "Speech and Language Processing", 3rd edition draft (2025), chapter 3; for characters
within words, Bojanowski et al. (2017), Enriching word vectors with subword information, TACL 5, section 3.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinymm.data.text.cleaning import clean_text
from tinymm.data.text.questions import question_terms
from tinymm.data.text.tokenizing import words

Range = tuple[int, int]


def word_ngrams(tokens: Sequence[str], shortest: int, longest: int) -> list[str]:
    """Runs of `shortest` to `longest` neighbouring words, joined by a space.

    >>> word_ngrams(["talk", "to", "someone"], 1, 2)
    ['talk', 'to', 'someone', 'talk to', 'to someone']
    """
    return [" ".join(tokens[i : i + n]) for n in range(shortest, longest + 1) for i in range(len(tokens) - n + 1)]


def character_ngrams(text: str, shortest: int, longest: int, across_words: bool = False) -> list[str]:
    """Runs of `shortest` to `longest` characters, a space standing for the edge of a word.

    Within words each word has a space before and behind, and one shorter than n counts once as a whole; across words
    the text has them. In both, more than one space counts as one.

    >>> character_ngrams("my id", 3, 4)
    [' my', 'my ', ' my ', ' id', 'id ', ' id ']
    >>> character_ngrams("my id", 4, 4, across_words=True)
    [' my ', 'my i', 'y id', ' id ']
    """
    if across_words:
        text = f" {' '.join(text.split())} " if text and not text.isspace() else ""
        return [text[i : i + n] for n in range(shortest, longest + 1) for i in range(len(text) - n + 1)]
    terms = []
    for word in text.split():
        word = f" {word} "
        for n in range(shortest, longest + 1):
            if n >= len(word):  # whole, and once only
                terms.append(word)
                break
            terms += [word[i : i + n] for i in range(len(word) - n + 1)]
    return terms


@dataclass(frozen=True)
class NGrams:
    """Cleans a text and turns it into terms: `NGrams(...)(text)` is a list of strings.

    Attributes:
        words: shortest and longest run of words, or None for no words.
        characters: shortest and longest run of characters, or None. Their terms begin with `#`, so that
            the word "in" and the characters "in" are two terms.
        across_words: runs of characters go on over the edges of words.
        ends: `<start>` and `<end>` stand around the words, so that it counts what a question begins with.
        punctuation: whether punctuation marks are words.
        question: the terms of `question_terms` too, which begin with `?`.
        placeholders: what `clean_text` replaces: some of "email", "url", "number".

    ValueError for ranges that are none.

    >>> NGrams(words=(1, 2), characters=(4, 4))("My card?")
    ['my', 'card', 'my card', '# my ', '# car', '#card', '#ard?', '#rd? ']
    """

    words: Range | None = (1, 1)
    characters: Range | None = None
    across_words: bool = False
    ends: bool = False
    punctuation: bool = False
    question: bool = False
    placeholders: tuple[str, ...] = ("email", "url", "number")

    def __post_init__(self) -> None:
        for name in ("words", "characters"):
            value: Any = getattr(self, name)
            if value is None:
                continue
            if len(value) != 2 or not 1 <= value[0] <= value[1]:
                raise ValueError(f"NGrams: {name}={value!r}: expected shortest and longest run, such as (1, 2)")
            object.__setattr__(self, name, tuple(value))
        object.__setattr__(self, "placeholders", tuple(self.placeholders))
        if self.words is None and self.characters is None and not self.question:
            raise ValueError(
                "NGrams: words and characters are both None and question is False: there would be no terms"
            )

    def __call__(self, text: str) -> list[str]:
        original = text
        text = clean_text(original, placeholders=self.placeholders)
        terms = []
        if self.words:
            tokens = words(text, self.punctuation)
            if self.ends:
                tokens = ["<start>", *tokens, "<end>"]
            terms += word_ngrams(tokens, *self.words)
        if self.characters:
            terms += ["#" + run for run in character_ngrams(text, *self.characters, self.across_words)]
        if self.question:
            with_capitals = clean_text(original, lower=False, placeholders=())
            terms += ["?" + term for term in question_terms(with_capitals)]
        return terms
