"""Optimisers: equal to PyTorch's and to the textbook's rules; clipping and schedules."""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import formulas, nn, optim

TOLERANCE = {"float32": {"rtol": 2e-5, "atol": 1e-6}, "float64": {"rtol": 1e-10, "atol": 1e-12}}
SHAPES = (3, 4), (5,), (), (2, 0, 3)
STEPS = 12

OPTIMIZERS = [
    ("GD", {"lr": 0.1}),
    ("GD", {"lr": 0.1, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.7, "nesterov": True, "weight_decay": 0.2}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "eps": 1e-3, "weight_decay": 0.2}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.2}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"alpha": 0.8, "centered": True}),
    ("RMSprop", {"alpha": 0.8, "centered": True, "momentum": 0.5, "weight_decay": 0.2, "eps": 1e-3}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.2}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.2}),
]
every_optimizer = pytest.mark.parametrize(
    ("name", "options"), OPTIMIZERS, ids=[f"{i}-{o[0]}" for i, o in enumerate(OPTIMIZERS)]
)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def parameters(dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    return [nn.Parameter(rng.normal(size=shape).astype(dtype)) for shape in SHAPES]


def loss_of(values):
    """Σ 2 tanh θ + θ²/2 over Tensors, ours or PyTorch's."""
    return sum((2 * v.tanh() + v * v / 2).sum() for v in values)


def gradient_of(theta):
    """The derivative of `loss_of`, for the formulas."""
    return 2 * (1 - np.tanh(theta) ** 2) + theta


def train(optimizer, values, steps=STEPS):
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(values).backward()
        optimizer.step()


# --- the update rules --------------------------------------------------------------------------------------


@every_optimizer
@every_dtype
def test_parity_with_pytorch(name, options, dtype):
    torch = pytest.importorskip("torch")
    ours = parameters(dtype)
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in ours]
    defaults = {"lr": 0.001} if name in ("Adam", "AdamW") else {"lr": 0.01}
    judge = getattr(torch.optim, "SGD" if name == "GD" else name)(theirs, **(defaults | options))
    train(getattr(optim, name)(ours, **options), ours)
    train(judge, theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a.data, b.detach().numpy(), **TOLERANCE[dtype])


def formula_step(name, theta, g, state, t, lr=0.01, momentum=0.0, nesterov=False, betas=(), centered=False, **rest):
    """The new θ and the new state, by `formulas`; the state begins as zeros."""
    if name == "Adagrad":
        theta, *state = formulas.adagrad(theta, g, *state[:1], lr, **rest)
    elif name == "RMSprop":
        theta, *state = formulas.rmsprop(theta, g, *state, lr, mu=momentum, centered=centered, **rest)
    elif name in ("Adam", "AdamW"):
        rest |= dict(zip(("beta1", "beta2"), betas, strict=False))
        theta, *state = getattr(formulas, name.lower())(theta, g, *state[:2], t, lr, **rest)
    elif momentum:
        rule = formulas.nesterov if nesterov else formulas.momentum
        theta, *state = rule(theta, g, *state[:1], lr, momentum, **rest)
    else:
        theta = formulas.gradient_descent(theta, g, lr, **rest)
    return theta, state


@every_optimizer
def test_parity_with_the_formulas(name, options):
    values = parameters()
    expected = [p.data.copy() for p in values]
    states = [[np.zeros_like(theta)] * 3 for theta in expected]
    options = ({"lr": 0.001} if name in ("Adam", "AdamW") else {}) | options
    for t in range(1, STEPS + 1):
        for i, theta in enumerate(expected):
            expected[i], states[i] = formula_step(name, theta, gradient_of(theta), states[i], t, **options)
    train(getattr(optim, name)(values, **options), values)
    for p, theta in zip(values, expected, strict=True):
        np.testing.assert_allclose(p.data, theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("GD", {"lr": 0.05}),
        ("SGD", {"lr": 0.05}),
        ("SGD", {"lr": 0.02, "momentum": 0.8}),
        ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True}),
        ("Adagrad", {"lr": 1.0}),
        ("RMSprop", {"lr": 0.05}),
        ("RMSprop", {"lr": 0.02, "centered": True, "momentum": 0.5}),
        ("Adam", {"lr": 0.1}),
        ("AdamW", {"lr": 0.1, "weight_decay": 1e-4}),
    ],
)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 999))
def test_downhill_on_a_convex_problem(name, options, seed):
    """(θ − a)ᵀ Q (θ − a) with Q positive definite has one minimum, and every method finds it."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    q = (q * rng.uniform(0.5, 4, 4)) @ q.T
    a, theta = rng.normal(size=4), nn.Parameter(rng.normal(size=4) + 3)
    optimizer = getattr(optim, name)([theta], **options)
    losses = []
    for _ in range(300):
        optimizer.zero_grad()
        loss = (theta - a) @ q @ (theta - a)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-2 * losses[0]
    if name == "GD":
        assert all(after <= before for before, after in itertools.pairwise(losses))


# --- what is updated, and how ------------------------------------------------------------------------------


@every_optimizer
def test_a_parameter_without_a_gradient_stays(name, options):
    values = parameters()
    optimizer = getattr(optim, name)(values, **options)
    train(optimizer, values, 2)
    optimizer.zero_grad()
    before = [p.data.copy() for p in values]
    loss_of(values[:1]).backward()
    optimizer.step()
    assert np.all(values[0].data != before[0])
    for p, old in zip(values[1:], before[1:], strict=True):
        np.testing.assert_array_equal(p.data, old)


def test_step_changes_the_array_in_place_and_is_noticed():
    p = nn.Parameter([1.0, 2.0])
    array = p.data
    loss = (p * p).sum()
    p.grad = tm.tensor([1.0, 1.0])
    optim.SGD([p], lr=0.5).step()
    assert p.data is array
    np.testing.assert_array_equal(array, [0.5, 1.5])
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@every_dtype
def test_any_layout_of_memory(dtype):
    rng = np.random.default_rng(0)
    for make in (np.asfortranarray, lambda a: a[::-1], lambda a: a.T, lambda a: a[:, ::2]):
        values, g = rng.normal(size=(6, 4)).astype(dtype), rng.normal(size=(6, 4)).astype(dtype)
        strided, plain = nn.Parameter(values), nn.Parameter(make(values).copy())
        strided.data = make(strided.data)
        for p in (strided, plain):
            optimizer = optim.Adam([p], lr=0.1)
            for _ in range(3):
                p.grad = tm.Tensor(make(g))
                optimizer.step()
        assert strided.dtype == dtype
        np.testing.assert_array_equal(strided.data, plain.data)


def test_a_large_parameter_shared_by_threads_is_updated_everywhere():
    rng = np.random.default_rng(0)
    theta, g = rng.normal(size=(2, 100_003))
    p = nn.Parameter(theta)
    p.grad = tm.Tensor(g)
    optim.AdamW([p], lr=0.1).step()
    zeros = np.zeros_like(theta)
    np.testing.assert_allclose(p.data, formulas.adamw(theta, g, zeros, zeros, 1, 0.1)[0], rtol=1e-9)


def test_zero_grad():
    values = parameters()
    optimizer = optim.SGD(iter(values), lr=0.1)  # a generator will do
    loss_of(values).backward()
    assert all(p.grad is not None for p in values)
    optimizer.zero_grad()
    assert all(p.grad is None for p in values)


# --- going on ----------------------------------------------------------------------------------------------


@every_optimizer
@every_dtype
def test_a_resumed_run_is_the_same_to_the_last_bit(name, options, dtype):
    make = getattr(optim, name)
    whole = parameters(dtype)
    first = make(whole, **options)
    train(first, whole, 4)
    state = first.state_dict()
    resumed = [nn.Parameter(p.data) for p in whole]
    train(first, whole, 4)

    second = make(resumed, **(options | {"lr": 123.0}))
    second.load_state_dict(state)
    assert second.lr == first.lr and set(second.steps) == {4}
    train(second, resumed, 4)
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    train(make(resumed, **options), resumed, 1)  # neither optimiser has touched the state it gave or got
    third = make([nn.Parameter(p.data) for p in whole], **options)
    third.load_state_dict(state)
    assert set(third.state_dict()["steps"]) == {4}
    for saved, loaded in zip(state["state"], third.state_dict()["state"], strict=True):
        for key in saved:
            np.testing.assert_array_equal(saved[key], loaded[key])
            assert saved[key] is not loaded[key]


def test_a_state_that_does_not_fit_changes_nothing():
    adam = optim.Adam(parameters(), lr=0.1)
    before = adam.state_dict()
    for other in (
        optim.SGD(parameters(), lr=0.2),
        optim.Adam(parameters()[:2]),
        optim.Adam([nn.Parameter([1.0])]),
    ):
        with pytest.raises(ValueError, match="Adam: this state is of another optimiser or another model"):
            adam.load_state_dict(other.state_dict())
    assert adam.lr == before["lr"] and adam.steps == before["steps"]


# --- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: optim.SGD([], lr=0.1), "SGD: no parameters to optimise: pass model.parameters()"),
        (lambda p: optim.Adam([p.data]), "Adam: parameter 0 is no leaf Tensor that wants a gradient"),
        (lambda p: optim.Adam([p, p.detach()]), "Adam: parameter 1 is no leaf Tensor"),
        (lambda p: optim.SGD(p, lr=0.1), "SGD: parameter 0 is no leaf Tensor.*pass a list"),
        (lambda p: optim.SGD([p], lr=-0.1), "SGD: lr is -0.1, but it must be 0 or more"),
        (lambda p: optim.SGD([p], lr=float("nan")), "SGD: lr is nan"),
        (lambda p: optim.SGD([p], lr=0.1, momentum=-1), "SGD: momentum is -1"),
        (lambda p: optim.SGD([p], lr=0.1, nesterov=True), "SGD: nesterov .* give momentum above 0"),
        (lambda p: optim.GD([p], lr=0.1, weight_decay=-1), "GD: weight_decay is -1"),
        (lambda p: optim.Adagrad([p], eps=-1), "Adagrad: eps is -1"),
        (lambda p: optim.RMSprop([p], alpha=1.0), "RMSprop: alpha is 1.0, but it must be from 0 to below 1"),
        (lambda p: optim.RMSprop([p], momentum=-0.1), "RMSprop: momentum is -0.1"),
        (lambda p: optim.Adam([p], betas=(1.0, 0.9)), "Adam: beta1 is 1.0, but it must be from 0 to below 1"),
        (lambda p: optim.AdamW([p], betas=(0.9, -0.1)), "AdamW: beta2 is -0.1"),
        (lambda p: optim.StepLR(optim.SGD([p], lr=0.1), 0), "StepLR: step_size is 0"),
        (lambda p: optim.CosineLR(optim.SGD([p], lr=0.1), 0), "CosineLR: total is 0"),
        (lambda p: optim.WarmupLR(optim.SGD([p], lr=0.1), 0), "WarmupLR: warmup is 0, but it must be at least 1 step"),
        (lambda p: optim.SGD([p, p], lr=0.1), "SGD: a parameter comes twice"),
    ],
)
def test_errors(make, words):
    with pytest.raises(ValueError, match=words):
        make(nn.Parameter([1.0]))


def test_shapes_that_do_not_fit_are_refused():
    p = nn.Parameter(np.ones((2, 3)))
    adam = optim.Adam([p])
    p.grad = tm.Tensor(np.ones(2))
    with pytest.raises(
        ValueError, match=r"Adam: parameter 0 is float64 \(2, 3\), but its gradient is float64 \(2,\): set"
    ):
        adam.step()
    p.data = np.ones(200)
    p.grad = tm.Tensor(np.ones(200))
    with pytest.raises(
        ValueError, match=r"Adam: parameter 0 is float64 \(200,\), but its m is float64 \(2, 3\): make a new"
    ):
        adam.step()
    np.testing.assert_array_equal(p.data, 1)


def test_an_optimizer_of_ones_own_needs_its_update_rule():
    p = nn.Parameter([1.0])
    p.grad = tm.tensor([1.0])
    with pytest.raises(TypeError, match="Mine: define update"):
        type("Mine", (optim.Optimizer,), {})([p], lr=0.1).step()


# --- clipping ----------------------------------------------------------------------------------------------


def with_gradients(dtype, scale=1.0):
    values = parameters(dtype)
    rng = np.random.default_rng(3)
    for p in values[:-1]:  # the last has none
        p.grad = tm.Tensor(np.asarray(rng.normal(size=p.shape) * scale, dtype))
    return values


@every_dtype
@pytest.mark.parametrize("max_norm", [0.1, 2.0, 100.0])
def test_clip_grad_norm_is_that_of_pytorch(dtype, max_norm):
    torch = pytest.importorskip("torch")
    values = with_gradients(dtype)
    theirs = [torch.zeros(p.shape) for p in values]
    for p, z in zip(values, theirs, strict=True):
        z.grad = None if p.grad is None else torch.tensor(p.grad.data.copy()).to(z.dtype)
    norm = optim.clip_grad_norm(iter(values), max_norm)
    assert isinstance(norm, float)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm).item(), rel=1e-5)
    for p, z in zip(values[:-1], theirs, strict=False):
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad.data, z.grad.numpy(), rtol=2e-5)  # theirs divides by norm + 1e-6
    after = math.sqrt(sum(float((p.grad.data**2).sum()) for p in values[:-1]))
    assert after == pytest.approx(min(norm, max_norm), rel=1e-5)
    assert values[-1].grad is None


@pytest.mark.parametrize("spoilt", [np.inf, -np.inf, np.nan])
def test_a_norm_that_is_not_finite_leaves_the_gradients(spoilt):
    values = with_gradients("float32")
    values[0].grad.data[0, 0] = spoilt
    before = [p.grad.data.copy() for p in values[:-1]]
    assert not math.isfinite(optim.clip_grad_norm(values, 0.1))
    for p, old in zip(values[:-1], before, strict=True):
        np.testing.assert_array_equal(p.grad.data, old)


def test_clipping_nothing():
    values = parameters()
    assert optim.clip_grad_norm(values, 1.0) == 0
    optim.clip_grad_value(values, 1.0)
    assert all(p.grad is None for p in values)


@every_dtype
def test_clip_grad_value(dtype):
    values = with_gradients(dtype, 3)
    before = [p.grad.data.copy() for p in values[:-1]]
    optim.clip_grad_value(values, 0.5)
    for p, old in zip(values[:-1], before, strict=True):
        assert p.grad.dtype == dtype
        np.testing.assert_array_equal(p.grad.data, np.clip(old, -0.5, 0.5))


# --- schedules ---------------------------------------------------------------------------------------------


def rates(schedule, steps):
    """η at t = 0, 1, …"""
    found = []
    for _ in range(steps):
        found.append(schedule.optimizer.lr)
        schedule.step()
    return found


def optimizer(lr=0.4):
    return optim.SGD([nn.Parameter([1.0])], lr=lr)


@pytest.mark.parametrize(
    ("make", "name", "options"),
    [
        (lambda o: optim.StepLR(o, 3), "StepLR", {"step_size": 3}),
        (lambda o: optim.StepLR(o, 4, gamma=0.5), "StepLR", {"step_size": 4, "gamma": 0.5}),
        (lambda o: optim.ExponentialLR(o, 0.9), "ExponentialLR", {"gamma": 0.9}),
        (lambda o: optim.CosineLR(o, 20), "CosineAnnealingLR", {"T_max": 20}),
        (lambda o: optim.CosineLR(o, 25, 0.01), "CosineAnnealingLR", {"T_max": 25, "eta_min": 0.01}),
    ],
)
def test_schedules_are_those_of_pytorch(make, name, options):
    torch = pytest.importorskip("torch")
    judge = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule, expected = getattr(torch.optim.lr_scheduler, name)(judge, **options), []
    for _ in range(20):
        expected.append(judge.param_groups[0]["lr"])
        judge.step()
        schedule.step()
    np.testing.assert_allclose(rates(make(optimizer()), 20), expected, rtol=1e-9)


def test_cosine_stays_at_its_end():
    found = rates(optim.CosineLR(optimizer(), 10, min_lr=0.1), 14)
    np.testing.assert_allclose(found[5], 0.25)  # half way
    np.testing.assert_allclose(found[10:], 0.1)


def test_warm_up():
    np.testing.assert_allclose(rates(optim.WarmupLR(optimizer(1.0), 4), 7), [0.25, 0.5, 0.75, 1, 1, 1, 1])
    o = optimizer(1.0)
    found = rates(optim.WarmupLR(o, 2, then=optim.ExponentialLR(o, 0.5)), 6)
    np.testing.assert_allclose(found, [0.5, 1, 1, 0.5, 0.25, 0.125])
    o = optimizer(0.4)
    found = rates(optim.WarmupLR(o, 2, then=optim.CosineLR(o, 4, min_lr=0.1)), 8)
    np.testing.assert_allclose(found, [0.2, 0.4, 0.4, *rates(optim.CosineLR(optimizer(), 4, 0.1), 5)[1:], 0.1])


def test_any_function_of_t_is_a_schedule_and_the_optimizer_obeys():
    o = optimizer(1.0)
    p = o.parameters[0]
    schedule = optim.Schedule(o, lambda t: 1 / (1 + t))
    for expected in (0.0, -0.5, -0.5 - 1 / 3):
        p.grad = tm.tensor([1.0])
        o.step()
        schedule.step()
        assert p.item() == pytest.approx(expected)


def test_a_resumed_schedule_goes_on():
    whole = optim.WarmupLR(o := optimizer(), 3, then=optim.CosineLR(o, 10))
    expected = rates(whole, 12)
    first = optim.WarmupLR(o := optimizer(), 3, then=optim.CosineLR(o, 10))
    rates(first, 5)
    saved, saved_optimizer = first.state_dict(), o.state_dict()
    o = optimizer()
    second = optim.WarmupLR(o, 3, then=optim.CosineLR(o, 10))
    o.load_state_dict(saved_optimizer)
    second.load_state_dict(saved)
    np.testing.assert_array_equal(rates(second, 7), expected[5:])


def test_a_parameter_that_joins_late_begins_its_own_count():
    early, late = (tm.tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = optim.Adam([early, late], lr=0.1)
    for step in range(100):
        early.grad = tm.tensor([1.0])
        late.grad = tm.tensor([1.0]) if step == 99 else None
        optimizer.step()
    assert late.item() == pytest.approx(0.9, abs=1e-6)  # the first step of Adam is lr long


@pytest.mark.parametrize("limit", [0, -1.0, math.nan])
def test_a_limit_is_above_0(limit):
    values = with_gradients("float32")
    with pytest.raises(ValueError, match=f"^clip_grad_norm: max_norm is {limit}, but it must be above 0$"):
        optim.clip_grad_norm(values, limit)
    with pytest.raises(ValueError, match=f"^clip_grad_value: the limit is {limit}, but it must be above 0$"):
        optim.clip_grad_value(values, limit)


def test_one_tensor_can_be_clipped_by_itself():
    p = tm.tensor([1.0, 2.0], requires_grad=True)
    p.grad = tm.tensor([3.0, -4.0])
    assert optim.clip_grad_norm(p, 0.5) == 5
    np.testing.assert_allclose(p.grad.data, [0.3, -0.4], rtol=1e-6)
    optim.clip_grad_value(p, 0.35)
    np.testing.assert_allclose(p.grad.data, [0.3, -0.35], rtol=1e-6)


def test_the_shortest_schedules():
    """A step size, a total and a warm-up of one step; and a rate of 0, which stays 0."""
    np.testing.assert_allclose(rates(optim.StepLR(optimizer(), 1, gamma=0.5), 3), [0.4, 0.2, 0.1])
    np.testing.assert_allclose(rates(optim.CosineLR(optimizer(), 1, min_lr=0.1), 3), [0.4, 0.1, 0.1])
    np.testing.assert_allclose(rates(optim.WarmupLR(optimizer(), 1), 3), [0.4, 0.4, 0.4])
    assert rates(optim.CosineLR(optimizer(0.0), 2, min_lr=0.1), 3) == [0, 0, 0]


@pytest.mark.parametrize("replace", [True, False])
def test_arrays_that_were_replaced_or_copied_between_steps_are_the_ones_updated(replace):
    parameter = tm.tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = tm.optim.SGD([parameter], lr=1.0, momentum=0.5)
    parameter.grad = tm.tensor(np.ones(3, np.float32))
    optimizer.step()
    before = parameter.data
    if replace:
        parameter.data = before.copy()
        optimizer._state[0]["velocity"] = optimizer._state[0]["velocity"].copy()
    else:
        optimizer = copy.deepcopy(optimizer)
        (parameter,) = optimizer.parameters
        parameter.grad = tm.tensor(np.ones(3, np.float32))
    optimizer.step()
    assert parameter.tolist() == [-1.5] * 3 and before.tolist() == [0] * 3
