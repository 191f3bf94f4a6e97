import numpy as np

from tinymm import formulas
from tinymm.kernels import ctc, threads


def problem(samples, steps, classes, labels, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(samples, steps, classes))
    y = z - formulas.log_sum_exp(z)[..., None]
    lengths = rng.integers(steps // 2, steps + 1, samples), rng.integers(0, labels + 1, samples)
    return y, rng.integers(1, classes, (samples, labels)), *lengths, 0


def test_does_not_depend_on_the_number_of_threads():
    arguments = problem(21, 150, 5, 8)
    before = threads.get_num_threads()
    try:
        results = []
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            results.append(ctc.ctc(*arguments))
    finally:
        threads.set_num_threads(before)
    for losses, shares in results[1:]:
        np.testing.assert_array_equal(losses, results[0][0])
        np.testing.assert_array_equal(shares, results[0][1])


def test_losses_alone_are_the_same():
    arguments = problem(3, 9, 4, 3)
    losses, shares = ctc.ctc(*arguments)
    alone, nothing = ctc.ctc(*arguments, keep=False)
    np.testing.assert_array_equal(alone, losses)
    assert nothing is None and shares.shape == arguments[0].shape


def test_single_precision_is_summed_in_double():
    """Hundreds of steps, and no more is lost than in rounding the inputs and the result."""
    y, *rest = problem(2, 800, 6, 20)
    exact, _ = ctc.ctc(y.astype(np.float32).astype(np.float64), *rest)
    losses, shares = ctc.ctc(y.astype(np.float32), *rest)
    assert losses.dtype == shares.dtype == np.float32
    np.testing.assert_array_equal(losses, exact.astype(np.float32))


def test_alignments_far_apart():
    """Every alignment reads a label whose probability is 0 as a floating-point number."""
    y = np.full((1, 6, 3), -5000.0)
    y[0, :3, 0] = y[0, 3:, 1] = 0
    losses, shares = ctc.ctc(y, np.array([[2, 1]]), np.array([6]), np.array([2]), 0)
    assert np.isclose(losses[0], 5000 - np.log(4))  # label 2 at one of the first four steps
    np.testing.assert_allclose(shares[0, :, 2], [0.25, 0.25, 0.25, 0.25, 0, 0], atol=1e-9)


def test_other_layouts_and_integers():
    y, targets, steps, labels, blank = problem(4, 7, 3, 2)
    expected, _ = ctc.ctc(y, targets, steps, labels, blank)
    turned = y.transpose(1, 0, 2).copy().transpose(1, 0, 2)
    small = targets.astype(np.int16)[:, ::-1][:, ::-1]
    np.testing.assert_array_equal(ctc.ctc(turned, small, steps.astype(np.int32), labels, blank)[0], expected)
