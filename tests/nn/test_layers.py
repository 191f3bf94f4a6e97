"""Layers: equal to PyTorch's with the same weights, and what they say and do besides."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import nn, optim
from tinymm.sparse import CSRMatrix

TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-5}, "float64": {"rtol": 1e-10, "atol": 1e-10}}

# (class, arguments, options, shape of x): the same call makes PyTorch's layer.
LAYERS = [
    ("Linear", (5, 3), {}, (4, 5)),
    ("Linear", (5, 3), {}, (2, 4, 5)),
    ("Linear", (5, 3), {"bias": False}, (5,)),
    ("Conv2d", (3, 4, 3), {}, (2, 3, 6, 5)),
    (
        "Conv2d",
        (4, 6, (3, 2)),
        {"stride": (2, 1), "padding": (1, 2), "dilation": 2, "groups": 2},
        (2, 4, 8, 7),
    ),
    ("Conv2d", (2, 3, 1), {"bias": False}, (1, 2, 4, 4)),
    ("Conv1d", (3, 4, 3), {}, (2, 3, 9)),
    ("Conv1d", (4, 2, 2), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "bias": False}, (2, 4, 9)),
    ("MaxPool2d", (2,), {}, (2, 3, 6, 5)),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1}, (2, 3, 7, 6)),
    ("AvgPool2d", (2,), {}, (2, 3, 6, 5)),
    ("AvgPool2d", ((3, 2),), {"stride": (2, 1), "padding": (1, 0)}, (2, 3, 7, 6)),
    ("BatchNorm2d", (3,), {}, (4, 3, 5, 2)),
    ("BatchNorm2d", (2,), {"eps": 1e-2, "momentum": 0.4}, (3, 2, 1, 2)),
    ("LayerNorm", (4,), {}, (3, 2, 4)),
    ("LayerNorm", ((3, 4),), {"eps": 1e-2}, (2, 3, 4)),
    ("ReLU", (), {}, (3, 4)),
    ("Tanh", (), {}, (3, 4)),
    ("Sigmoid", (), {}, (3, 4)),
    ("Flatten", (), {}, (2, 3, 4, 2)),
    ("Dropout", (0.0,), {}, (3, 4)),
]
every_layer = pytest.mark.parametrize(
    ("name", "args", "options", "shape"), LAYERS, ids=[f"{i}-{layer[0]}" for i, layer in enumerate(LAYERS)]
)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def cast(module, dtype):
    """The module itself, its parameters and buffers now of this dtype."""
    for _, part in module.named_modules():
        for name, value in list(vars(part).items()):
            if isinstance(value, nn.Parameter):
                value.data = value.data.astype(dtype)
            elif isinstance(value, np.ndarray):
                setattr(part, name, value.astype(dtype))
    return module


def twins(name, args, options, dtype="float32"):
    """Our layer and PyTorch's, with the same parameters and buffers, none at its default."""
    torch = pytest.importorskip("torch")
    ours = cast(getattr(nn, name)(*args, **options), dtype)
    theirs = getattr(torch.nn, name)(*args, **options).to(getattr(torch, dtype))
    rng = np.random.default_rng(1)
    ours.load_state_dict({key: rng.uniform(0.2, 1, value.shape) for key, value in ours.state_dict().items()})
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()}, strict=False)
    return torch, ours, theirs


def assert_same_pass(torch, ours, theirs, shape, dtype, seed=2):
    """Outputs, the input's gradient and those of all parameters."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape).astype(dtype)
    a, b = tm.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    assert y.dtype == dtype and y.shape == tuple(z.shape)
    np.testing.assert_allclose(y.data, z.detach().numpy(), **TOLERANCE[dtype])
    g = rng.normal(size=y.shape).astype(dtype)
    y.backward(g)
    z.backward(torch.tensor(g))
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), **TOLERANCE[dtype])
    expected = dict(theirs.named_parameters())
    assert [key for key, _ in ours.named_parameters()] == list(expected)
    for key, parameter in ours.named_parameters():
        assert parameter.grad.dtype == dtype
        np.testing.assert_allclose(parameter.grad.data, expected[key].grad.numpy(), **TOLERANCE[dtype])


@every_layer
@every_dtype
def test_parity_with_pytorch(name, args, options, shape, dtype):
    torch, ours, theirs = twins(name, args, options, dtype)
    for seed in (2, 3):  # a second pass, because running statistics move
        ours.zero_grad()
        theirs.zero_grad()
        assert_same_pass(torch, ours, theirs, shape, dtype, seed)
        for key, value in ours.state_dict().items():
            np.testing.assert_allclose(value, theirs.state_dict()[key].numpy(), **TOLERANCE[dtype])
    ours.eval(), theirs.eval()
    ours.zero_grad()
    theirs.zero_grad()
    assert_same_pass(torch, ours, theirs, shape, dtype)


@every_layer
def test_state_has_the_names_and_shapes_of_pytorch(name, args, options, shape):
    torch = pytest.importorskip("torch")
    state = getattr(nn, name)(*args, **options).state_dict()
    expected = {k: tuple(v.shape) for k, v in getattr(torch.nn, name)(*args, **options).state_dict().items()}
    expected.pop("num_batches_tracked", None)  # PyTorch counts; the statistics do not need it
    assert {key: value.shape for key, value in state.items()} == expected
    assert all(value.dtype == np.float32 for value in state.values())


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda: nn.Linear(100, 80), 100),
        (lambda: nn.Conv2d(8, 60, (3, 5), groups=2), 60),
        (lambda: nn.Conv1d(10, 90, 7), 70),
    ],
)
def test_first_values_are_uniform_by_fan_in(make, fan_in):
    tm.manual_seed(0)
    layer = make()
    for parameter in layer.parameters():
        bound = 1 / np.sqrt(fan_in)
        assert 0.9 * bound < np.abs(parameter.data).max() <= bound * (1 + 1e-6)
        assert np.std(parameter.data) == pytest.approx(bound / np.sqrt(3), rel=0.2)


def test_first_values_repeat_with_the_seed():
    def values(seed):
        tm.manual_seed(seed)
        layers = nn.Linear(3, 2), nn.Conv2d(2, 3, 3), nn.Embedding(4, 2), nn.LSTM(2, 3), nn.GRU(2, 3)
        return np.concatenate([p.data.ravel() for layer in layers for p in layer.parameters()])

    np.testing.assert_array_equal(values(1), values(1))
    assert not np.any(values(1) == values(2))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Linear(64, 10), "Linear(64, 10)"),
        (nn.Linear(3, 2, bias=False), "Linear(3, 2, bias=False)"),
        (nn.LogisticRegression(5), "LogisticRegression(5, classes=2)"),
        (nn.LogisticRegression(5, 4), "LogisticRegression(5, classes=4)"),
        (nn.Conv2d(3, 8, 5), "Conv2d(3, 8, kernel_size=5x5)"),
        (
            nn.Conv2d(4, 8, (3, 1), stride=2, padding=(1, 0), groups=2, bias=False),
            "Conv2d(4, 8, kernel_size=3x1, stride=2, padding=(1, 0), groups=2, bias=False)",
        ),
        (nn.Conv1d(2, 3, 4, dilation=2), "Conv1d(2, 3, kernel_size=4, dilation=2)"),
        (nn.MaxPool2d(2), "MaxPool2d(2)"),
        (nn.AvgPool2d(3, stride=2, padding=1), "AvgPool2d(3, stride=2, padding=1)"),
        (nn.BatchNorm2d(6), "BatchNorm2d(6)"),
        (nn.LayerNorm((3, 4)), "LayerNorm(3, 4)"),
        (nn.Embedding(9, 4), "Embedding(9, 4)"),
        (nn.Dropout(0.3), "Dropout(0.3)"),
        (nn.ReLU(), "ReLU()"),
        (nn.Flatten(), "Flatten()"),
    ],
)
def test_repr(layer, text):
    assert repr(layer) == text


def ones(*shape):
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda: nn.Linear(2, 3)(ones(4, 5)),
            ValueError,
            r"linear: weight \(3, 2\) needs 2 features.*\(4, 5\)",
        ),
        (lambda: nn.LogisticRegression(3, 1), ValueError, "LogisticRegression: 1 classes.*at least 2"),
        (lambda: nn.LogisticRegression(3)(ones(2, 4)), ValueError, "linear: .*needs 3 features"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "Conv2d: 3 input and 4 output.*2 groups"),
        (lambda: nn.Conv1d(2, 4, 3, groups=0), ValueError, "Conv1d: .*0 groups"),
        (
            lambda: nn.Conv2d(3, 4, 3)(ones(1, 8, 8, 3)),
            ValueError,
            r"conv2d: .*channels come second, try x.transpose\(0, 3, 1, 2\)",
        ),
        (lambda: nn.Conv1d(3, 4, 3)(ones(2, 3)), ValueError, "conv1d: x is .* must be"),
        (lambda: nn.Dropout(1.5), ValueError, "Dropout: p is 1.5.*between 0 and 1"),
        (lambda: nn.Dropout(float("nan")), ValueError, "Dropout: p is nan"),
        (lambda: nn.BatchNorm2d(3)(ones(2, 3)), ValueError, r"BatchNorm2d: x is \(2, 3\).*four axes"),
        (lambda: nn.BatchNorm2d(3)(ones(2, 4, 2, 2)), ValueError, "batch_norm: .*3 channels"),
        (lambda: nn.BatchNorm2d(3)(ones(1, 3, 1, 1)), ValueError, "more than one value per channel"),
        (lambda: nn.LayerNorm(3)(ones(2, 4)), ValueError, r"layer_norm: weight \(3,\) must match"),
        (lambda: nn.Embedding(3, 2)(np.array([0.0])), TypeError, "embedding: indices must be integers"),
        (lambda: nn.Embedding(3, 2)([0, 3]), IndexError, "embedding: indices run from 0 to 3.*rows 0 to 2"),
        (lambda: nn.Embedding(3, 2)([-1]), IndexError, "embedding: indices run from -1"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, "Embedding: padding_idx is 3.*rows 0 to 2"),
        (lambda: nn.Embedding(3, 2, padding_idx=-1), ValueError, "Embedding: padding_idx is -1"),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()


# --- normalisation and dropout -----------------------------------------------------------------------------


def test_batch_norm_in_training_standardises_each_channel():
    x = np.random.default_rng(0).normal(3, 2, (8, 3, 4, 5)).astype(np.float32)
    y = nn.BatchNorm2d(3)(tm.Tensor(x)).data
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var((0, 2, 3)), 1, rtol=1e-3)


def test_batch_norm_in_evaluation_leaves_its_statistics_and_treats_images_alone():
    layer = nn.BatchNorm2d(2)
    x = np.random.default_rng(0).normal(3, 2, (8, 2, 4, 5)).astype(np.float32)
    for _ in range(3):
        layer(tm.Tensor(x))
    before = layer.state_dict()
    assert np.all(before["running_mean"] > 0.5)
    layer.eval()
    y = layer(tm.Tensor(x)).data
    np.testing.assert_allclose(layer(tm.Tensor(x[:1])).data, y[:1], rtol=1e-6)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_dropout_keeps_the_mean_and_drops_the_share_it_says():
    tm.manual_seed(0)
    x = tm.tensor(np.full((200, 500), 2.0, np.float32), requires_grad=True)
    y = nn.Dropout(0.3)(x)
    assert y.dtype == np.float32
    assert np.mean(y.data == 0) == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(np.unique(y.data), [0, 2 / 0.7], rtol=1e-6)
    assert y.data.mean() == pytest.approx(2, rel=0.01)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, y.data / 2)  # what was dropped learns nothing


def test_dropout_repeats_with_the_seed_and_differs_between_calls():
    x, layer = ones(10, 10), nn.Dropout()

    def draw():
        return layer(tm.Tensor(x)).data

    tm.manual_seed(5)
    first, second = draw(), draw()
    tm.manual_seed(5)
    np.testing.assert_array_equal(draw(), first)
    assert np.any(first != second)


def test_dropout_at_the_ends_and_in_evaluation():
    x = tm.Tensor(ones(4, 5))
    np.testing.assert_array_equal(nn.Dropout(0)(x).data, x.data)
    np.testing.assert_array_equal(nn.Dropout(1)(x).data, 0)
    np.testing.assert_array_equal(nn.Dropout(0.9).eval()(x).data, x.data)


# --- embedding ---------------------------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("padding_idx", [None, 0, 2])
def test_embedding_is_that_of_pytorch(dtype, padding_idx):
    torch = pytest.importorskip("torch")
    ours = cast(nn.Embedding(5, 3, padding_idx), dtype)
    theirs = torch.nn.Embedding(5, 3, padding_idx, dtype=getattr(torch, dtype))
    theirs.load_state_dict({"weight": torch.tensor(ours.weight.data)})
    indices = np.array([[0, 2, 4, 2], [1, 0, 0, 3]])
    g = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(dtype)
    y, z = ours(indices), theirs(torch.tensor(indices))
    assert y.shape == (2, 4, 3)
    np.testing.assert_array_equal(y.data, z.detach().numpy())
    y.backward(g)
    z.backward(torch.tensor(g))
    np.testing.assert_allclose(ours.weight.grad.data, theirs.weight.grad.numpy(), **TOLERANCE[dtype])


def test_padding_stays_zero_while_the_rest_learns():
    layer = nn.Embedding(4, 2, padding_idx=1)
    optimizer = optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    before = layer.weight.data.copy()
    for _ in range(3):
        optimizer.zero_grad()
        (layer([[0, 1], [2, 1]]) * 3.0).sum().backward()
        optimizer.step()
    np.testing.assert_array_equal(layer.weight.data[1], 0)
    np.testing.assert_array_equal(layer([1]).data, 0)
    assert np.all(layer.weight.data[[0, 2]] != before[[0, 2]])


# --- logistic regression -----------------------------------------------------------------------------------


def noisy_classes(classes):
    """Three features that tell the classes apart, but not surely: the best weights are finite."""
    rng = np.random.default_rng(classes)
    y = rng.integers(0, classes, 150)
    return rng.normal(size=(150, 3)) + rng.normal(size=(classes, 3))[y], y


def fit(model, x, y, steps=300):
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_logistic_regression_converges_to_that_of_scikit_learn(classes):
    judge = pytest.importorskip("sklearn.linear_model")
    x, y = noisy_classes(classes)
    model = cast(nn.LogisticRegression(3, classes), "float64")
    assert model.loss(x, y).item() == pytest.approx(np.log(classes))  # zero weights: all classes alike
    fit(model, x, y)
    theirs = judge.LogisticRegression(C=1e10, tol=1e-10, max_iter=5000).fit(x, y)
    p = model.predict_proba(x)
    assert p.shape == (150, classes)
    np.testing.assert_allclose(p, theirs.predict_proba(x), atol=1e-4)
    np.testing.assert_array_equal(model.predict(x), theirs.predict(x))


@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_regression_is_its_formula(classes):
    from tinymm import formulas

    model = nn.LogisticRegression(6, classes)
    rng = np.random.default_rng(0)
    for parameter in model.parameters():
        parameter.data = rng.normal(size=parameter.shape).astype(np.float32)
    x = rng.normal(size=(5, 1, 2, 3)).astype(np.float32)  # images are laid out flat
    weight, bias = model.weight.data, model.bias.data
    if classes == 2:
        p = formulas.logistic_regression(x.reshape(5, 6), weight[0], bias[0])
        expected = np.stack([1 - p, p], axis=1)
        assert model(x).shape == (5,)
    else:
        expected = formulas.logistic_regression(x.reshape(5, 6), weight, bias)
        assert model(x).shape == (5, classes)
    found = model.predict_proba(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(x), expected.argmax(axis=1))
    y = np.arange(5) % classes
    loss = model.loss(x, y.tolist())
    assert loss.item() == pytest.approx(-np.log(expected[np.arange(5), y]).mean(), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_regression_of_a_sparse_matrix_is_that_of_the_dense_one(classes):
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(6, 9)).astype(np.float32) * (rng.random((6, 9)) < 0.3)
    x, y = CSRMatrix.from_dense(dense), np.arange(6) % classes
    model = nn.LogisticRegression(9, classes)
    for parameter in model.parameters():
        parameter.data = rng.normal(size=parameter.shape).astype(np.float32)
    gradients = []
    for samples in (x, dense):
        model.loss(samples, y).backward()
        gradients.append([parameter.grad.numpy() for parameter in model.parameters()])
        for parameter in model.parameters():
            parameter.grad = None
    for ours, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(x), model.predict_proba(dense), rtol=1e-5)
    np.testing.assert_array_equal(model.predict(x), model.predict(dense))
    with pytest.raises(ValueError, match="sparse_linear: weight"):
        nn.LogisticRegression(3)(x)


def test_logistic_regression_refuses_labels_outside_its_classes():
    with pytest.raises(IndexError, match="labels run from 0 to 3"):
        nn.LogisticRegression(2, 3).loss(ones(2, 2), [0, 3])


def test_a_layer_is_its_function():
    """The options of a layer reach its function."""
    x = tm.Tensor(np.random.default_rng(0).normal(size=(2, 2, 6, 6)).astype(np.float32))
    conv = nn.Conv2d(2, 4, 3, stride=2, padding=1)
    np.testing.assert_array_equal(conv(x).data, F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1).data)
    np.testing.assert_array_equal(nn.MaxPool2d(3, 1)(x).data, F.max_pool2d(x, 3, 1).data)
