import json
import subprocess
import sys

import numpy as np
import pytest

from tinymm.data.text.counts import CountVectorizer, HashingVectorizer, stable_hash
from tinymm.data.text.ngrams import NGrams

TEXTS = ["Where is my card?", "my my MY parcel 😀", "", "卡丢了", "where is the parcel"]


def test_counts_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.feature_extraction.text")
    ngrams = NGrams(words=(1, 2), characters=(2, 4))
    for options in ({}, {"min_df": 2}):
        theirs = sklearn.CountVectorizer(analyzer=ngrams, **options)
        ours = CountVectorizer(ngrams, **options)
        expected = theirs.fit_transform(TEXTS)
        np.testing.assert_array_equal(ours.fit_transform(TEXTS).toarray(), expected.toarray())
        assert ours.terms == tuple(theirs.get_feature_names_out())
        new = ["my new card is here", "!"]
        np.testing.assert_array_equal(ours.transform(new).toarray(), theirs.transform(new).toarray())


def test_the_most_frequent_terms_are_kept():
    vectorizer = CountVectorizer(max_features=3).fit(TEXTS)
    assert vectorizer.terms == ("is", "my", "parcel")  # "where" is as frequent, and later in the alphabet
    x = vectorizer.transform(["my parcel, my cat"])
    assert x.dtype == np.float32 and x.toarray().tolist() == [[0, 2, 1]]


def test_texts_without_terms_are_rows_of_zeros():
    x = CountVectorizer().fit_transform(TEXTS)
    assert x.shape == (5, 10) and x.toarray()[2].sum() == 0
    assert CountVectorizer().fit(TEXTS).transform(["", "unheard of"]).nnz == 0


def test_a_hash_depends_on_the_term_alone():
    assert stable_hash("card") == 0x161498D3
    code = "from tinymm.data.text.counts import stable_hash; print(stable_hash('好\\ud800'))"
    others = {subprocess.check_output([sys.executable, "-c", code], env={"PYTHONHASHSEED": s}) for s in "12"}
    assert {int(other) for other in others} == {stable_hash("好\ud800")}


def test_hashing_adds_each_term_with_its_sign_to_its_column():
    x = HashingVectorizer(n_features=7).transform(TEXTS).toarray()
    expected = np.zeros((5, 7))
    for row, text in zip(expected, TEXTS, strict=True):
        for term in NGrams()(text):
            row[stable_hash(term) % 7] += 1 if stable_hash(term) < 2**31 else -1
    np.testing.assert_array_equal(x, expected)
    assert (expected < 0).any() and (expected > 0).any()


def test_terms_of_opposite_sign_in_one_column_leave_nothing():
    terms = [f"w{i}" for i in range(50)]
    plus = next(t for t in terms if stable_hash(t) < 2**31)
    minus = next(t for t in terms if stable_hash(t) >= 2**31)
    assert HashingVectorizer(n_features=1).transform([f"{plus} {minus}"]).nnz == 0


def test_the_state_goes_through_json():
    for made, fresh in (
        (CountVectorizer(NGrams((1, 2), (2, 3)), min_df=2).fit(TEXTS), CountVectorizer()),
        (HashingVectorizer(NGrams((1, 2)), n_features=16), HashingVectorizer()),
    ):
        fresh.load_state_dict(json.loads(json.dumps(made.state_dict())))
        assert fresh.state_dict() == made.state_dict() and repr(fresh) == repr(made)
        np.testing.assert_array_equal(fresh.transform(TEXTS).toarray(), made.transform(TEXTS).toarray())


def test_wrong_arguments_get_one_sentence():
    vectorizer = CountVectorizer()
    with pytest.raises(TypeError, match=r"got one str, expected a list of texts: try \[text\]"):
        vectorizer.fit("my card")
    with pytest.raises(ValueError, match=r"CountVectorizer\.fit: got no text"):
        vectorizer.fit([])
    with pytest.raises(ValueError, match=r"CountVectorizer\.fit: no term is in 1 of the 2 texts"):
        vectorizer.fit(["", "!"])
    with pytest.raises(RuntimeError, match=r"CountVectorizer\.transform: not fitted"):
        vectorizer.transform(["a"])
    with pytest.raises(ValueError, match="min_df 0"):
        CountVectorizer(min_df=0)
    with pytest.raises(ValueError, match="n_features 0"):
        HashingVectorizer(n_features=0)
    with pytest.raises(TypeError, match="HashingVectorizer"):
        HashingVectorizer().transform("a")
    state = vectorizer.fit(["a b"]).state_dict()
    with pytest.raises(ValueError, match="terms missing"):
        vectorizer.load_state_dict({key: state[key] for key in state if key != "terms"})
    with pytest.raises(ValueError, match="a term comes twice"):
        vectorizer.load_state_dict({**state, "terms": ["a", "a"]})
    with pytest.raises(ValueError, match="not those of this version"):
        vectorizer.load_state_dict({**state, "ngrams": {"colour": 1}})
    assert vectorizer.terms == ("a", "b")
