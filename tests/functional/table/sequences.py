"""The recurrent layers, fused and step by step, and the CTC loss."""

import numpy as np

from tinymm import formulas
from tinymm.tape import OPERATIONS

from .row import Row, positive

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

LABELS, STEPS_READ, LABELS_READ = np.array([[1, 2], [1, 1], [2, 0]]), np.array([3, 4, 2]), np.array([2, 2, 0])


def alignments(log_probs):
    """The loss of each sample, over all its alignments."""
    rows = zip(log_probs, LABELS, STEPS_READ, LABELS_READ, strict=True)
    return np.array([formulas.ctc_loss(y[:t], tuple(labels[:s])) for y, labels, t, s in rows], log_probs.dtype)


CTC = [
    Row(
        "ctc_losses",
        lambda f, y: OPERATIONS["ctc_losses"](y, LABELS, STEPS_READ, LABELS_READ, 0, False),
        [((3, 4, 3),)],
        lambda rng, shape: -positive(rng, shape),
        formula=alignments,
        composed="create_graph=False",
        torch=False,  # its gradient for log_probs is only right behind a log_softmax
    ),
    Row(
        "ctc_loss",
        lambda f, z: f.ctc_loss(f.log_softmax(z), LABELS, STEPS_READ, LABELS_READ),
        [((3, 4, 3),)],
        formula=lambda z: np.mean(
            alignments(z - formulas.log_sum_exp(z)[..., None]) / np.maximum(LABELS_READ, 1).astype(z.dtype)
        ),
        composed="create_graph=False",
        torch=lambda t, z: t.nn.functional.ctc_loss(
            z.log_softmax(2).transpose(0, 1), *map(t.tensor, (LABELS, STEPS_READ, LABELS_READ))
        ),
    ),
]
