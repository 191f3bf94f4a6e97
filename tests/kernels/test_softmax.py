import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinymm import formulas
from tinymm.kernels import softmax, threads

TOLERANCE = {np.float32: 3e-6, np.float64: 1e-13}


@st.composite
def logits_and_targets(draw):
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rows, classes = draw(st.integers(0, 9)), draw(st.integers(1, 19))
    elements = st.floats(-100, 100, width=32) | st.sampled_from([-np.inf, np.nan, np.inf, 1e30, -1e30])
    z = draw(hnp.arrays(dtype, (rows, classes), elements=elements))
    if draw(st.booleans()):
        z = z[:, ::-1]
    return z, draw(hnp.arrays(np.int64, rows, elements=st.integers(0, classes - 1)))


@given(logits_and_targets())
@settings(max_examples=80, deadline=None)
def test_is_the_formula(case):
    z, targets = case
    near = {"rtol": TOLERANCE[z.dtype.type], "atol": TOLERANCE[z.dtype.type]}
    with np.errstate(all="ignore"):
        losses, probabilities = softmax.softmax_cross_entropy(z, targets, np.ones(len(z), z.dtype))
        assert losses.dtype == probabilities.dtype == z.dtype
        expected = formulas.softmax(z.astype(np.float64))
        np.testing.assert_allclose(losses, formulas.cross_entropy(z.astype(np.float64), targets), **near)
        np.testing.assert_allclose(probabilities, expected, **near)
        np.testing.assert_allclose(softmax.softmax(z), expected, **near)
        picked = softmax.log_softmax(z)[np.arange(len(z)), targets]
        np.testing.assert_allclose(picked, -losses, **near)


def test_large_logits_do_not_overflow():
    z = np.array([[1e4, 1e4 - 1], [-1e4, -1e4 - 1]], np.float32)
    losses, probabilities = softmax.softmax_cross_entropy(z, np.array([0, 1]), np.ones(2, np.float32))
    np.testing.assert_allclose(losses, [0.31326, 1.31326], rtol=1e-4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_does_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    z, targets = rng.standard_normal((3000, 37)).astype(np.float32), rng.integers(0, 37, 3000)
    before = threads.get_num_threads()
    try:
        results = []
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            results.append(softmax.softmax_cross_entropy(z, targets, np.ones(3000, np.float32)))
    finally:
        threads.set_num_threads(before)
    for losses, probabilities in results[1:]:
        np.testing.assert_array_equal(losses, results[0][0])
        np.testing.assert_array_equal(probabilities, results[0][1])


def test_is_pytorchs():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    z, targets = rng.standard_normal((5, 7)), rng.integers(0, 7, 5)
    losses, _ = softmax.softmax_cross_entropy(z, targets, np.ones(5))
    expected = torch.nn.functional.cross_entropy(torch.tensor(z), torch.tensor(targets), reduction="none")
    np.testing.assert_allclose(losses, expected.numpy(), rtol=1e-12)


def test_a_row_with_no_share_loses_nothing():
    z = np.array([[1.0, 2.0], [np.nan, np.inf]])
    losses, _ = softmax.softmax_cross_entropy(z, np.array([1, 0]), np.array([2.0, 0.0]))
    np.testing.assert_allclose(losses, [2 * np.log1p(np.exp(-1)), 0])


@pytest.mark.parametrize(
    ("targets", "found"), [([3, -100, 1, 7], (1, 7, 3)), ([-2, 5], (-2, 5, 2)), ([-100], (None, None, 0))]
)
def test_label_range(targets, found):
    lowest, highest, counted = softmax.label_range(np.array(targets), -100)
    assert counted == found[2] and (not counted or (lowest, highest) == found[:2])
