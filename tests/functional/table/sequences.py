"""The recurrent layers: fused kernels, and the same formulas step by step."""

import numpy as np

from tinymm import formulas

from .row import Row

LENGTHS = np.array([2, 0, 3])
N, T, D, H = 3, 3, 2, 2


def torch_recurrent(name, gates, states):
    """PyTorch's own layer. It adds two biases; where ours has one, the second is zero."""

    def call(t, x, weight_ih, weight_hh, *rest):
        biases, start = rest[: len(rest) - states], rest[len(rest) - states :]
        if len(biases) == 1:
            biases = (*biases, t.zeros_like(biases[0]))
        start = tuple(s[None] for s in start)
        outputs, *final = getattr(t, name)(
            x,
            start if states > 1 else start[0],
            (weight_ih, weight_hh, *biases),
            *(
                True,
                1,
                0.0,
                False,
                False,
                True,
            ),  # biases, layers, dropout, training, two directions, batch first
        )
        return outputs, *(s[0] for s in final)

    return call


def recurrent(name, gates, biases=1, states=1):
    weights = (gates * H, D), (gates * H, H), *[(gates * H,)] * biases
    full = (N, T, D), *weights, *[(N, H)] * states
    layer, formula = f"functional.{name}(..., fused=False)", getattr(formulas, name)
    for fused in (True, False):
        composed = layer if fused else None
        yield Row(
            name,
            lambda f, *inputs, fused=fused: getattr(f, name)(*inputs, fused=fused),
            [full, ((1, 1, 1), (gates, 1), (gates, 1), *[(gates,)] * biases, *[(1, 1)] * states)],
            formula=formula,
            torch=torch_recurrent({"rnn": "rnn_tanh"}.get(name, name), gates, states),
            composed=composed,
        )
        yield Row(
            name,
            lambda f, *inputs, fused=fused: getattr(f, name)(*inputs, lengths=LENGTHS, fused=fused),
            [((N, T, D), *weights)],
            formula=lambda *inputs: formula(*inputs, lengths=LENGTHS),
            composed=composed,
            torch=False,
        )
    yield Row(
        name,
        lambda f, *inputs: getattr(f, name)(*inputs),
        [((0, T, D), *weights), ((N, 0, D), *weights)],
        formula=formula,
        composed=layer,
        torch=False,
    )


RECURRENT = [*recurrent("rnn", 1), *recurrent("lstm", 4, states=2), *recurrent("gru", 3, biases=2)]
