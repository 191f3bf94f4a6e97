"""Recurrent layers: equal to PyTorch's with the same weights, and what they say and do besides."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import nn

TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-5}, "float64": {"rtol": 1e-10, "atol": 1e-10}}
N, T, D, H = 3, 5, 2, 4
every_layer = pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])


def twins(name, dtype, bidirectional=False):
    """Our layer and PyTorch's, with the same weights; its second bias is zero where ours has one."""
    torch = pytest.importorskip("torch")
    ours = getattr(nn, name)(D, H, bidirectional)
    for parameter in ours.parameters():
        parameter.data = parameter.data.astype(dtype)
    theirs = getattr(torch.nn, name)(D, H, batch_first=True, dtype=getattr(torch, dtype), bidirectional=bidirectional)
    state = {key: torch.tensor(value) for key, value in ours.state_dict().items()}
    for end in ("", "_reverse"):
        if f"bias{end}" in state:
            state[f"bias_ih{end}"] = state.pop(f"bias{end}")
            state[f"bias_hh{end}"] = torch.zeros_like(state[f"bias_ih{end}"])
    theirs.load_state_dict({torch_name(key): value for key, value in state.items()})
    return torch, ours, theirs


def torch_name(key):
    """weight_ih_reverse is weight_ih_l0_reverse there."""
    return key.replace("_reverse", "_l0_reverse") if key.endswith("_reverse") else f"{key}_l0"


def in_layers(state, bidirectional):
    """(N, H), or (N, 2H) with both directions side by side, as PyTorch has it: (directions, N, H)."""
    return state.reshape(N, 2 if bidirectional else 1, H).transpose(0, 1).contiguous()


@every_layer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lengths", [None, (2, 5, 1)])
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_parity_with_pytorch(name, dtype, lengths, with_state, bidirectional):
    torch, ours, theirs = twins(name, dtype, bidirectional)
    rng = np.random.default_rng(3)
    wide = 2 * H if bidirectional else H
    arrays = [rng.normal(size=s).astype(dtype) for s in ((N, T, D), (N, wide), (N, wide))]
    x, *start = (tm.Tensor(a, requires_grad=True) for a in arrays)
    x_theirs, *start_theirs = (torch.tensor(a, requires_grad=True) for a in arrays)
    if name != "LSTM":
        start, start_theirs = start[:1], start_theirs[:1]

    state = tuple(start) if name == "LSTM" else start[0]
    outputs, final = ours(x, state if with_state else None, lengths)
    assert outputs.shape == (N, T, wide) and outputs.dtype == dtype
    final = final if name == "LSTM" else (final,)
    assert [s.shape for s in final] == [(N, wide)] * len(final)

    state = tuple(in_layers(s, bidirectional) for s in start_theirs)
    state = state if name == "LSTM" else state[0]
    sequences = x_theirs
    pack = torch.nn.utils.rnn
    if lengths:
        sequences = pack.pack_padded_sequence(x_theirs, list(lengths), batch_first=True, enforce_sorted=False)
    outputs_theirs, final_theirs = theirs(sequences, state if with_state else None)
    if lengths:
        outputs_theirs, _ = pack.pad_packed_sequence(outputs_theirs, batch_first=True, total_length=T)
    final_theirs = [torch.cat(tuple(s), dim=1) for s in (final_theirs if name == "LSTM" else (final_theirs,))]

    total, total_theirs = 0.0, 0.0
    for y, z in zip((outputs, *final), (outputs_theirs, *final_theirs), strict=True):
        np.testing.assert_allclose(y.data, z.detach().numpy(), **TOLERANCE[dtype])
        g = rng.normal(size=y.shape).astype(dtype)
        total, total_theirs = total + (y * g).sum(), total_theirs + (z * torch.tensor(g)).sum()
    total.backward()
    total_theirs.backward()

    expected = {key.replace("_l0", ""): p.grad for key, p in theirs.named_parameters()}
    expected["bias"], expected["bias_reverse"] = expected["bias_ih"], expected.get("bias_ih_reverse")
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


@every_layer
def test_both_directions_are_two_layers(name):
    both = getattr(nn, name)(D, H, bidirectional=True)
    assert repr(both) == f"{name}(2, 4, bidirectional=True)"
    forward, backward = getattr(nn, name)(D, H), getattr(nn, name)(D, H)
    state = both.state_dict()
    forward.load_state_dict({key: value for key, value in state.items() if not key.endswith("_reverse")})
    ends = {key.removesuffix("_reverse"): value for key, value in state.items() if key.endswith("_reverse")}
    backward.load_state_dict(ends)
    x = np.random.default_rng(0).normal(size=(1, T, D)).astype(np.float32)
    outputs, _ = both(x, lengths=[3])
    np.testing.assert_array_equal(outputs.data[:, :, :H], forward(x, lengths=[3])[0].data)
    turned = backward(x[:, 2::-1])[0].data[:, ::-1]
    np.testing.assert_allclose(outputs.data[:, :3, H:], turned, rtol=1e-5, atol=1e-6)
    assert not outputs.data[:, 3:].any()


def test_the_states_of_both_directions_come_together():
    with pytest.raises(ValueError, match=r"GRU: a first state is \(3, 4\), but both directions .* \(3, 8\)"):
        nn.GRU(D, H, bidirectional=True)(np.ones((N, T, D), np.float32), np.ones((N, H), np.float32))
