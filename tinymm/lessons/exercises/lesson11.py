"""Lesson 11: reading texts."""

from collections import Counter

import numpy as np

from tinymm.data.text import TfidfTransformer
from tinymm.lessons.exercise import Lesson, exercise
from tinymm.sparse import CSRMatrix

LESSON = Lesson(11, "Reading", minutes=35, question="How can a text be numbers?")

WORDS = ("my", "card", "where", "is", "the", "parcel", "broken", "please", "order", "not")


def _documents(rng):
    """A few short texts of the words above, frequent ones and rare ones."""
    share = 1 / np.arange(1, len(WORDS) + 1)
    names = rng.permutation(WORDS)
    return [
        [str(word) for word in rng.choice(names, size=int(rng.integers(3, 8)), p=share / share.sum())] for _ in range(5)
    ]


# --- 11.1 ------------------------------------------------------------------------------------------------


@exercise(
    "11.1",
    given=lambda rng: (_documents(rng),),
    returns=("list of words",),
    hints=(
        "Count first: for each word of each document, count[word] = count.get(word, 0) + 1.",
        "sorted(count) puts words in the order of the alphabet. sorted keeps the order of equals: sort the result "
        "again, by the count.",
        "Or in one go: sorted(count, key=lambda word: (-count[word], word)).",
    ),
)
def frequent_words(documents):
    """Return a list of the different words, the most frequent one first.

    documents is a list of documents, each a list of words. Words that are equally frequent
    come in the order of the alphabet.
    """
    count = {}
    for document in documents:
        for word in document:
            count[word] = count.get(word, 0) + 1
    return sorted(count, key=lambda word: (-count[word], word))


def _counted(documents):
    return Counter(word for document in documents for word in document)


def _by_documents(documents):
    count = Counter(word for document in documents for word in set(document))
    return sorted(count, key=lambda word: (-count[word], word))


frequent_words.mistake(
    "This is only the order of the alphabet: the most frequent word comes first.",
    lambda documents: sorted(_counted(documents)),
)
frequent_words.mistake(
    "The order is the other way round: the rarest comes first here.",
    lambda documents: sorted(_counted(documents), key=lambda word: (_counted(documents)[word], word)),
)
frequent_words.mistake(
    "Equally frequent words are in the order in which they first came; the alphabet shall decide.",
    lambda documents: [word for word, _ in _counted(documents).most_common()],
)
frequent_words.mistake(
    "Here a word counts once for each document. Count every time that it occurs.",
    lambda documents: _by_documents(documents),
)
frequent_words.mistake(
    "Each word must be in the list once, however often it occurs.",
    lambda documents: sorted(
        (word for document in documents for word in document), key=lambda word: (-_counted(documents)[word], word)
    ),
)


# --- 11.2 ------------------------------------------------------------------------------------------------


def _encode_given(rng):
    documents = _documents(rng)
    known = sorted({word for document in documents[:2] for word in document})[:-1]
    return documents, known


def _encode(documents, known, *, first=2, unknown=1, skip=False, front=False, longest=max):
    rows = []
    for document in documents:
        numbers = [first + known.index(word) if word in known else unknown for word in document]
        rows.append([n for n in numbers if n != unknown] if skip else numbers)
    steps = longest(map(len, documents))
    table = np.zeros((len(documents), steps), int)
    for row, numbers in zip(table, rows, strict=True):
        kept = numbers[:steps]
        row[steps - len(kept) if front else 0 : steps if front else len(kept)] = kept
    return table


@exercise(
    "11.2",
    given=_encode_given,
    returns=("table of numbers",),
    hints=(
        "Begin with a table of zeros, N rows and as many columns as the longest document has words.",
        "known.index(word) is a word's place in the list; its number is 2 more. Ask `word in known` first.",
        "For document n and step t: table[n, t] = 2 + known.index(word) if word in known else 1.",
    ),
)
def encode(documents, known):
    """Return the numbers of all words, (N, T) integers, where T is the longest document's length.

    documents is a list of N lists of words. The first word of the list `known` has the number 2,
    the second 3, and so on. A word that is not known has the number 1. Short rows end in zeros.
    """
    T = max(len(document) for document in documents)
    table = np.zeros((len(documents), T), int)
    for n, document in enumerate(documents):
        for t, word in enumerate(document):
            table[n, t] = 2 + known.index(word) if word in known else 1
    return table


encode.mistake(
    "The numbers begin at 2: 0 is for padding, and 1 for unknown words.",
    lambda documents, known: _encode(documents, known, first=0),
)
encode.mistake(
    "The first known word has the number 2, not 1: that one is for unknown words.",
    lambda documents, known: _encode(documents, known, first=1),
)
encode.mistake(
    "An unknown word is 1. Here it is 0, and could not be told from padding.",
    lambda documents, known: _encode(documents, known, unknown=0),
)
encode.mistake(
    "Unknown words are left out here. Keep their places: each becomes a 1.",
    lambda documents, known: _encode(documents, known, skip=True),
)
encode.mistake(
    "The zeros stand in front here; they belong at the end of each row.",
    lambda documents, known: _encode(documents, known, front=True),
)
encode.mistake(
    "T is the length of the longest document, not of the shortest: nothing may be cut off.",
    lambda documents, known: _encode(documents, known, longest=min),
)


# --- 11.3 ------------------------------------------------------------------------------------------------


def _counts_given(rng):
    counts = rng.poisson(0.7, size=(6, 5)).astype(float)
    counts[0] = rng.integers(1, 4, size=5)  # every word is in some text
    counts[1, int(rng.integers(5))] += 3  # and some word several times in one
    return (counts,)


def _tfidf(counts, *, df=lambda x: (x > 0).sum(axis=0), n=len, extra=1.0, sign=1):
    idf = sign * np.log((1 + n(counts)) / (1 + df(counts))) + extra
    return counts * idf


@exercise(
    "11.3",
    given=_counts_given,
    truth=lambda counts: TfidfTransformer(norm=None).fit_transform(CSRMatrix.from_dense(counts)).toarray(),
    returns=("weighted counts",),
    hints=(
        "df is the number of texts that have the word: counts > 0 is true where a text has it. Add up over the texts.",
        "One idf for each word, (V,): np.log((1 + N) / (1 + df)) + 1. NumPy multiplies every row of counts by it.",
    ),
)
def tfidf(counts):
    """Return counts · idf, (N, V), for the counts (N, V) of V words in N texts.

    idf of a word = ln((1 + N) / (1 + df)) + 1, where df is how many of the N texts have the word.
    """
    df = (counts > 0).sum(axis=0)
    idf = np.log((1 + len(counts)) / (1 + df)) + 1
    return counts * idf


tfidf.mistake(
    "df counts texts. A word that stands in one text three times counts once.",
    lambda counts: _tfidf(counts, df=lambda x: x.sum(axis=0)),
)
tfidf.mistake("The + 1 at the end of idf is missing.", lambda counts: _tfidf(counts, extra=0.0))
tfidf.mistake("The fraction is upside down: rare words must count more.", lambda counts: _tfidf(counts, sign=-1))
tfidf.mistake(
    "N is the number of texts, the rows, not the number of words.",
    lambda counts: _tfidf(counts, n=lambda x: x.shape[1]),
)
tfidf.mistake(
    "Add up over the texts (axis 0). Here df is how many different words a text has.",
    lambda counts: counts * (np.log((1 + len(counts)) / (1 + (counts > 0).sum(axis=1))) + 1)[:, None],
)
tfidf.mistake(
    "Multiply the counts themselves: a word that occurs twice in a text counts twice there.",
    lambda counts: _tfidf((counts > 0).astype(float)),
)


# --- 11.4 ------------------------------------------------------------------------------------------------


def _mean_given(rng):
    lengths = rng.permutation([2, 3, 5, 6])
    numbers = np.where(np.arange(7) < lengths[:, None], rng.integers(1, 8, size=(4, 7)), 0)
    return numbers, rng.normal(size=(8, 3))


@exercise(
    "11.4",
    given=_mean_given,
    returns=("mean vectors",),
    hints=(
        "E[numbers] looks all of them up at once: (N, T, D). mask = numbers > 0 is true for real words, (N, T).",
        "Make the padding's vectors zero: E[numbers] * mask[:, :, None]. Then add up over the words, axis 1.",
        "Divide each row by its own number of real words: mask.sum(axis=1), made (N, 1) by [:, None].",
    ),
)
def mean_vectors(numbers, E):
    """Return the mean of each text's word vectors, (N, D), over its real words only.

    numbers (N, T) are the words' numbers, 0 where a row is filled up; E (V, D) has a row for each.
    """
    mask = numbers > 0
    total = (E[numbers] * mask[:, :, None]).sum(axis=1)
    return total / mask.sum(axis=1)[:, None]


def _masked(numbers, E):
    return E[numbers] * (numbers > 0)[:, :, None]


mean_vectors.mistake(
    "Padding is no word: the vector E[0] is in your mean, once for each place that was filled up.",
    lambda numbers, E: E[numbers].mean(axis=1),
)
mean_vectors.mistake(
    "The sum is right, but you divide by T, the length of the whole row. Divide by the number of real words.",
    lambda numbers, E: _masked(numbers, E).mean(axis=1),
)
mean_vectors.mistake(
    "This is the sum: divide by the number of real words.", lambda numbers, E: _masked(numbers, E).sum(axis=1)
)
mean_vectors.mistake(
    "You divide by the right number, but the padding's vectors are still in the sum.",
    lambda numbers, E: E[numbers].sum(axis=1) / (numbers > 0).sum(axis=1)[:, None],
)
mean_vectors.mistake(
    "Every text has its own number of words; here all are divided by the mean length.",
    lambda numbers, E: _masked(numbers, E).sum(axis=1) / (numbers > 0).sum(axis=1).mean(),
)
