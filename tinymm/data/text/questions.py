"""What a question begins with and what it looks like: terms that tell its topic better than single words do."""

from itertools import pairwise

from tinymm.data.text.tokenizing import words

OPENING = 4  # words at the beginning that count by their place


def question_terms(text: str) -> list[str]:
    """The terms of a question, whose capitals must still be there:

    - each of the first four words with its place, alone and with the next one: `1:what`, `1:what:is`
    - the first word with each later one: `what~city`
    - words with one left out between them: `is_capital`
    - runs of two to five words, all but the first two given by their shape: X begins with a capital (a name), XX has
      nothing but capitals (an abbreviation), 9 begins with a digit, x is any other word, a sign stands for itself.

    Source: Li and Roth (2002), Learning question classifiers, COLING, which words and shapes matter; Huang, Thint and
    Qin (2008), Question classification using head words and their hypernyms, EMNLP, for the first word and the shapes.

    >>> question_terms("Who wrote Emma ?")[-6:]
    ['<start> who wrote', 'who wrote X', 'wrote X ?', '<start> who wrote X', 'who wrote X ?', '<start> who wrote X ?']
    """
    tokens = words(text)
    if not tokens:
        return []
    small = [token.lower() for token in tokens]
    pairs = list(pairwise(small))
    terms = [f"{place}:{word}" for place, word in enumerate(small[:OPENING], 1)]
    terms += [f"{place}:{word}:{following}" for place, (word, following) in enumerate(pairs[: OPENING - 1], 1)]
    terms += [f"{small[0]}~{word}" for word in small[1:]]
    terms += [f"{word}_{later}" for word, later in zip(["<start>", *small], small[1:], strict=False)]
    shapes = ["<start>", *small[:2], *map(_shape, tokens[2:])]
    return terms + [" ".join(shapes[i : i + n]) for n in range(2, 6) for i in range(len(shapes) - n + 1)]


def _shape(token: str) -> str:
    if token[0].isdigit():
        return "9"
    if not token[0].isalpha():
        return token
    if not token[0].isupper():
        return "x"
    return "XX" if len(token) > 1 and token.isupper() else "X"
