"""The checks that operations share: what is refused, and whether the sentence names what came."""

import numpy as np
import pytest

from tinymm import tensor
from tinymm.functional.checks import checked_lengths, constant, operand, pair, same_dtype


def test_a_constant_that_wants_a_gradient_is_named():
    wanting = tensor([1.0], requires_grad=True)
    constant("loss", weight=None, other=wanting.detach(), third=np.ones(1))
    with pytest.raises(TypeError, match=r"^loss: has no derivative with respect to weight, .*\.detach\(\)"):
        constant("loss", first=np.ones(1), weight=wanting)


def test_a_pair_is_two_integers_of_at_least_the_least():
    assert pair("conv2d", "stride", 2, 1) == pair("conv2d", "stride", np.array([2, 2]), 1) == (2, 2)
    for value in (0, (1, 0), (1, 1, 1), 1.5, (1, 2.0)):
        with pytest.raises(ValueError, match=r"^conv2d: stride is .* integers of at least 1"):
            pair("conv2d", "stride", value, 1)


def test_one_precision():
    one, two = np.ones(1, np.float32), np.ones(1)
    same_dtype("rnn", x=one, h0=None)
    for arrays in ({"x": one, "weight": two}, {"x": np.ones(1, np.int64)}):
        with pytest.raises(TypeError, match=r"^rnn: x is (float32, weight is float64|int64): all must be"):
            same_dtype("rnn", **arrays)


def test_the_first_length_that_is_wrong_is_named():
    most = np.array([4, 4, 4])
    np.testing.assert_array_equal(checked_lengths("rnn", "lengths", [0, 2, 4], most), [0, 2, 4])
    assert checked_lengths("rnn", "lengths", None, most) is most
    with pytest.raises(ValueError, match=r"^rnn: lengths\[1\] is 5, but sample 1 has 0 to 4"):
        checked_lengths("rnn", "lengths", [4, 5, -1], most)
    with pytest.raises(ValueError, match=r"^rnn: lengths\[2\] is -1"):
        checked_lengths("rnn", "lengths", [4, 0, -1], most)
    for lengths in ([1, 2], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="one integer per sample"):
            checked_lengths("rnn", "lengths", lengths, most)


def test_what_is_no_array_becomes_one_of_single_precision():
    x = np.ones(2)
    assert operand(x) is x
    assert [operand(given).dtype for given in (1.5, [1.0, 2.0], [1, 2], [True])] == ["f4", "f4", "i8", "?"]
