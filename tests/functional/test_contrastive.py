"""What the contrastive loss wants, and what it refuses (its formula is in the table of operations)."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F

rng = np.random.default_rng(0)
SHAPES = r"a is \({}\) and b \({}\)"


def test_it_is_least_where_partners_point_the_same_way_and_others_do_not():
    a = np.eye(4, dtype=np.float32)
    right, wrong = F.contrastive_loss(a, 3 * a), F.contrastive_loss(a, np.roll(a, 1, axis=0))
    np.testing.assert_allclose(right, np.log(1 + 3 * np.exp(-10)), rtol=1e-3)
    np.testing.assert_allclose(wrong, 10 + right, rtol=1e-3)
    np.testing.assert_allclose(F.contrastive_loss(a, np.ones_like(a)), np.log(4), rtol=1e-5)


def test_samples_of_one_label_are_partners():
    a, labels = np.eye(2)[[0, 1, 0, 1]], np.array([7, 3, 7, 3])
    together, alone = F.contrastive_loss(a, a, labels), F.contrastive_loss(a, a)
    np.testing.assert_allclose([together, alone], np.log(2), rtol=1e-3)
    moved = F.contrastive_loss(a, a[[1, 0, 3, 2]], labels)
    assert moved > together + 9


def test_both_senses_are_treated_alike_and_lengths_do_not_matter():
    a, b, labels = rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), np.array([0, 1, 0, 2, 1])
    lengths = rng.uniform(0.1, 10, (5, 1))
    value = F.contrastive_loss(a, b, labels)
    np.testing.assert_allclose(F.contrastive_loss(b, a, labels), value)
    np.testing.assert_allclose(F.contrastive_loss(a * lengths, b, labels), value)
    np.testing.assert_allclose(F.contrastive_loss(a, b, list("abacb")), value)


def test_descent_brings_partners_together():
    a, b = (tm.tensor(rng.standard_normal((6, 3)).astype(np.float32), requires_grad=True) for _ in range(2))
    optimizer = tm.optim.Adam([a, b], lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        F.contrastive_loss(a, b).backward()
        optimizer.step()
    x, y = (t.data / np.linalg.norm(t.data, axis=1, keepdims=True) for t in (a, b))
    np.testing.assert_array_equal((x @ y.T).argmax(axis=1), range(6))


def test_rows_of_zeros_are_no_trouble_and_nan_is_not_hidden():
    a = tm.tensor(np.zeros((3, 2), np.float32), requires_grad=True)
    loss = F.contrastive_loss(a, tm.tensor(np.eye(3, 2, dtype=np.float32)))
    loss.backward()
    assert np.isfinite(loss.item()) and np.isfinite(a.grad).all()
    assert np.isnan(F.contrastive_loss(np.full((2, 2), np.nan), np.eye(2)))


def test_huge_and_tiny_vectors():
    a = np.array([[1, 2], [2, -1]], np.float32)
    value = F.contrastive_loss(a, a)
    for scale in (1e-15, 1e15):
        np.testing.assert_allclose(F.contrastive_loss(a * np.float32(scale), a), value, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ((np.ones((2, 3)), np.ones((3, 3))), ValueError, SHAPES.format("2, 3", "3, 3")),
        ((np.ones((2, 3)), np.ones((2, 4))), ValueError, SHAPES.format("2, 3", "2, 4")),
        ((np.ones(3), np.ones(3)), ValueError, SHAPES.format("3,", "3,")),
        ((np.ones((0, 3)), np.ones((0, 3))), ValueError, SHAPES.format("0, 3", "0, 3")),
        ((np.ones((2, 3)), np.ones((2, 3)), [1]), ValueError, r"labels \(1,\)"),
        ((np.ones((2, 3)), np.ones((2, 3)), None, 0), ValueError, "temperature is 0"),
        ((np.ones((2, 3)), np.ones((2, 3)), None, np.nan), ValueError, "temperature is nan"),
        ((np.ones((2, 3)), np.ones((2, 3), np.float32)), TypeError, "a is float64, b is float32"),
        ((np.ones((2, 3), int), np.ones((2, 3), int)), TypeError, "float32"),
    ],
)
def test_bad_input_is_one_clear_sentence(arguments, error, sentence):
    with pytest.raises(error, match=f"^contrastive_loss: .*{sentence}") as caught:
        F.contrastive_loss(*arguments)
    assert "\n" not in str(caught.value)
