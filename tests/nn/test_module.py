"""The module: what it finds inside itself, its state, its modes, and how it shows itself."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import nn, optim


class Branches(nn.Module):
    """Parameters, a buffer, modules alone, in a list and in a tuple, and things that are none of these."""

    def __init__(self):
        self.scale = nn.Parameter([2.0])
        self.first = nn.Linear(3, 3)
        self.branches = [nn.Linear(3, 3), nn.Sequential(nn.Tanh(), nn.BatchNorm2d(3))]
        self.ends = (nn.Linear(3, 2, bias=False), "a word")
        self.seen = np.zeros(2, np.int64)
        self.name, self.constant, self.nothing = "branches", tm.tensor([1.0]), None

    def forward(self, x):
        x = self.first(x) * self.scale
        return self.ends[0](x + self.branches[0](x))


def test_everything_inside_is_found_by_name_and_in_order():
    model = Branches()
    assert [name for name, _ in model.named_parameters()] == [
        "scale",
        "first.weight",
        "first.bias",
        "branches.0.weight",
        "branches.0.bias",
        "branches.1.1.weight",
        "branches.1.1.bias",
        "ends.0.weight",
    ]
    assert [id(p) for p in model.parameters()] == [id(p) for _, p in model.named_parameters()]
    assert [name for name, _ in model.named_children()] == ["first", "branches.0", "branches.1", "ends.0"]
    assert [name for name, _ in model.named_modules()] == [
        *("", "first", "branches.0", "branches.1", "branches.1.0", "branches.1.1", "ends.0")
    ]
    buffers = {"seen", "branches.1.1.running_mean", "branches.1.1.running_var"}
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()} | buffers


def test_train_and_eval_reach_every_module():
    model = Branches()
    assert all(module.training for _, module in model.named_modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    assert model.train() is model
    assert all(module.training for _, module in model.named_modules())
    assert nn.Dropout().training  # other models are not concerned
    model.train(False)
    assert not model.branches[1][1].training


def test_zero_grad_forgets_all_gradients():
    model = Branches()
    model(np.ones((2, 3), np.float32)).sum().backward()
    assert model.scale.grad is not None and model.first.weight.grad is not None
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(TypeError, match="Empty: this module has no forward method"):
        Empty()(1)


# --- parameters --------------------------------------------------------------------------------------------


def test_parameter_is_a_leaf_with_its_own_memory():
    source = np.arange(3, dtype=np.float64)
    for data in (source, tm.Tensor(source), source[::-1][::-1]):
        parameter = nn.Parameter(data)
        assert isinstance(parameter, tm.Tensor) and parameter.requires_grad and parameter.dtype == np.float64
        parameter.grad = tm.Tensor(np.ones(3))
        optim.SGD([parameter], lr=1.0).step()
        np.testing.assert_array_equal(parameter.data, source - 1)
        np.testing.assert_array_equal(source, [0, 1, 2])
    assert nn.Parameter([1.0, 2.0]).dtype == np.float32
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    with pytest.raises(TypeError, match="only floating-point numbers have gradients"):
        nn.Parameter([1, 2])


def test_a_shared_parameter_counts_once_and_adds_up_its_gradients():
    class Tied(nn.Module):
        def __init__(self):
            self.embedding = nn.Embedding(5, 3)
            self.output = nn.Linear(3, 5, bias=False)
            self.output.weight = self.embedding.weight

        def forward(self, indices):
            return self.output(self.embedding(indices))

    model = Tied()
    assert [name for name, _ in model.named_parameters()] == ["embedding.weight"]
    assert list(model.state_dict()) == ["embedding.weight"]

    other = Tied()
    other.load_state_dict(model.state_dict())
    assert other.output.weight is other.embedding.weight
    np.testing.assert_array_equal(other([1, 2]).data, model([1, 2]).data)

    weight = model.embedding.weight.data.astype(np.float64)
    apart = tm.Tensor(weight, requires_grad=True), tm.Tensor(weight, requires_grad=True)
    model([1, 4]).sum().backward()
    tm.functional.linear(tm.functional.embedding([1, 4], apart[0]), apart[1]).sum().backward()
    np.testing.assert_allclose(
        model.embedding.weight.grad.data, apart[0].grad.data + apart[1].grad.data, rtol=1e-5, atol=1e-6
    )


def test_a_shared_module_counts_once_and_follows_both_uses():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    assert len(model.parameters()) == 2
    model(np.ones((1, 2), np.float32)).sum().backward()
    before = layer.weight.data.copy()
    optim.SGD(model.parameters(), lr=0.1).step()
    np.testing.assert_allclose(layer.weight.data, before - 0.1 * layer.weight.grad.data, rtol=1e-6)


# --- saving and loading ------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.integers(0, 99))
def test_state_round_trip(sizes, seed):
    def make():
        return nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(sizes)), nn.Tanh())

    tm.manual_seed(seed)
    first, second = make(), make()
    x = np.random.default_rng(seed).normal(size=(3, sizes[0])).astype(np.float32)
    state = first.state_dict()
    second.load_state_dict(state)
    np.testing.assert_array_equal(first(x).data, second(x).data)
    for value in state.values():
        value[...] = 0  # a state is a copy
    np.testing.assert_array_equal(first(x).data, second(x).data)


def test_loading_restores_buffers_in_place_and_keeps_the_dtype():
    model = Branches()
    running, parameter = model.branches[1][1].running_mean, model.first.weight
    state = {name: np.asarray(value, np.float64) + 1 for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert model.branches[1][1].running_mean is running and model.first.weight is parameter
    np.testing.assert_array_equal(running, 1)
    np.testing.assert_array_equal(model.seen, 1)
    assert {name: v.dtype for name, v in model.state_dict().items()} == {
        name: np.int64 if name == "seen" else np.float32 for name in state
    }


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda s: s.pop("1.bias"), KeyError, "load_state_dict: the state lacks 1.bias"),
        (lambda s: s.update(extra=np.ones(1)), KeyError, "load_state_dict: this model has no extra"),
        (
            lambda s: s.update({"1.weight": np.ones((3, 2))}),
            ValueError,
            r"load_state_dict: 1.weight is float32 \(2, 3\) here, but float64 \(3, 2\) in the state",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, error, words):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    before = model.state_dict()
    state = {name: value + 1 for name, value in before.items()}
    change(state)
    with pytest.raises(error, match=words):
        model.load_state_dict(state)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_loading_counts_as_a_change_in_place():
    model = nn.Linear(2, 2)
    x = tm.tensor(np.ones((1, 2), np.float32), requires_grad=True)
    loss = model(x).sum()
    model.load_state_dict(model.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_has_the_values_but_its_own_memory(duplicate):
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    twin = duplicate(model)
    x = np.ones((4, 2), np.float32)
    np.testing.assert_array_equal(model(x).data, twin(x).data)
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in twin.parameters())
    twin[0].weight.data[...] = 0
    assert np.any(model[0].weight.data != 0)


def test_a_state_moves_to_pytorch():
    torch = pytest.importorskip("torch")
    tm.manual_seed(0)
    ours = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)))
    t = torch.nn
    theirs = t.Sequential(t.Linear(3, 4), t.Tanh(), t.Sequential(t.Linear(4, 4), t.LayerNorm(4)))
    theirs.load_state_dict({name: torch.tensor(value) for name, value in ours.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-4, atol=1e-5)


# --- Sequential, watching, showing -------------------------------------------------------------------------


def test_sequential_applies_its_layers_in_order():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x = tm.Tensor(np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32))
    np.testing.assert_array_equal(model(x).data, model[2](np.tanh(model[0](x))).data)
    assert len(model) == 3 and [type(layer) for layer in model] == [nn.Linear, nn.Tanh, nn.Linear]
    assert model[-1] is model[2]
    assert nn.Sequential()(x) is x


def test_watch_sees_every_module_and_ends_with_its_context():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))
    seen = []
    x = tm.Tensor(np.ones((1, 2), np.float32))
    with nn.watch(lambda module, inputs, output: seen.append((module, inputs[0].shape, output.shape))):
        model(x)
    model(x)
    assert seen == [
        (model[0], (1, 2), (1, 3)),
        (model[1][0], (1, 3), (1, 3)),
        (model[1], (1, 3), (1, 3)),
        (model, (1, 2), (1, 3)),
    ]
    with pytest.raises(ZeroDivisionError), nn.watch(lambda *_: seen.append(_)):
        raise ZeroDivisionError
    model(x)
    assert len(seen) == 4


def test_repr_is_a_tree_of_names():
    class Model(nn.Module):
        def __init__(self):
            self.body = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
            self.heads = [nn.Linear(3, 2), nn.Linear(3, 5, bias=False)]

    assert repr(Model()) == (
        "Model(\n"
        "  body: Sequential(\n"
        "    0: Linear(4, 3)\n"
        "    1: ReLU()\n"
        "  )\n"
        "  heads.0: Linear(3, 2)\n"
        "  heads.1: Linear(3, 5, bias=False)\n"
        ")"
    )


def test_parameters_are_found_in_lists_dicts_and_nests():
    class Holder(nn.Module):
        def __init__(self):
            self.several = [nn.Parameter(np.ones(1)), [nn.Linear(1, 1)]]
            self.named = {"head": nn.Linear(1, 2), "scale": nn.Parameter(np.ones(2))}
            self.me = self

    assert [name for name, _ in Holder().named_parameters()] == [
        *("several.0", "named.scale", "several.1.0.weight", "several.1.0.bias", "named.head.weight", "named.head.bias")
    ]


def test_a_sequential_with_more_than_layers_keeps_all():
    class Headed(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(2, 2))
            self.head = nn.Linear(2, 1)

    assert list(Headed().state_dict()) == ["0.weight", "0.bias", "head.weight", "head.bias"]


def test_a_state_of_text_changes_nothing():
    layer = nn.Linear(2, 2)
    before = layer.state_dict()
    with pytest.raises(ValueError, match="bias"):
        layer.load_state_dict({"weight": np.zeros((2, 2)), "bias": np.array(["a", "b"])})
    assert np.array_equal(layer.weight.data, before["weight"])


def test_astype_changes_the_precision_of_all():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).astype(np.float64)
    assert {value.dtype for value in model.state_dict().values()} == {np.dtype(np.float64)}
    assert model(np.ones((2, 1, 2, 2))).dtype == np.float64
