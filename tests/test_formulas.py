"""The formulas against PyTorch, scikit-learn and NumPy: they are what everything else is compared with."""

import inspect

import numpy as np
import pytest

from tinymm import formulas, optim


def rng():
    return np.random.default_rng(0)


def test_neuron_is_the_weighted_sum():
    assert formulas.neuron(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), 0.5) == 32.5


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"stride": (1, 3), "padding": (2, 0), "dilation": (1, 2)},
        {"groups": 2, "padding": 1},
    ],
)
def test_convolution_is_pytorchs(options):
    torch = pytest.importorskip("torch")
    groups = options.get("groups", 1)
    x, weight, bias = (rng().standard_normal(s) for s in ((2, 4, 7, 8), (6, 4 // groups, 3, 2), (6,)))
    expected = torch.nn.functional.conv2d(*map(torch.tensor, (x, weight, bias)), **options)
    np.testing.assert_allclose(formulas.convolution(x, weight, bias, **options), expected.numpy(), atol=1e-12)


def test_convolution_of_no_images():
    assert formulas.convolution(np.ones((0, 1, 5, 5)), np.ones((2, 1, 3, 3))).shape == (0, 2, 3, 3)


@pytest.mark.parametrize(("window", "stride", "padding"), [(2, None, 0), ((3, 2), 1, 1), (3, (2, 3), (1, 0))])
def test_pooling_is_pytorchs(window, stride, padding):
    torch = pytest.importorskip("torch")
    x = rng().standard_normal((2, 3, 7, 8))
    maximum = torch.nn.functional.max_pool2d(torch.tensor(x), window, stride, padding)
    mean = torch.nn.functional.avg_pool2d(torch.tensor(x), window, stride, padding)
    np.testing.assert_allclose(formulas.max_pooling(x, window, stride, padding), maximum.numpy())
    np.testing.assert_allclose(formulas.average_pooling(x, window, stride, padding), mean.numpy())


def test_max_pooling_hands_on_nan():
    x = np.array([[[[1.0, np.nan], [2.0, 3.0]]]])
    assert np.isnan(formulas.max_pooling(x, 2)).all()


@pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_recurrent_is_pytorchs(kind, gates):
    torch = pytest.importorskip("torch")
    samples, steps, features, hidden = 3, 5, 2, 4
    shapes = [
        (samples, steps, features),
        (gates * hidden, features),
        (gates * hidden, hidden),
        (gates * hidden,),
        (gates * hidden,),
    ]
    generator = rng()
    x, weight_ih, weight_hh, bias_ih, bias_hh = (generator.standard_normal(shape) for shape in shapes)
    biases = (bias_ih, bias_hh) if kind == "gru" else (bias_ih,)
    states = [generator.standard_normal((samples, hidden)) for _ in range(2 if kind == "lstm" else 1)]
    layer = getattr(torch.nn, kind.upper())(features, hidden, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        parameters = (weight_ih, weight_hh, bias_ih, bias_hh if kind == "gru" else 0 * bias_hh)
        for parameter, value in zip(layer.parameters(), parameters, strict=True):
            parameter.copy_(torch.tensor(value))
        start = tuple(torch.tensor(state)[None] for state in states)
        expected, last = layer(torch.tensor(x), start if kind == "lstm" else start[0])
    outputs, final = getattr(formulas, kind)(x, weight_ih, weight_hh, *biases, *states)
    np.testing.assert_allclose(outputs, expected.numpy(), atol=1e-12)
    for got, wanted in zip(final, last, strict=True) if kind == "lstm" else [(final, last[0])]:
        np.testing.assert_allclose(got, wanted.numpy().reshape(got.shape), atol=1e-12)


def test_a_sequence_ends_at_its_length():
    generator = rng()
    x, weight_ih, weight_hh, bias = (generator.standard_normal(shape) for shape in ((3, 5, 2), (4, 2), (4, 4), (4,)))
    h0 = generator.standard_normal((3, 4))
    outputs, final = formulas.rnn(x, weight_ih, weight_hh, bias, h0, np.array([5, 2, 0]))
    short, last = formulas.rnn(x[1:2, :2], weight_ih, weight_hh, bias, h0[1:2])
    np.testing.assert_array_equal(outputs[1], [*short[0], *np.zeros((3, 4))])
    np.testing.assert_array_equal(final[1], last[0])
    np.testing.assert_array_equal(final[2], h0[2])
    assert not outputs[2].any()


def test_log_sum_exp_at_its_edges():
    z = np.array([[1e4, 1e4], [-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 3.0]])
    np.testing.assert_allclose(formulas.log_sum_exp(z), [1e4 + np.log(2), -np.inf, np.inf, 3.0])


def test_cross_entropy_is_minus_the_log_of_the_probability():
    generator = rng()
    z, targets = generator.standard_normal((6, 4)), generator.integers(0, 4, 6)
    probability = formulas.softmax(z)[np.arange(6), targets]
    np.testing.assert_allclose(formulas.cross_entropy(z, targets), -np.log(probability))


def test_logistic_regression_is_scikit_learns():
    linear = pytest.importorskip("sklearn.linear_model")
    generator = rng()
    x = generator.standard_normal((60, 3))
    for classes in (2, 4):
        model = linear.LogisticRegression().fit(x, generator.integers(0, classes, 60))
        if classes == 2:
            ones = formulas.logistic_regression(x, model.coef_[0], model.intercept_[0])
            np.testing.assert_allclose(ones, model.predict_proba(x)[:, 1])
        else:
            got = formulas.logistic_regression(x, model.coef_, model.intercept_)
            np.testing.assert_allclose(got, model.predict_proba(x))


def _zeros(theta, count):
    return [np.zeros_like(theta) for _ in range(count)]


RULES = {  # name: (PyTorch's class, its options, our function of (θ, g, state, t), number of state arrays)
    "gradient_descent": ("SGD", {}, lambda p, g, s, t, **o: (formulas.gradient_descent(p, g, **o),), 0),
    "momentum": (
        "SGD",
        {"momentum": 0.8},
        lambda p, g, s, t, **o: formulas.momentum(p, g, *s, mu=0.8, **o),
        1,
    ),
    "nesterov": (
        "SGD",
        {"momentum": 0.8, "nesterov": True},
        lambda p, g, s, t, **o: formulas.nesterov(p, g, *s, mu=0.8, **o),
        1,
    ),
    "adagrad": ("Adagrad", {}, lambda p, g, s, t, **o: formulas.adagrad(p, g, *s, **o), 1),
    "rmsprop": ("RMSprop", {}, lambda p, g, s, t, **o: formulas.rmsprop(p, g, *s, **o), 3),
    "rmsprop, centred": (
        "RMSprop",
        {"momentum": 0.7, "centered": True},
        lambda p, g, s, t, **o: formulas.rmsprop(p, g, *s, mu=0.7, centered=True, **o),
        3,
    ),
    "adam": ("Adam", {}, lambda p, g, s, t, **o: formulas.adam(p, g, *s, t, **o), 2),
    "adamw": ("AdamW", {}, lambda p, g, s, t, **o: formulas.adamw(p, g, *s, t, **o), 2),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_update_rules_are_pytorchs(name, weight_decay):
    torch = pytest.importorskip("torch")
    kind, options, rule, states = RULES[name]
    generator = rng()
    theta = generator.standard_normal(5)
    parameter = torch.tensor(theta, requires_grad=True)
    optimizer = getattr(torch.optim, kind)([parameter], lr=0.01, weight_decay=weight_decay, **options)
    state = _zeros(theta, states)
    for t in range(1, 6):
        gradient = generator.standard_normal(5)
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
        theta, *state = rule(theta, gradient, state, t, lr=0.01, weight_decay=weight_decay)
    np.testing.assert_allclose(theta, parameter.detach().numpy(), rtol=1e-12)


def test_precision_recall_and_f1():
    assert formulas.precision(tp=3, fp=1) == 0.75
    assert formulas.recall(tp=3, fn=3) == 0.5
    p, r = 0.75, 0.5
    assert formulas.f1(tp=3, fp=1, fn=3) == pytest.approx(2 * p * r / (p + r))
    assert formulas.precision(0, 0) == formulas.recall(0, 0) == formulas.f1(0, 0, 0) == 0


def test_ctc_loss_of_what_is_certain_and_of_what_is_impossible():
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert formulas.ctc_loss(log_probs, (1,)) == 0
    with np.errstate(divide="raise"):
        assert formulas.ctc_loss(log_probs, (1, 1)) == np.inf  # would need a blank between them


def test_a_neuron_needs_no_bias():
    assert formulas.neuron(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 11


def test_the_defaults_are_those_of_the_optimisers():
    def defaults(function):
        return {
            name: p.default for name, p in inspect.signature(function).parameters.items() if p.default is not p.empty
        }

    for rule, kind in (("adagrad", "Adagrad"), ("rmsprop", "RMSprop"), ("adam", "Adam"), ("adamw", "AdamW")):
        ours, theirs = defaults(getattr(formulas, rule)), defaults(getattr(optim, kind))
        if "betas" in theirs:
            theirs["beta1"], theirs["beta2"] = theirs.pop("betas")
        theirs["mu"] = theirs.pop("momentum", None)
        assert ours and ours.items() <= theirs.items()
    assert defaults(formulas.gradient_descent) == {"weight_decay": 0}
    assert defaults(formulas.momentum) == defaults(formulas.nesterov) == {"mu": 0.9, "weight_decay": 0}


def test_the_numerical_gradient_is_the_true_one_up_to_rounding():
    x = np.array([[0.5, -1.0], [2.0, 3.0]])
    before = x.copy()
    found = formulas.numerical_gradient(lambda x: np.sum(np.exp(x) * x), x)
    np.testing.assert_allclose(found, np.exp(x) * (1 + x), rtol=1e-7, atol=1e-8)
    np.testing.assert_array_equal(x, before)
