"""tinymm's own source of random numbers."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import nn, random


def test_equal_seeds_give_equal_numbers():
    def numbers(seed):
        tm.manual_seed(seed)
        return random.generator().random(5).tolist()

    assert numbers(1) == numbers(1) != numbers(2)
    assert numbers(3) == np.random.default_rng(3).random(5).tolist()


def test_numbers_go_on_from_call_to_call():
    tm.manual_seed(0)
    assert random.generator() is random.generator()
    assert random.generator().random() != random.generator().random()


def test_one_seed_repeats_a_whole_training_step():
    def step():
        tm.manual_seed(7)
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
        x = random.generator().normal(size=(5, 4)).astype(np.float32)
        loss = F.cross_entropy(model(x), [0, 1, 2, 0, 1])
        loss.backward()
        return [loss.data, *(p.grad.data for p in model.parameters())]

    for a, b in zip(step(), step(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_numpys_global_state_is_not_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    tm.manual_seed(1)
    nn.LSTM(2, 3)
    F.dropout(np.ones(10, np.float32))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_a_seed_must_be_one():
    with pytest.raises((TypeError, ValueError)):
        tm.manual_seed(-1)
    with pytest.raises(TypeError):
        tm.manual_seed("seven")
