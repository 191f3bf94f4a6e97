"""Recall at k against a search through all items, one query at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import metrics
from tinymm.metrics import recall_at_k, retrieval

EYE = np.eye(3)


def found_one_by_one(queries, items, query_labels, item_labels, k):
    hits = 0
    for query, label in zip(queries, query_labels, strict=True):
        cosines = [query @ item / np.sqrt((query @ query) * (item @ item)) for item in items]
        nearest = sorted(range(len(items)), key=lambda j: -cosines[j])[:k]
        hits += any(item_labels[j] == label for j in nearest)
    return hits / len(queries)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12), st.data())
def test_it_is_a_search_through_all_items(seed, n, m, data):
    rng, k = np.random.default_rng(seed), data.draw(st.integers(1, m))
    q, i = rng.standard_normal((n, 3)), rng.standard_normal((m, 3))
    q_labels, i_labels = rng.integers(4, size=n), rng.integers(4, size=m)
    recall = recall_at_k(q, i, q_labels, i_labels, k)
    assert recall == found_one_by_one(q, i, q_labels, i_labels, k)
    assert recall <= recall_at_k(q, i, q_labels, i_labels, m) == np.isin(q_labels, i_labels).mean()


def test_many_queries_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    q, i = rng.standard_normal((50, 4)), rng.standard_normal((30, 4))
    labels = rng.integers(5, size=50), rng.integers(5, size=30)
    whole = recall_at_k(q, i, *labels, k=2)
    monkeypatch.setattr(retrieval, "BLOCK", 7)
    assert recall_at_k(q, i, *labels, k=2) == whole


def test_lengths_do_not_matter_and_text_labels_do():
    assert recall_at_k(EYE * 1e-30, EYE * 1e30, list("abc"), list("abc")) == 1
    assert recall_at_k(EYE, EYE[[1, 2, 0]], list("abc"), list("abc")) == 0
    assert recall_at_k(EYE, EYE[[1, 2, 0]], list("abc"), list("bca")) == 1


def test_of_equal_items_the_earlier_is_found_first():
    items, labels = np.ones((3, 2)), [0, 1, 2]
    assert [recall_at_k([[1, 1]], items, [2], labels, k) for k in (1, 2, 3)] == [0, 0, 1]


def test_single_precision_and_zeros():
    assert recall_at_k(EYE.astype(np.float32), EYE, [0, 1, 2], [0, 1, 2]) == 1
    assert recall_at_k(np.zeros((1, 3)), EYE, [0], [0, 1, 2]) == 1  # as far from all


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((EYE, EYE, [0, 1], [0, 1, 2]), "3 queries but 2 labels"),
        ((EYE, EYE, [0, 1, 2], [0]), "3 items but 1 labels"),
        ((EYE, np.eye(4), [0, 1, 2], [0, 1, 2, 3]), r"queries \(3, 3\) and items \(4, 4\)"),
        ((EYE[:0], EYE, [], [0, 1, 2]), r"queries are \(0, 3\)"),
        ((EYE[0], EYE, [0], [0, 1, 2]), r"queries are \(3,\)"),
        ((EYE, EYE * np.nan, [0, 1, 2], [0, 1, 2]), "items hold NaN"),
        ((EYE, EYE, [0, 1, 2], [0, 1, 2], 4), "k is 4, .*1 to the number of items, 3"),
        ((EYE, EYE, [0, 1, 2], [0, 1, 2], 0), "k is 0"),
        ((EYE, EYE, [0, 1, 2], [0, 1, 2], 1.5), "k is 1.5"),
        ((EYE, EYE, [0, 1, 2], [0, 1, 2], True), "k is True"),
        ((EYE, EYE, [0, 1, 2], list("abc")), "query_labels holds numbers"),
    ],
)
def test_bad_input_is_one_clear_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=f"^recall_at_k: .*{sentence}") as caught:
        recall_at_k(*arguments)
    assert "\n" not in str(caught.value)


def test_the_name_is_offered():
    assert "recall_at_k" in metrics.__all__


def test_the_labels_that_are_wrong_are_named():
    with pytest.raises(ValueError, match="query_labels must be one label per sample"):
        recall_at_k(EYE, EYE, [[1], [2], [3]], [1, 2, 3])
    with pytest.raises(ValueError, match="item_labels must be one label per sample"):
        recall_at_k(EYE, EYE, [1, 2, 3], [[1], [2], [3]])
