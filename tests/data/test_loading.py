import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.loading import DataLoader
from tinymm.sparse import CSRMatrix

sizes = st.integers(1, 40)


def flat(batches):
    return [value for (batch,) in batches for value in batch.tolist()]


@settings(max_examples=40)
@given(sizes, sizes, st.booleans(), st.booleans(), st.integers(0, 2**40))
def test_every_sample_comes_once(n, batch_size, shuffle, drop_last, seed):
    if drop_last and n < batch_size:
        return
    options = {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last, "seed": seed}
    loader = DataLoader(np.arange(n), **options)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert all(len(batch) == batch_size for (batch,) in batches[:-1])
        seen = flat(batches)
        if drop_last:
            assert len(seen) == n // batch_size * batch_size and len(set(seen)) == len(seen)
        else:
            assert sorted(seen) == list(range(n))
        if not shuffle:
            assert seen == list(range(len(seen)))


def test_arrays_stay_aligned():
    x = np.arange(20)
    for a, b, c in DataLoader(x, x * 2, np.stack([x, -x], axis=1), batch_size=6):
        np.testing.assert_array_equal(b, a * 2)
        np.testing.assert_array_equal(c, np.stack([a, -a], axis=1))


def test_each_epoch_and_each_seed_has_its_own_order():
    loader = DataLoader(np.arange(50), seed=3)
    first, second = flat(loader), flat(loader)
    assert first != second
    again = DataLoader(np.arange(50), seed=3)
    assert [flat(again), flat(again)] == [first, second]
    assert flat(DataLoader(np.arange(50), seed=4)) != first


def test_a_loop_left_early_is_followed_by_a_whole_epoch():
    loader, straight = DataLoader(np.arange(20), batch_size=3), DataLoader(np.arange(20), batch_size=3)
    next(iter(loader))
    list(straight)
    assert flat(loader) == flat(straight)


def noisy(x, rng):
    return x + rng.random(len(x))


@settings(max_examples=30)
@given(sizes, st.integers(1, 7), st.integers(0, 200))
def test_resuming_gives_the_same_batches(n, batch_size, stop):
    options = {"batch_size": batch_size, "augment": noisy, "seed": 5}
    loader = DataLoader(np.arange(n), **options)
    stop %= 2 * len(loader)
    expected, state = [], None
    for _ in range(3):
        for batch in loader:
            expected.append(batch)
            if len(expected) == stop + 1:
                state = loader.state_dict()
    resumed = DataLoader(np.arange(n), **options)
    resumed.load_state_dict(state)
    rest = [batch for _ in range(3 - stop // len(loader)) for batch in resumed]
    assert len(rest) == len(expected) - stop - 1
    for ours, theirs in zip(rest, expected[stop + 1 :], strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_a_state_of_other_data_is_refused():
    state = DataLoader(np.arange(10), batch_size=2).state_dict()
    for loader, word in [
        (DataLoader(np.arange(11), batch_size=2), "n_samples 10"),
        (DataLoader(np.arange(10), batch_size=3), "batch_size 2"),
        (DataLoader(np.arange(10), batch_size=2, seed=1), "seed 0"),
    ]:
        with pytest.raises(ValueError, match=f"load_state_dict: the state has {word}"):
            loader.load_state_dict(state)
    loader = DataLoader(np.arange(10), batch_size=2)
    with pytest.raises(ValueError, match="seed missing"):
        loader.load_state_dict({key: value for key, value in state.items() if key != "seed"})
    with pytest.raises(ValueError, match="batch 6 of 5 does not exist"):
        loader.load_state_dict(state | {"batch": 6})


def test_augmentation_changes_the_first_array_only():
    x = np.zeros(10)
    batches = list(DataLoader(x, x, batch_size=4, augment=noisy))
    assert all((a > 0).all() and (b == 0).all() for a, b in batches)
    assert not x.any()
    # every batch has random numbers of its own
    assert len({float(value) for a, _ in batches for value in a}) == 10


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_copies(shuffle):
    x = np.zeros(10)
    for (batch,) in DataLoader(x, batch_size=4, shuffle=shuffle):
        batch += 1
    assert not x.any()


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ((), {}, "got nothing.*at least one sample"),
        ((np.zeros((0, 3)),), {}, r"got \(0, 3\)"),
        ((np.array(1.0),), {}, r"got \(\)"),
        ((np.zeros(3), np.zeros(4)), {}, "arrays have 3, 4 samples"),
        ((np.zeros(3),), {"batch_size": 0}, "batch_size 0 must be at least 1"),
        ((np.zeros(3),), {"seed": -1}, "seed -1 must be at least 0"),
        ((np.zeros(3),), {"batch_size": 4, "drop_last": True}, "drop_last leaves no batch.*smaller batch"),
    ],
)
def test_wrong_arguments(arrays, options, words):
    with pytest.raises(ValueError, match=words):
        DataLoader(*arrays, **options)


def test_batch_size_is_a_whole_number():
    with pytest.raises(TypeError, match=r"batch_size 2\.5 must be a whole number"):
        DataLoader(np.zeros(3), batch_size=2.5)


def test_repr_says_what_it_gives():
    assert "1,000 samples, 16 batches of 64" in repr(DataLoader(np.zeros(1000)))


def test_sparse_rows_come_in_batches_like_those_of_an_array():
    dense = np.random.default_rng(0).integers(0, 2, (7, 5)).astype(np.float32)
    options = {"batch_size": 3, "seed": 4}
    sparse_batches = DataLoader(CSRMatrix.from_dense(dense), np.arange(7), **options)
    for (x, i), (expected, j) in zip(sparse_batches, DataLoader(dense, np.arange(7), **options), strict=True):
        assert isinstance(x, CSRMatrix)
        np.testing.assert_array_equal(x.toarray(), expected)
        np.testing.assert_array_equal(i, j)


def test_texts_and_sounds_come_whole():
    sounds = np.empty(4, object)
    for i in range(4):
        sounds[i] = np.full(i % 2 + 3, i, np.float32)  # two lengths
    texts = np.array(["zero", "one", "退款", ""], object)
    for x, text, i in DataLoader(sounds, texts, np.arange(4), batch_size=2, seed=1):
        assert x.shape == text.shape == (2,)
        for sound, written, k in zip(x, text, i, strict=True):
            np.testing.assert_array_equal(sound, sounds[k])
            assert written == texts[k]
