import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.text.vocabulary import PADDING, UNKNOWN, Vocabulary

documents = st.lists(st.lists(st.sampled_from("abcdefg好😀"), max_size=6), max_size=6)


@given(documents, st.integers(1, 3), st.none() | st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_the_most_frequent_words_come_first_and_all_are_counted(texts, min_count, max_size):
    vocabulary = Vocabulary(min_count, max_size).fit(texts)
    flat = [word for text in texts for word in text]
    words, counts = vocabulary.words[2:], vocabulary.counts[2:]
    assert list(counts) == [flat.count(word) for word in words] == sorted(counts, reverse=True)
    left_out = {word: flat.count(word) for word in flat if word not in vocabulary}
    full = max_size is not None and len(words) == max_size
    assert all(n < min_count or (full and n <= min(counts, default=n)) for n in left_out.values())
    assert sum(vocabulary.counts) == len(flat) and min(counts, default=min_count) >= min_count
    assert max_size is None or len(words) <= max_size
    assert Vocabulary(min_count, max_size).fit(texts[::-1]).words == vocabulary.words


def test_unknown_words_and_padding_have_their_indices():
    vocabulary = Vocabulary().fit([["b", "a", "b"]])
    assert (PADDING, UNKNOWN) == (0, 1)
    encoded = vocabulary.encode(["a", "z", "b", "<padding>", "<unknown>"])
    assert encoded.tolist() == [3, 1, 2, 1, 1] and encoded.dtype == np.int64
    assert vocabulary.decode([2, 0, 1, 3, 0]) == ["b", "<unknown>", "a"]
    assert "a" in vocabulary and "<padding>" not in vocabulary
    assert vocabulary.encode([]).shape == (0,) and vocabulary.encode([]).dtype == np.int64


def test_reserved_words_in_the_texts_take_no_index():
    vocabulary = Vocabulary().fit([["<padding>", "<unknown>", "a"]])
    assert vocabulary.words == ("<padding>", "<unknown>", "a") and vocabulary.counts == (0, 2, 1)


def test_the_state_goes_through_json():
    vocabulary = Vocabulary(min_count=2, max_size=9).fit([["好", "好", "😀", "😀", "x"]])
    other = Vocabulary()
    other.load_state_dict(json.loads(json.dumps(vocabulary.state_dict())))
    assert other.state_dict() == vocabulary.state_dict()
    assert other.encode(["好", "x"]).tolist() == vocabulary.encode(["好", "x"]).tolist()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"words": ["a"], "counts": [1]}, "expected <padding>, <unknown>"),
        ({"words": ["<padding>", "<unknown>", "a", "a"], "counts": [0, 0, 1, 1]}, "different words"),
        ({"counts": [0]}, "1 counts"),
        ({"min_count": 0}, "min_count 0 must be at least 1"),
    ],
)
def test_a_wrong_state_is_refused_and_changes_nothing(change, match):
    vocabulary = Vocabulary().fit([["a"]])
    before = vocabulary.state_dict()
    with pytest.raises(ValueError, match=match):
        vocabulary.load_state_dict({**before, **change})
    with pytest.raises(ValueError, match="counts missing"):
        vocabulary.load_state_dict({key: before[key] for key in before if key != "counts"})
    assert vocabulary.state_dict() == before


def test_wrong_arguments_get_one_sentence():
    with pytest.raises(TypeError, match=r"Vocabulary\.fit: document 1 is a str.*words\(text\)"):
        Vocabulary().fit([["a"], "a b"])
    with pytest.raises(TypeError, match=r"Vocabulary\.encode: got a str"):
        Vocabulary().encode("a b")
    with pytest.raises(IndexError, match=r"index 2, but the words have 0 to 1"):
        Vocabulary().decode([2])
    with pytest.raises(IndexError, match="index -1"):
        Vocabulary().decode([-1])
    with pytest.raises(ValueError, match="min_count 0"):
        Vocabulary(min_count=0)
    with pytest.raises(TypeError, match=r"max_size 1\.5 must be a whole number"):
        Vocabulary(max_size=1.5)
