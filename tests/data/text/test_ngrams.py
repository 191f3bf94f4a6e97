import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.text.ngrams import NGrams, character_ngrams, word_ngrams

sentences = st.lists(st.text("abé好", min_size=1, max_size=6), max_size=5).map(" ".join)
ranges = st.tuples(st.integers(1, 3), st.integers(0, 3)).map(lambda pair: (pair[0], sum(pair)))


@given(sentences, ranges)
@settings(max_examples=60, deadline=None)
def test_ngrams_are_those_of_scikit_learn(text, limits):
    count = pytest.importorskip("sklearn.feature_extraction.text").CountVectorizer

    def terms(analyzer, text):
        return sorted(count(analyzer=analyzer, ngram_range=limits, token_pattern=r"\S+").build_analyzer()(text))

    assert sorted(character_ngrams(text, *limits)) == terms("char_wb", text)
    assert sorted(character_ngrams(text, *limits, across_words=True)) == terms("char", f" {text} " if text else "")
    assert sorted(word_ngrams(text.split(), *limits)) == terms("word", text)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_has_no_terms(text):
    assert NGrams((1, 2), (1, 3))(text) == NGrams((1, 2), (1, 3), across_words=True)(text) == []
    assert NGrams(ends=True)(text) == ["<start>", "<end>"]


def test_words_and_characters_that_look_alike_are_two_terms():
    terms = NGrams(words=(1, 1), characters=(2, 2))("in in")
    assert terms.count("in") == 2 and terms.count("#in") == 2


def test_the_options_say_what_a_term_is():
    assert NGrams(words=(2, 2), ends=True)("Who am I?") == ["<start> who", "who am", "am i", "i <end>"]
    assert NGrams(punctuation=True)("Who?") == ["who", "?"]
    assert NGrams(placeholders=())("471") == ["471"] and NGrams()("471") == ["<number>"]
    assert NGrams(words=None, characters=(3, 3), across_words=True)("a b") == ["# a ", "#a b", "# b "]


def test_equal_options_are_equal_wherever_they_come_from():
    assert NGrams(words=[1, 2], placeholders=["url"]) == NGrams(words=(1, 2), placeholders=("url",))


@pytest.mark.parametrize("options", [{"words": (2, 1)}, {"words": (0, 1)}, {"characters": (1,)}, {"words": None}])
def test_wrong_options_get_one_sentence(options):
    with pytest.raises(ValueError, match="NGrams: "):
        NGrams(**options)
