"""The contrastive loss."""

import numpy as np

from .row import Row, nonzero


def pairs_apart(a, b, labels, temperature=0.1):
    """The loss as it is printed: sample by sample, positive by positive, from a to b and from b to a."""
    losses = []
    for x, y in ((a, b), (b, a)):
        for i, row in enumerate(x):
            cosines = np.array([row @ other / np.sqrt((row @ row) * (other @ other)) for other in y])
            e = np.exp(cosines / temperature)
            positives = [j for j in range(len(y)) if labels[j] == labels[i]]
            losses.append(np.mean([-np.log(e[j] / e.sum()) for j in positives]))
    return np.array(losses, a.dtype).mean()


def torch_two_ways(t, a, b):
    """Without labels it is a cross-entropy whose classes are the samples."""
    unit = t.nn.functional.normalize
    logits, own = unit(a) @ unit(b).T / 0.1, t.arange(len(a))
    return (t.nn.functional.cross_entropy(logits, own) + t.nn.functional.cross_entropy(logits.T, own)) / 2


CONTRASTIVE = [
    Row(
        "contrastive_loss",
        lambda f, a, b: f.contrastive_loss(a, b),
        [((3, 2), (3, 2)), ((1, 4), (1, 4))],
        nonzero,
        formula=lambda a, b: pairs_apart(a, b, range(len(a))),
        torch=torch_two_ways,
    ),
    Row(
        "contrastive_loss",
        lambda f, a, b: f.contrastive_loss(a, b, ["x", "y", "x", "x"], temperature=0.5),
        [((4, 3), (4, 3))],
        nonzero,
        formula=lambda a, b: pairs_apart(a, b, "xyxx", 0.5),
        torch=False,
    ),
]
