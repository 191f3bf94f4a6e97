"""Every framework computes what tinymm does, at small sizes: the rows at full size check it again in every run."""

import pytest

from benchmarks.alternation import disagreement
from benchmarks.peers import open_peer
from benchmarks.rows import (
    GATES,
    adam,
    classifier_step,
    convolution,
    matrix_product,
    max_pooling,
    recurrent,
    reference_prediction,
    reference_training,
    tape,
)

SMALL = [
    matrix_product(8),
    *convolution(2, 3, 7, 4, 3, padding=1),
    *convolution(2, 2, 7, 4, 3, stride=2),
    *convolution(2, 4, 6, 4, 3, padding=1, groups=4),
    *max_pooling(2, 3, 7),
    *(row for cell in GATES for row in recurrent(cell, 2, 5, 3, 4)),
    adam({"a": (3, 4), "b": (5,)}, "17"),
    classifier_step("MLP", (6, 5, 3), 4),
    tape(5),
    reference_training(2),
    reference_prediction(2),
]


@pytest.fixture(scope="module")
def expected():
    works, _ = open_peer("tinymm")
    return {row.name: works[row.work](row.arrays(), row.options).results() for row in SMALL}


@pytest.mark.parametrize("peer", ["torch", pytest.param("jax", marks=pytest.mark.slow), "mygrad", "autograd"])
def test_same_outputs_and_gradients(peer, expected, monkeypatch):
    pytest.importorskip(peer)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    works, version = open_peer(peer)
    assert version
    for row in SMALL:
        if row.work in works and not (peer == "mygrad" and row.options.get("groups", 1) > 1):
            results = works[row.work](row.arrays(), row.options).results()
            assert disagreement(results, expected[row.name]) == "", row.name
