"""Convolution: options against PyTorch, second derivatives, errors that say what to mend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import functional as F


def image(*shape, dtype=np.float32):
    return tm.Tensor(np.random.default_rng(0).normal(size=shape).astype(dtype), requires_grad=True)


options = st.fixed_dictionaries(
    {
        "stride": st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 2), st.integers(1, 3))),
        "padding": st.one_of(st.integers(0, 2), st.tuples(st.integers(0, 2), st.integers(0, 1))),
        "dilation": st.one_of(st.integers(1, 2), st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "groups": st.sampled_from([1, 2]),
    }
)


@settings(max_examples=25, deadline=None)
@given(
    options=options,
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(5, 8), st.integers(5, 8)),
    batch=st.integers(1, 3),
    bias=st.booleans(),
)
def test_every_option_agrees_with_pytorch(options, kernel, size, batch, bias):
    torch = pytest.importorskip("torch")
    x = image(batch, 4, *size, dtype=np.float64)
    w = image(2, 4 // options["groups"], *kernel, dtype=np.float64)
    inputs = [x, w, image(2, dtype=np.float64)][: 2 + bias]
    theirs = [torch.tensor(t.data, requires_grad=True) for t in inputs]
    y, expected = F.conv2d(*inputs, **options), torch.nn.functional.conv2d(*theirs, **options)
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(g)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(y.data, expected.detach(), atol=1e-12)
    for ours, other in zip(inputs, theirs, strict=True):
        np.testing.assert_allclose(ours.grad.data, other.grad, atol=1e-12)


def test_first_layer_needs_no_input_gradient():
    x, w = tm.Tensor(np.ones((1, 1, 3, 3), np.float32)), image(2, 1, 2, 2)
    F.conv2d(x, w).sum().backward()
    assert x.grad is None and w.grad.shape == w.shape


def test_gradient_penalty_through_a_convolution():
    assert tm.gradcheck(
        lambda x, w, b: np.square(tm.grad(np.tanh(F.conv2d(x, w, b)).sum(), x, create_graph=True)),
        *(image(1, 1, 3, 3).data, image(1, 1, 2, 2).data, np.zeros(1)),
    )


@pytest.mark.parametrize(
    ("x", "w", "options", "message"),
    [
        (
            (2, 5, 5, 1),
            (3, 1, 3, 3),
            {},
            r"needs 1 input channels, but x is .*: channels come second, try x\.transpose",
        ),
        (
            (2, 2, 5, 5),
            (3, 1, 3, 3),
            {},
            r"weight \(3, 1, 3, 3\) needs 1 input channels, but x is \(2, 2, 5, 5\)$",
        ),
        ((2, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}, "3 filters cannot be cut into 2 equal groups"),
        ((2, 1, 5, 5), (3, 1, 3, 3), {"groups": 0}, "groups"),
        (
            (5, 5),
            (3, 1, 3, 3),
            {},
            r"x is \(5, 5\) and weight \(3, 1, 3, 3\), but they must be .samples, channels, rows, columns",
        ),
        ((1, 1, 5, 5), (3, 1, 6, 3), {}, "a filter of 6 rows does not fit into 5 rows padded by 0"),
        (
            (1, 1, 5, 5),
            (3, 1, 3, 3),
            {"dilation": (1, 3)},
            "a filter of 7 columns does not fit into 5 columns",
        ),
        (
            (1, 1, 5, 5),
            (3, 1, 3, 3),
            {"stride": 0},
            "stride is 0, but it must be one or two integers of at least 1",
        ),
        ((1, 1, 5, 5), (3, 1, 3, 3), {"padding": (1, 1, 1)}, r"padding is \(1, 1, 1\)"),
        ((1, 1, 5, 5), (3, 1, 3, 3), {"padding": -1}, "padding is -1"),
        (
            (1, 1, 5, 5),
            (3, 1, 3, 3),
            {"bias": np.ones(2, np.float32)},
            r"bias \(2,\) must have one number per filter",
        ),
    ],
)
def test_errors(x, w, options, message):
    with pytest.raises(ValueError, match=rf"^conv2d: .*{message}"):
        F.conv2d(image(*x), image(*w), **options)


def test_one_precision_at_a_time():
    with pytest.raises(TypeError, match=r"^conv2d: x is float32, weight is float64: all must be"):
        F.conv2d(image(1, 1, 3, 3), image(1, 1, 2, 2, dtype=np.float64))
    with pytest.raises(TypeError, match=r"^conv2d: x is uint8, weight is float32"):
        F.conv2d(np.ones((1, 1, 3, 3), np.uint8), image(1, 1, 2, 2))


def test_nan_and_infinity_reach_what_saw_them():
    x = np.zeros((1, 1, 4, 4), np.float32)
    x[0, 0, 0, 0], x[0, 0, 3, 3] = np.nan, np.inf
    y = F.conv2d(tm.Tensor(x), np.ones((1, 1, 2, 2), np.float32)).data[0, 0]
    assert np.isnan(y[0, 0]) and np.isposinf(y[2, 2]) and np.isfinite(y).sum() == 7


def test_conv1d_errors():
    with pytest.raises(ValueError, match=r"^conv1d: x is \(2, 3\) and weight \(1, 1, 2\), but they must be"):
        F.conv1d(image(2, 3), image(1, 1, 2))


@pytest.mark.parametrize("stride", [1.5, None, (1, 2, 3)])
def test_conv_stride_is_refused_in_one_sentence(stride):
    with pytest.raises((ValueError, TypeError), match="conv2d"):
        F.conv2d(tm.Tensor(np.ones((1, 1, 3, 3))), tm.Tensor(np.ones((1, 1, 2, 2))), stride=stride)


def test_conv1d_speaks_of_conv1d():
    with pytest.raises(ValueError, match=r"^conv1d: "):
        F.conv1d(tm.Tensor(np.ones((1, 2, 3))), tm.Tensor(np.ones((1, 1, 2))))


@pytest.mark.parametrize(
    ("option", "value"), [("stride", 0), ("stride", (1, 1)), ("padding", -1), ("dilation", 0), ("dilation", 1.5)]
)
def test_the_options_of_conv1d_are_integers(option, value):
    least = 0 if option == "padding" else 1
    with pytest.raises(ValueError, match=rf"^conv1d: {option} is .*, but it must be an integer of at least {least}$"):
        F.conv1d(image(2, 3, 5), image(1, 3, 2), **{option: value})


def test_the_smallest_image_that_can_be_pooled():
    """Two by two pixels are left by the convolution; with one fewer there is nothing to pool."""
    x, w, b = image(1, 1, 4, 3), image(2, 1, 3, 2), image(2)
    expected = F.max_pool2d(F.relu(F.conv2d(x, w, b)), 2)
    np.testing.assert_allclose(F.conv_relu_pool(x, w, b).data, expected.data, rtol=1e-6)
    with pytest.raises(ValueError, match=r"^conv_relu_pool: x \(1, 1, 4, 3\) leaves 2×1 pixels, too few"):
        F.conv_relu_pool(x, image(2, 1, 3, 3), b)
    with pytest.raises(ValueError, match=r"^conv_relu_pool: bias is None"):
        F.conv_relu_pool(x, w, None)


def test_padding_counts_on_both_sides():
    """A filter of four does not fit into one pixel and one of padding on each side; one of three does."""
    x, weight = np.ones((1, 1, 1, 1), np.float32), np.ones((1, 1, 4, 4), np.float32)
    with pytest.raises(ValueError, match=r"^conv2d: a filter of 4 rows does not fit into 1 rows padded by 1"):
        F.conv2d(x, weight, padding=1)
    assert F.conv2d(x, weight[:, :, :3, :3], padding=1).tolist() == [[[[1]]]]
