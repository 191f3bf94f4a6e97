"""Recurrent layers: equal to PyTorch's with the same weights, and what they say and do besides."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import nn

TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-5}, "float64": {"rtol": 1e-10, "atol": 1e-10}}
N, T, D, H = 3, 5, 2, 4
every_layer = pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])


def twins(name, dtype):
    """Our layer and PyTorch's, with the same weights; its second bias is zero where ours has one."""
    torch = pytest.importorskip("torch")
    ours = getattr(nn, name)(D, H)
    for parameter in ours.parameters():
        parameter.data = parameter.data.astype(dtype)
    theirs = getattr(torch.nn, name)(D, H, batch_first=True, dtype=getattr(torch, dtype))
    state = {key: torch.tensor(value) for key, value in ours.state_dict().items()}
    if "bias" in state:
        state["bias_ih"], state["bias_hh"] = state["bias"], torch.zeros_like(state.pop("bias"))
    theirs.load_state_dict({f"{key}_l0": value for key, value in state.items()})
    return torch, ours, theirs


@every_layer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lengths", [None, (2, 5, 1)])
@pytest.mark.parametrize("with_state", [False, True])
def test_parity_with_pytorch(name, dtype, lengths, with_state):
    torch, ours, theirs = twins(name, dtype)
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=s).astype(dtype) for s in ((N, T, D), (N, H), (N, H))]
    x, *start = (tm.Tensor(a, requires_grad=True) for a in arrays)
    x_theirs, *start_theirs = (torch.tensor(a, requires_grad=True) for a in arrays)
    if name != "LSTM":
        start, start_theirs = start[:1], start_theirs[:1]

    state = tuple(start) if name == "LSTM" else start[0]
    outputs, final = ours(x, state if with_state else None, lengths)
    assert outputs.shape == (N, T, H) and outputs.dtype == dtype
    final = final if name == "LSTM" else (final,)
    assert [s.shape for s in final] == [(N, H)] * len(final)

    state = tuple(s[None] for s in start_theirs) if name == "LSTM" else start_theirs[0][None]
    sequences = x_theirs
    pack = torch.nn.utils.rnn
    if lengths:
        sequences = pack.pack_padded_sequence(x_theirs, list(lengths), batch_first=True, enforce_sorted=False)
    outputs_theirs, final_theirs = theirs(sequences, state if with_state else None)
    if lengths:
        outputs_theirs, _ = pack.pad_packed_sequence(outputs_theirs, batch_first=True, total_length=T)
    final_theirs = [s[0] for s in (final_theirs if name == "LSTM" else (final_theirs,))]

    total, total_theirs = 0.0, 0.0
    for y, z in zip((outputs, *final), (outputs_theirs, *final_theirs), strict=True):
        np.testing.assert_allclose(y.data, z.detach().numpy(), **TOLERANCE[dtype])
        g = rng.normal(size=y.shape).astype(dtype)
        total, total_theirs = total + (y * g).sum(), total_theirs + (z * torch.tensor(g)).sum()
    total.backward()
    total_theirs.backward()

    expected = {key.removesuffix("_l0"): p.grad for key, p in theirs.named_parameters()}
    expected["bias"] = expected["bias_ih"]
    pairs = [(p, expected[key]) for key, p in ours.named_parameters()]
    pairs += [(x, x_theirs.grad)]
    pairs += [(s, z.grad) for s, z in zip(start, start_theirs, strict=True)] if with_state else []
    for p, g in pairs:
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad.data, g.numpy(), **TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (nn.RNN(3, 5), {"weight_ih": (5, 3), "weight_hh": (5, 5), "bias": (5,)}),
        (nn.LSTM(3, 5), {"weight_ih": (20, 3), "weight_hh": (20, 5), "bias": (20,)}),
        (nn.GRU(3, 5), {"weight_ih": (15, 3), "weight_hh": (15, 5), "bias_ih": (15,), "bias_hh": (15,)}),
    ],
)
def test_parameters_and_repr(layer, shapes):
    assert {name: p.shape for name, p in layer.named_parameters()} == shapes
    assert repr(layer) == f"{type(layer).__name__}(3, 5)"
    for parameter in layer.parameters():
        assert parameter.dtype == np.float32 and np.abs(parameter.data).max() <= 1 / np.sqrt(5)


@every_layer
def test_state_round_trip(name):
    first, second = getattr(nn, name)(D, H), getattr(nn, name)(D, H)
    x = np.random.default_rng(0).normal(size=(N, T, D)).astype(np.float32)
    assert np.any(first(x)[0].data != second(x)[0].data)
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(first(x)[0].data, second(x)[0].data)


@every_layer
def test_the_last_state_carries_a_sequence_on(name):
    """Two halves, the second from where the first ended, are the whole."""
    layer = getattr(nn, name)(D, H)
    x = np.random.default_rng(0).normal(size=(N, T, D)).astype(np.float32)
    whole, end = layer(x)
    first, state = layer(x[:, :2])
    second, state = layer(x[:, 2:], state)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1).data, whole.data, rtol=1e-5, atol=1e-6)
    for a, b in zip(state if name == "LSTM" else [state], end if name == "LSTM" else [end], strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-6)


def test_the_layer_is_its_function():
    layer = nn.GRU(D, H)
    x = np.random.default_rng(0).normal(size=(N, T, D)).astype(np.float32)
    expected, _ = F.gru(x, *layer.parameters(), lengths=[1, 0, 5])
    np.testing.assert_array_equal(layer(x, lengths=[1, 0, 5])[0].data, expected.data)


@every_layer
def test_errors_name_the_function(name):
    layer = getattr(nn, name)(D, H)
    with pytest.raises(ValueError, match=rf"{name.lower()}: weight_ih is .*x \(1, 3, 7\)"):
        layer(np.ones((1, 3, 7), np.float32))
    with pytest.raises(ValueError, match=rf"{name.lower()}: x is \(3, 2\).*three axes"):
        layer(np.ones((3, 2), np.float32))
    with pytest.raises(TypeError, match=rf"{name.lower()}: x is float64.*float32"):
        layer(np.ones((1, 3, 2)))
