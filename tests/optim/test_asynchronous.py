"""Asynchronous gradient descent: equal to its formula, to SGD without delay, and to itself when run again or resumed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import formulas, nn, optim

KINDS = ("constant", "uniform", "geometric", "poisson")
START = np.array([1.0, -2.0, 0.5])


def gradient(theta):
    return 2 * (1 - np.tanh(theta) ** 2) + theta


def path(steps=30, **options):
    """θ after every step, and the optimiser, on Σ 2 tanh θ + θ²/2."""
    theta = nn.Parameter(START.copy())
    optimizer = optim.AsyncSGD([theta], 0.05, **options)
    thetas = [theta.data.copy()]
    for _ in range(steps):
        walk(optimizer, theta)
        thetas.append(theta.data.copy())
    return thetas, optimizer


def walk(optimizer, theta):
    optimizer.zero_grad()
    (2 * theta.tanh() + theta * theta / 2).sum().backward()
    optimizer.step()


@settings(deadline=None, max_examples=30)
@given(
    kind=st.sampled_from(KINDS),
    mean=st.integers(0, 6),
    aware=st.booleans(),
    seed=st.integers(0, 99),
    steps=st.integers(1, 40),
)
def test_every_update_is_the_formulas(kind, mean, aware, seed, steps):
    thetas, optimizer = path(steps, delay=optim.Delay(kind, mean), staleness_aware=aware, seed=seed)
    expected = formulas.asynchronous_sgd(START, gradient, 0.05, optimizer.staleness, aware)
    np.testing.assert_allclose(thetas[-1], expected[-1], rtol=1e-12)
    assert all(0 <= tau <= k for k, tau in enumerate(optimizer.staleness))
    optimizer.drain()
    assert len(optimizer.staleness) == steps  # no gradient was lost, none came twice


def test_a_constant_delay_is_the_staleness_once_all_workers_are_at_work():
    thetas, optimizer = path(10, delay=3)
    assert optimizer.staleness == [0, 1, 2, 3, 3, 3, 3]
    assert all((theta == START).all() for theta in thetas[:4])  # the first gradient is three steps under way


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}])
def test_without_delay_it_is_sgd_bit_for_bit(options):
    ours, _ = path(20, delay=0, staleness_aware=True, **options)
    theta = nn.Parameter(START.copy())
    sgd = optim.SGD([theta], 0.05, **options)
    for step in range(20):
        walk(sgd, theta)
        np.testing.assert_array_equal(theta.data, ours[step + 1])


def test_momentum_and_decay_follow_the_arriving_gradient():
    thetas, _ = path(8, delay=2, momentum=0.9, weight_decay=0.1)
    theta, velocity, expected = START, np.zeros(3), [START]
    for k in range(6):
        stale = gradient(expected[max(0, k - 2)])
        theta, velocity = formulas.momentum(theta, stale, velocity, 0.05, 0.9, weight_decay=0.1)
        expected.append(theta)
    np.testing.assert_allclose(thetas[-1], expected[-1], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_the_delays_and_of_the_staleness_is_the_one_asked_for(kind):
    rng = np.random.default_rng(0)
    draws = [optim.Delay(kind, 4).draw(rng) for _ in range(4000)]
    assert min(draws) >= 0 and np.mean(draws) == pytest.approx(4, abs=0.3)
    _, optimizer = path(2000, delay=optim.Delay(kind, 4))
    assert np.mean(optimizer.staleness) == pytest.approx(4, abs=0.4)


def test_a_run_is_repeated_and_resumed_bit_for_bit(tmp_path):
    options = {"delay": optim.Delay("geometric", 3), "momentum": 0.5, "seed": 5}
    whole, whole_optimizer = path(24, **options)
    again, _ = path(24, **options)
    np.testing.assert_array_equal(whole, again)
    half, optimizer = path(11, **options)
    tm.save(optimizer.state_dict(), tmp_path / "half.npz")
    theta = nn.Parameter(half[-1].copy())
    resumed = optim.AsyncSGD([theta], 9.0, **options)
    resumed.load_state_dict(tm.load(tmp_path / "half.npz"))
    for _ in range(13):
        walk(resumed, theta)
    np.testing.assert_array_equal(theta.data, whole[-1])
    assert resumed.staleness == whole_optimizer.staleness
    other, _ = path(24, **(options | {"seed": 6}))
    assert (other[-1] != whole[-1]).any()


def test_staleness_makes_a_large_rate_diverge_and_the_aware_rate_mends_it():
    """On L = a θ²/2 with delay τ plain descent needs η a < 2 sin(π / (4 τ + 2)): 0.19 for τ = 8."""

    def end(**options):
        theta = nn.Parameter(np.array([1.0]))
        optimizer = optim.AsyncSGD([theta], lr=0.5, **options)
        for _ in range(200):
            optimizer.zero_grad()
            (theta * theta / 2).sum().backward()
            optimizer.step()
        return abs(theta.data[0])

    assert end(delay=0) < 1e-6
    assert end(delay=8) > 1e3
    assert end(delay=8, staleness_aware=True) < 1e-2


def test_a_gradient_may_be_missing_and_may_be_changed_after_it_was_sent():
    first, second = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    optimizer = optim.AsyncSGD([first, second], 0.5, delay=1)
    (first * 2).sum().backward()
    optimizer.step()
    first.grad.data[:] = 99  # in the user's hands: what is under way is a copy
    optimizer.zero_grad()
    optimizer.step()
    np.testing.assert_array_equal(first.data, [0, 0])
    np.testing.assert_array_equal(second.data, [1, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.Delay("normal", 1), "choose constant, uniform"),
        (lambda: optim.Delay("constant", 1.5), "whole"),
        (lambda: optim.Delay("geometric", -1), "0 or more"),
        (lambda: optim.AsyncSGD([nn.Parameter(START.copy())], 0.1, delay=-1), "0 or more"),
        (lambda: optim.AsyncSGD([nn.Parameter(START.copy())], 0.1, seed=-1), "seed is -1"),
        (lambda: path(3)[1].load_state_dict(optim.SGD([nn.Parameter(START.copy())], 0.1).state_dict()), "lacks sent"),
    ],
)
def test_wrong_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_gradient_that_does_not_fit_is_refused_before_it_is_sent():
    theta = nn.Parameter(START.copy())
    optimizer = optim.AsyncSGD([theta], 0.1)
    theta.grad = tm.tensor(np.ones(2))
    with pytest.raises(ValueError, match=r"set \.grad anew"):
        optimizer.step()
    assert optimizer.sent == 0


@pytest.mark.parametrize(
    ("kind", "variance"), [("constant", 0), ("uniform", 4 * 5 / 3), ("geometric", 4 * 5), ("poisson", 4)]
)
def test_the_spread_of_the_delays_is_that_of_their_distribution(kind, variance):
    rng = np.random.default_rng(0)
    draws = [optim.Delay(kind, 4).draw(rng) for _ in range(4000)]
    assert np.var(draws) == pytest.approx(variance, rel=0.1)
    if kind == "uniform":
        assert set(draws) == set(range(9))
    again = [optim.Delay("".join(kind), 4).draw(np.random.default_rng(i)) for i in range(20)]  # equal text is enough
    assert again == [optim.Delay(kind, 4).draw(np.random.default_rng(i)) for i in range(20)]


def test_half_a_step_is_a_mean_of_uniform_delays():
    assert {optim.Delay("uniform", 0.5).draw(np.random.default_rng(i)) for i in range(20)} == {0, 1}
    assert optim.Delay("geometric", 0.3).draw(np.random.default_rng(0)) >= 0
    with pytest.raises(ValueError, match=r"mean is 1\.5, but it must be 0 or more, and whole"):
        optim.Delay("constant", 1.5)
    for mean in (-1, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"but it must be 0 or more$"):
            optim.Delay("poisson", mean)


def test_the_aware_rate():
    assert [optim.staleness_aware_lr(0.6, tau) for tau in (0, 1, 2, 3)] == [0.6, 0.6, 0.3, pytest.approx(0.2)]


@pytest.mark.parametrize("kind", ["constant", "uniform", "geometric", "poisson"])
def test_without_a_mean_nothing_is_delayed(kind):
    assert [optim.Delay(kind).draw(np.random.default_rng(i)) for i in range(9)] == [0] * 9
    assert optim.Delay() == optim.Delay("constant", 0)
