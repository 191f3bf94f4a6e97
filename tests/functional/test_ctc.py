"""The CTC loss against all alignments and against PyTorch; impossible and empty targets; NaN; errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import formulas
from tinymm import functional as F


def log_softmax(z):
    return np.asarray(F.log_softmax(z, 2))


@st.composite
def problems(draw, most_steps=4, most_classes=3):
    """Logits (N, T, C), targets (N, S), both lengths and the blank: often with repeats, often impossible."""
    samples, steps, size = draw(st.integers(1, 3)), draw(st.integers(1, most_steps)), draw(st.integers(0, 3))
    classes = draw(st.integers(2, most_classes))
    blank = draw(st.integers(0, classes - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    targets = rng.choice([c for c in range(classes) if c != blank], (samples, size))
    z = rng.normal(0, draw(st.sampled_from([0.1, 1, 10])), (samples, steps, classes))
    return z, targets, rng.integers(0, steps + 1, samples), rng.integers(0, size + 1, samples), blank


@settings(max_examples=60, deadline=None)
@given(problems())
def test_is_the_sum_over_all_alignments(problem):
    z, targets, steps, labels, blank = problem
    y = log_softmax(z)
    losses = F.ctc_loss(y, targets, steps, labels, blank, reduction="none")
    expected = [formulas.ctc_loss(y[n, : steps[n]], tuple(targets[n, : labels[n]]), blank) for n in range(len(y))]
    np.testing.assert_allclose(losses, expected, rtol=1e-10, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(problems(9, 5), st.sampled_from(["mean", "sum", "none"]), st.booleans())
def test_loss_and_gradient_are_pytorchs(problem, reduction, zero_infinity):
    """The gradient of the logits; where no alignment exists it is NaN, or 0 with zero_infinity."""
    torch = pytest.importorskip("torch")
    z, targets, steps, labels, blank = problem
    ours, theirs = tm.Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
    loss = F.ctc_loss(F.log_softmax(ours, 2), targets, steps, labels, blank, reduction, zero_infinity)
    expected = torch.nn.functional.ctc_loss(
        theirs.log_softmax(2).transpose(0, 1),
        *map(torch.tensor, (targets, steps, labels)),
        blank,
        reduction,
        zero_infinity,
    )
    np.testing.assert_allclose(loss.data, expected.detach(), rtol=1e-9, atol=1e-12)
    loss.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(ours.grad.data, theirs.grad, rtol=1e-7, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(problems(9, 5))
def test_each_step_that_counts_has_one_label_in_all(problem):
    """−∂L/∂ log p are shares of the alignments: none below 0, of each step's labels together 1."""
    z, targets, steps, labels, blank = problem
    y = tm.Tensor(log_softmax(z), requires_grad=True)
    losses = F.ctc_loss(y, targets, steps, labels, blank, "none")
    shares = -tm.grad(losses.sum(), y).data
    counts = np.arange(z.shape[1]) < steps[:, None]
    possible = np.isfinite(losses.data)
    assert (shares[possible] >= 0).all()
    np.testing.assert_allclose(shares.sum(2)[possible], counts[possible], atol=1e-9)
    assert np.isnan(shares[~possible][counts[~possible]]).all()


def test_the_derivative_is_true_where_probabilities_do_not_add_up_to_one():
    y = -np.random.default_rng(0).uniform(0.1, 3, (2, 5, 3))
    assert tm.gradcheck(lambda y: F.ctc_loss(y, [[1, 1, 2], [2]]), y)


def test_impossible_targets():
    """Two equal labels need a blank between them: three steps."""
    y = tm.Tensor(np.log(np.full((2, 2, 3), 1 / 3)), requires_grad=True)
    losses = F.ctc_loss(y, [[1, 1], [1, 2]], reduction="none")
    assert losses.data[0] == np.inf and losses.data[1] == pytest.approx(2 * np.log(3))
    loss = F.ctc_loss(y, [[1, 1], [1, 2]], zero_infinity=True)
    loss.backward()
    assert loss.item() == pytest.approx(np.log(3) / 2)
    assert not y.grad.data[0].any() and y.grad.data[1].any()
    assert F.ctc_loss(np.log(np.full((1, 3, 2), 0.5)), [[1, 1]]) == pytest.approx(3 * np.log(2) / 2)


def test_no_labels_and_no_steps():
    y = np.log(np.array([[[0.5, 0.25, 0.25], [0.1, 0.5, 0.4]]]))
    assert F.ctc_loss(y, [[]]) == pytest.approx(-np.log(0.05))
    assert F.ctc_loss(y[:, :0], [[]]) == 0
    assert F.ctc_loss(y, [[1]], input_lengths=[0]) == np.inf
    assert F.ctc_loss(y[:0], np.zeros((0, 3), int), reduction="none").shape == (0,)
    assert F.ctc_loss(y[:0], [], reduction="sum") == 0


def test_nan_flows_only_where_it_is_read():
    y = log_softmax(np.zeros((4, 4, 4)))
    y[0, 1] = np.nan
    y[1, 3] = np.nan  # behind the end
    y[2, 1, 3] = np.nan  # too early for the third label
    y[3, 2, 1] = np.nan  # too late for the first
    y = tm.Tensor(y, requires_grad=True)
    losses = F.ctc_loss(y, [[1], [1], [1, 2, 3], [1, 2, 3]], [4, 3, 4, 4], reduction="none", zero_infinity=True)
    assert np.isnan(losses.data).tolist() == [True, False, False, False]
    losses.sum().backward()
    assert np.isnan(y.grad.data).any(axis=(1, 2)).tolist() == [True, False, False, False]


def test_probability_zero_has_a_gradient():
    """PyTorch's is NaN here."""
    with np.errstate(divide="ignore"):
        y = tm.Tensor(np.log([[[0.0, 1.0], [0.5, 0.5]]]), requires_grad=True)
    loss = F.ctc_loss(y, [[1]])
    loss.backward()
    assert loss.item() == 0 and y.grad.tolist() == [[[0, -1], [-0.5, -0.5]]]


def test_padding_and_lists_mean_the_same():
    y = log_softmax(np.random.default_rng(0).normal(size=(3, 6, 4)))
    padded = np.array([[1, 2, 1], [3, -1, 99], [0, 0, 0]])
    expected = F.ctc_loss(y, padded, target_lengths=[3, 1, 0], reduction="none")
    for targets in ([[1, 2, 1], [3], []], [np.array([1, 2, 1]), (3,), []], tm.tensor(padded)):
        lengths = [3, 1, 0] if isinstance(targets, tm.Tensor) else None
        for dtype in (np.int64, np.int32):
            steps = np.full(3, 6, dtype)
            np.testing.assert_array_equal(F.ctc_loss(y, targets, steps, lengths, reduction="none"), expected)
    np.testing.assert_array_equal(F.ctc_loss(y[:1], padded[:1].astype(np.uint8), reduction="none"), expected[:1])


def test_long_sequences_do_not_underflow():
    y = np.full((1, 3000, 2), np.log(0.5), np.float32)
    assert F.ctc_loss(y, [[]]) == pytest.approx(3000 * np.log(2), rel=1e-5)
    y[0, :, 1] = -1e4
    assert F.ctc_loss(y, [[1]]) == pytest.approx(1e4 + 2999 * np.log(2) - np.log(3000), rel=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_precision_stays(dtype, reduction):
    y = tm.Tensor(np.full((2, 3, 3), np.log(1 / 3), dtype), requires_grad=True)
    y.data.flags.writeable = False
    loss = F.ctc_loss(y, [[1], [2]], reduction=reduction)
    assert loss.dtype == dtype and tm.grad(loss.sum(), y).dtype == dtype


Y = np.log(np.full((2, 5, 3), 1 / 3))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((Y[0], [[1], [2]]), {}, ValueError, r"log_probs are \(5, 3\).*\(N, T, C\), for one sequence try log_probs\[None\]"),
        ((Y.swapaxes(0, 1), [[1], [2]]), {}, ValueError, r"hold 5 samples.*2 targets.*transpose\(1, 0, 2\)"),
        ((Y, [[1], [2], [1]]), {}, ValueError, "hold 2 samples, but there are 3 targets$"),
        ((Y, np.array([1, 2, 1])), {}, ValueError, r"row of targets has shape \(\).*np.split"),
        ((Y, [1, 2]), {}, ValueError, r"row of targets has shape \(\).*np.split"),
        ((Y, np.ones((2, 1, 1), int)), {}, ValueError, r"row of targets has shape \(1, 1\).*N lists$"),
        ((Y, [[1.0], [2.0]]), {}, TypeError, r"targets are float64.*astype\(int\)"),
        ((Y, [["a"], ["b"]]), {}, TypeError, "targets are <U1"),
        ((Y, [[1], [3]]), {}, IndexError, "labels run from 1 to 3, but 3 log_probs mean labels 0 to 2"),
        ((Y, [[1], [-1]]), {}, IndexError, "labels run from -1 to 1"),
        ((Y, [[1], [0]]), {}, ValueError, "targets hold 0, which is the blank"),
        ((Y, [[1], [2]]), {"blank": 3}, ValueError, "blank is 3, but it must be one of the 3 classes"),
        ((Y, [[1], [2]]), {"blank": True}, ValueError, "blank is True, but it must be one of the 3 classes, 0 to 2"),
        ((Y, [[1], [2]]), {"blank": 1.0}, ValueError, "blank is 1.0"),
        ((Y, [[1], [2]]), {"blank": -1}, ValueError, "blank is -1"),
        ((Y, [[1], [2]], [5, 6]), {}, ValueError, r"input_lengths\[1\] is 6, but sample 1 has 0 to 5"),
        ((Y, [[1], [2]], [5]), {}, ValueError, r"input_lengths is int64 \(1,\)"),
        ((Y, [[1], [2]], [5.0, 5.0]), {}, ValueError, r"input_lengths is float64"),
        ((Y, [[1], [2, 2]], None, [2, 2]), {}, ValueError, r"target_lengths\[0\] is 2, but sample 0 has 0 to 1"),
        ((Y, [[1], [2]], None, [-1, 1]), {}, ValueError, r"target_lengths\[0\] is -1"),
        ((-Y, [[1], [2]]), {}, ValueError, r"log_probs go up to 1.1, .* try log_softmax\(logits\)"),
        ((Y.astype(int), [[1], [2]]), {}, TypeError, "log_probs is int64: all must be float32"),
        ((Y, [[1], [2]]), {"reduction": "avg"}, ValueError, "reduction is 'avg'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_sentence(arguments, options, error, message):
    with pytest.raises(error, match=f"^ctc_loss: .*{message}") as caught:
        F.ctc_loss(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_the_targets_have_no_gradient():
    wanting = tm.tensor([[1.0]], requires_grad=True)
    with pytest.raises(TypeError, match=r"^ctc_loss: has no derivative with respect to targets"):
        F.ctc_loss(Y[:1], wanting)
