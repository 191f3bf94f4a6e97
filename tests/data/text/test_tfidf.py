import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinymm.data.text.ngrams import NGrams
from tinymm.data.text.tfidf import LogCountRatio, TfidfTransformer, TfidfVectorizer, normalize_rows
from tinymm.sparse import CSRMatrix

TEXTS = ["Where is my card?", "my my MY parcel 😀", "", "卡丢了", "where is the parcel"]
tables = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.sampled_from([0, 0, 1, 2, 7])
)


@given(tables, st.booleans(), st.booleans(), st.sampled_from(["l2", None]), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=60, deadline=None)
def test_weights_are_those_of_scikit_learn(counts, smooth_idf, sublinear_tf, norm, dtype):
    sklearn = pytest.importorskip("sklearn.feature_extraction.text")
    sparse = pytest.importorskip("scipy.sparse")
    options = {"smooth_idf": smooth_idf, "sublinear_tf": sublinear_tf, "norm": norm}
    x = CSRMatrix.from_dense(counts.astype(dtype))
    if not smooth_idf and (counts == 0).all(axis=0).any():
        with pytest.raises(ValueError, match="try smooth_idf=True"):
            TfidfTransformer(**options).fit(x)
        return
    ours = TfidfTransformer(**options).fit_transform(x)
    theirs = sklearn.TfidfTransformer(**options).fit_transform(sparse.csr_matrix(counts.astype(dtype)))
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours.toarray(), theirs.toarray(), rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_the_vectorizer_is_that_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.feature_extraction.text")
    ngrams = NGrams(words=(1, 2), characters=(2, 4), punctuation=True)
    theirs = sklearn.TfidfVectorizer(analyzer=ngrams, sublinear_tf=True, min_df=2)
    ours = TfidfVectorizer(ngrams, sublinear_tf=True, min_df=2)
    expected = theirs.fit_transform(TEXTS).toarray()
    np.testing.assert_allclose(ours.fit_transform(TEXTS).toarray(), expected, rtol=1e-5)
    assert ours.terms == tuple(theirs.get_feature_names_out())
    new = ["my parcel, my card", "nothing known"]
    np.testing.assert_allclose(ours.transform(new).toarray(), theirs.transform(new).toarray(), rtol=1e-5)


def test_a_row_of_zeros_stays():
    x = normalize_rows(CSRMatrix.from_dense([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(x.toarray(), [[0.6, 0.8], [0, 0]])


@given(tables, st.integers(0, 2**6 - 1))
@settings(max_examples=40, deadline=None)
def test_the_ratio_is_wang_and_mannings(counts, bits):
    y = np.array([bits >> i & 1 for i in range(len(counts))])
    x = CSRMatrix.from_dense(counts.astype(np.float32))
    f = counts > 0
    p, q = 0.5 + f[y == 1].sum(0), 0.5 + f[y == 0].sum(0)
    r = np.log((p / np.abs(p).sum()) / (q / np.abs(q).sum()))
    weighting = LogCountRatio(alpha=0.5)
    weighted = weighting.fit_transform(x, y)
    np.testing.assert_allclose(weighting.ratio, r, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(weighted.toarray(), counts * r, rtol=1e-5, atol=1e-7)
    assert weighted.dtype == np.float32


def test_states_go_through_json():
    counts = CSRMatrix.from_dense(np.eye(3))
    for made, fresh, x in (
        (TfidfTransformer(norm=None, sublinear_tf=True).fit(counts), TfidfTransformer(), counts),
        (TfidfVectorizer(NGrams((1, 2)), min_df=2).fit(TEXTS), TfidfVectorizer(), TEXTS),
        (LogCountRatio(0.5).fit(counts, [0, 1, 1]), LogCountRatio(), counts),
    ):
        with pytest.raises(RuntimeError, match="not fitted yet"):
            fresh.transform(x)
        fresh.load_state_dict(json.loads(json.dumps(made.state_dict())))
        assert repr(fresh) == repr(made)
        np.testing.assert_array_equal(fresh.transform(x).toarray(), made.transform(x).toarray())
        with pytest.raises(ValueError, match="missing from the state"):
            fresh.load_state_dict({})


def test_wrong_arguments_get_one_sentence():
    x = CSRMatrix.from_dense(np.eye(2))
    with pytest.raises(ValueError, match="norm='l1' is unknown"):
        TfidfTransformer(norm="l1")
    with pytest.raises(ValueError, match="got no texts"):
        TfidfTransformer().fit(CSRMatrix.from_dense(np.zeros((0, 2))))
    with pytest.raises(ValueError, match="have no logarithm"):
        TfidfTransformer(sublinear_tf=True).fit_transform(CSRMatrix.from_dense([[-1.0]]))
    with pytest.raises(ValueError, match="3 columns"):
        TfidfTransformer().fit(x).transform(CSRMatrix.from_dense(np.eye(3)))
    with pytest.raises(ValueError, match=r"LogCountRatio\.fit: labels \(2,\) must be 0 or 1"):
        LogCountRatio().fit(x, [0, 2])
    with pytest.raises(ValueError, match=r"labels \(3,\)"):
        LogCountRatio().fit(x, [0, 1, 1])
    with pytest.raises(ValueError, match="alpha 0"):
        LogCountRatio(0)
    with pytest.raises(TypeError, match="got one str"):
        TfidfVectorizer().fit("text")
