"""Losses: options against PyTorch, extreme logits, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import functional as F

REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


def agree(ours, theirs, *pairs):
    """Equal values, and equal gradients of their sums."""
    np.testing.assert_allclose(ours.data, theirs.detach(), rtol=1e-9)
    ours.sum().backward()
    theirs.sum().backward()
    for a, b in pairs:
        np.testing.assert_allclose(a.grad.data, b.grad, rtol=1e-7, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 5),
    classes=st.integers(2, 4),
    smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    weighted=st.booleans(),
    ignored=st.booleans(),
    reduction=REDUCTIONS,
    seed=st.integers(0, 99),
)
def test_cross_entropy_agrees_with_pytorch(n, classes, smoothing, weighted, ignored, reduction, seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    z, targets = rng.normal(size=(n, classes)), rng.integers(0, classes, n)
    if ignored and n > 1:
        targets[0] = -100
    weight = rng.uniform(0.5, 2, classes) if weighted else None
    options = {"reduction": reduction, "label_smoothing": smoothing}
    ours, theirs = tm.Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
    agree(
        F.cross_entropy(ours, targets, weight, **options),
        torch.nn.functional.cross_entropy(
            theirs, torch.tensor(targets), None if weight is None else torch.tensor(weight), **options
        ),
        (ours, theirs),
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), weighted=st.booleans(), reduction=REDUCTIONS)
def test_binary_cross_entropy_agrees_with_pytorch(seed, weighted, reduction):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    z, targets, pos_weight = rng.normal(0, 3, (3, 2)), rng.uniform(size=(3, 2)), 2.5 if weighted else None
    ours, theirs = tm.Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
    agree(
        F.binary_cross_entropy_with_logits(ours, targets, pos_weight, reduction),
        torch.nn.functional.binary_cross_entropy_with_logits(
            theirs,
            torch.tensor(targets),
            pos_weight=pos_weight and torch.tensor(pos_weight, dtype=torch.float64),
            reduction=reduction,
        ),
        (ours, theirs),
    )


def test_extreme_logits():
    z = tm.tensor([[1000.0, 0.0], [0.0, 1000.0]], requires_grad=True)
    with np.errstate(over="raise", invalid="raise"):
        loss = F.cross_entropy(z, [0, 0], reduction="none")
        assert loss.tolist() == [0, 1000]
        assert tm.grad(loss.sum(), z).tolist() == [[0, 0], [-1, 1]]
        losses = F.binary_cross_entropy_with_logits(z[0], np.array([0, 0]), reduction="none")
        np.testing.assert_allclose(losses.data, [1000, np.log(2)], rtol=1e-6)


def test_nan_logits_give_nan():
    z = tm.tensor([[np.nan, 0.0], [0.0, 0.0]])
    losses = F.cross_entropy(z, [0, 1], reduction="none").data
    assert np.isnan(losses[0]) and np.isfinite(losses[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels", [np.int64, np.uint8, np.int32])
def test_precisions(dtype, labels):
    z = tm.Tensor(np.ones((2, 3), dtype), requires_grad=True)
    for options in ({}, {"label_smoothing": 0.1}, {"weight": [1, 2, 3]}, {"reduction": "none"}):
        loss = F.cross_entropy(z, np.array([0, 2], labels), **options)
        assert loss.dtype == dtype and tm.grad(loss.sum(), z).dtype == dtype
    assert F.mse_loss(z, np.zeros((2, 3), dtype)).dtype == dtype
    assert F.binary_cross_entropy_with_logits(z, np.zeros((2, 3), labels)).dtype == dtype


def test_targets_may_be_tensors_and_lists():
    z = tm.tensor([[1.0, 2.0]])
    assert F.cross_entropy(z, tm.tensor([1])).item() == F.cross_entropy(z, [1]).item()


def test_ignored_rows_have_no_gradient():
    z = tm.tensor([[1.0, 2.0], [np.nan, np.nan]], requires_grad=True)
    loss = F.cross_entropy(z, [1, -100])
    assert loss.item() == F.cross_entropy(z[:1], [1]).item()
    other = F.cross_entropy(tm.tensor([[1.0, 2.0]]), [9], ignore_index=9, reduction="sum")
    assert other.item() == 0


def test_second_derivative_of_cross_entropy():
    z = np.random.default_rng(0).normal(size=(3, 4))
    for options in ({}, {"label_smoothing": 0.2}, {"weight": [1.0, 2, 3, 4]}, {"ignore_index": 1}):
        assert tm.gradcheck(lambda z, o=options: F.cross_entropy(z, [0, 1, 3], **o), z, order=2)


def test_mse_loss_has_a_gradient_for_both():
    assert tm.gradcheck(lambda y, t: F.mse_loss(y, t), np.ones((2, 2)), np.zeros((2, 2)), order=2)
    y = tm.tensor([1.0, 4.0])
    assert F.mse_loss(y, tm.tensor([0.0, 2.0]), reduction="none").tolist() == [1, 4]
    assert F.mse_loss(y, tm.tensor([0.0, 2.0]), reduction="sum").item() == 5


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([0, 3], IndexError, "labels run from 0 to 3, but 3 logits mean labels 0 to 2"),
        ([-1, 0], IndexError, "labels run from -1 to 0"),
        (
            [0.0, 1.0],
            TypeError,
            r"targets are float64, but classes are numbered by integers: use .astype\(int\)",
        ),
        ([0], ValueError, r"logits \(2, 3\) and targets \(1,\): expected \(N, C\) and \(N,\)$"),
        (np.eye(2, 3), ValueError, r"targets are class numbers, try targets.argmax\(1\)"),
    ],
)
def test_wrong_targets(targets, error, message):
    with pytest.raises(error, match=rf"^cross_entropy: .*{message}"):
        F.cross_entropy(tm.tensor(np.zeros((2, 3), np.float32)), targets)


@pytest.mark.parametrize("loss", [F.binary_cross_entropy_with_logits, F.mse_loss])
def test_shapes_must_match(loss):
    with pytest.raises(ValueError, match=rf"^{loss.__name__}: .*\(2, 1\) and targets \(2,\)"):
        loss(tm.tensor([[1.0], [2.0]]), np.array([1.0, 0.0], np.float32))


@pytest.mark.parametrize("targets", [[-0.1], [1.5], [np.nan]])
def test_binary_targets_are_probabilities(targets):
    with pytest.raises(ValueError, match=r"^binary_cross_entropy_with_logits: targets run from .* between 0 and 1"):
        F.binary_cross_entropy_with_logits(tm.tensor([1.0]), targets)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy_with_logits", "mse_loss"])
def test_unknown_reduction(name):
    targets = [1] if name == "cross_entropy" else np.ones((1, 2), np.float32)
    with pytest.raises(ValueError, match=rf'^{name}: reduction is \'avg\', but it must be "mean", "sum" or "none"'):
        getattr(F, name)(tm.tensor([[1.0, 2.0]]), targets, reduction="avg")


@pytest.mark.parametrize("dtype", [np.int64, np.float16])
def test_logits_of_another_precision_are_refused(dtype):
    with pytest.raises(TypeError, match=r"cross_entropy: logits is .*: all must be float32 or all float64"):
        F.cross_entropy(tm.tensor([[1, 2]], dtype=dtype), [1])


def test_class_weights_of_wrong_length():
    with pytest.raises(ValueError, match="cross_entropy"):
        F.cross_entropy(tm.tensor([[1.0, 2.0]]), [1], weight=[1, 2, 3])


def test_options_that_make_no_sense():
    z = tm.tensor([[1.0, 2.0]])
    for smoothing in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"^cross_entropy: label_smoothing is .* share between 0 and 1"):
            F.cross_entropy(z, [1], label_smoothing=smoothing)
    for weight in ([-1, 2], [np.nan, 1]):
        with pytest.raises(ValueError, match=r"^cross_entropy: the smallest weight is .* less than 0"):
            F.cross_entropy(z, [1], weight=weight)
    assert F.cross_entropy(z, [1], weight=[0, 1]).item() == F.cross_entropy(z, [1]).item()


def test_losses_of_nothing():
    none = np.zeros((0, 3), np.float32)
    assert F.binary_cross_entropy_with_logits(none, none, reduction="sum") == 0
    assert F.mse_loss(none, none, reduction="sum") == 0
    assert F.cross_entropy(none, np.zeros(0, int), reduction="sum") == 0
    assert F.cross_entropy(none, np.zeros(0, int), reduction="none").shape == (0,)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_reduction_may_come_from_a_file(reduction):
    """Equal text is enough; it need not be the same object."""
    z, read = tm.tensor([[1.0, 2.0], [0.0, 1.0]]), "".join(reduction)
    for smoothing in (0.0, 0.1):
        expected = F.cross_entropy(z, [0, 1], reduction=reduction, label_smoothing=smoothing)
        np.testing.assert_array_equal(F.cross_entropy(z, [0, 1], reduction=read, label_smoothing=smoothing), expected)
    for loss, target in ((F.mse_loss, z + 1), (F.binary_cross_entropy_with_logits, np.ones((2, 2)))):
        np.testing.assert_array_equal(loss(z, target, reduction=read), loss(z, target, reduction=reduction))
    log_probs = F.log_softmax(z)[None]
    expected = F.ctc_loss(log_probs, [[1, 1]], reduction=reduction, zero_infinity=True)
    np.testing.assert_array_equal(F.ctc_loss(log_probs, [[1, 1]], reduction=read, zero_infinity=True), expected)
