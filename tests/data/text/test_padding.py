from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.text.padding import batches_by_length, pad_sequences, padding_mask

lengths_of = st.lists(st.integers(0, 7), min_size=1, max_size=9)


@given(lengths_of, st.none() | st.integers(0, 9), st.sampled_from([(), (3,)]))
@settings(max_examples=60, deadline=None)
def test_every_sequence_stands_at_the_start_of_its_row(lengths, steps, tail):
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((n, *tail)).astype(np.float32) for n in lengths]
    batch, found = pad_sequences(sequences, steps, value=-1)
    width = max(lengths) if steps is None else steps
    assert batch.shape == (len(lengths), width, *tail) and batch.dtype == np.float32
    assert found.tolist() == [min(n, width) for n in lengths]
    mask = padding_mask(found, width)
    for row, sequence, n, inside in zip(batch, sequences, found, mask, strict=True):
        np.testing.assert_array_equal(row[:n], sequence[:n])
        assert (row[n:] == -1).all()
        assert inside.tolist() == [True] * n + [False] * (width - n)


def test_an_empty_list_among_numbers_does_not_change_their_type():
    batch, lengths = pad_sequences([[], [4, 5]])
    assert batch.dtype == np.int64 and batch.tolist() == [[0, 0], [4, 5]] and lengths.tolist() == [0, 2]
    batch, _ = pad_sequences([[], np.ones((2, 3))])
    assert batch.shape == (2, 2, 3)


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 7), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_sample_comes_once_among_its_likes(lengths, batch_size, seed):
    batches = batches_by_length(lengths, batch_size, np.random.default_rng(seed))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    ranges = sorted((min(lengths[i] for i in b), max(lengths[i] for i in b)) for b in batches)
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))  # no batch reaches into another
    ordered = [lengths[i] for batch in batches_by_length(lengths, batch_size) for i in batch]
    assert ordered == sorted(lengths)


def test_epochs_differ_and_can_be_repeated():
    lengths = np.arange(64) // 8
    first, again = (batches_by_length(lengths, 4, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, batches_by_length(lengths, 4, np.random.default_rng(2)))


def test_wrong_arguments_get_one_sentence():
    with pytest.raises(ValueError, match="pad_sequences: got no sequence"):
        pad_sequences([])
    with pytest.raises(ValueError, match=r"pad_sequences: sequence 1 is \(2, 4\)"):
        pad_sequences([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(ValueError, match=r"sequence 1 is \(\)"):
        pad_sequences([[1], 2])
    with pytest.raises(ValueError, match="length -1"):
        pad_sequences([[1]], length=-1)
    with pytest.raises(ValueError, match="a length is 3, but there are only 2 steps"):
        padding_mask([3, 1], 2)
    with pytest.raises(TypeError, match="padding_mask: lengths are float64"):
        padding_mask([1.5])
    with pytest.raises(ValueError, match="batches_by_length: batch_size 0"):
        batches_by_length([1], 0)
    with pytest.raises(ValueError, match="one number of at least 0"):
        batches_by_length([-1], 1)
