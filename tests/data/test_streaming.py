"""Shards and the loader that streams them: every sample once, in an order that a seed repeats, from any process."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.streaming import StreamingLoader, write_shards

N = 103


def parts(n=N, size=17):
    """x (n, 2, 3) that knows its number, and y, in parts of `size`."""
    x = np.arange(n * 6, dtype=np.float32).reshape(n, 2, 3)
    return [(x[i : i + size], np.arange(i, min(i + size, n))) for i in range(0, n, size)]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("data") / "shards", parts(), shard_size=20)


def epoch_of(loader):
    return [y.tolist() for _, y in loader]


def test_what_was_written_is_read_and_shards_are_plain_files(shards):
    loader = StreamingLoader(shards, batch_size=10, shuffle=False)
    x, y = (np.concatenate(arrays) for arrays in zip(*loader, strict=True))
    np.testing.assert_array_equal(y, np.arange(N))
    np.testing.assert_array_equal(x, np.concatenate([x for x, _ in parts()]))
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    assert sorted(path.name for path in shards.iterdir())[-2:] == ["y-00004.npy", "y-00005.npy"]
    assert np.load(shards / "x-00005.npy", allow_pickle=False).shape == (3, 2, 3)
    assert isinstance(loader.arrays[0]._shard(0), np.memmap)


@settings(deadline=None, max_examples=40)
@given(
    batch_size=st.integers(1, 40),
    buffer=st.integers(1, 130),
    block=st.integers(1, 130),
    seed=st.integers(0, 50),
    drop_last=st.booleans(),
)
def test_every_sample_once_an_epoch_in_an_order_of_its_own(shards, batch_size, buffer, block, seed, drop_last):
    options = {"batch_size": batch_size, "buffer": buffer, "block": block, "seed": seed, "prefetch": 0}
    loader = StreamingLoader(shards, drop_last=drop_last, **options)
    first, second = epoch_of(loader), epoch_of(loader)
    for epoch in (first, second):
        samples = [sample for batch in epoch for sample in batch]
        assert len(set(samples)) == len(samples) == (N // batch_size * batch_size if drop_last else N)
        assert {len(batch) for batch in epoch[:-1]} <= {batch_size}
    again = StreamingLoader(shards, **options)
    assert [again.at(1, batch)[1].tolist() for batch in reversed(range(len(second)))] == second[::-1]


def test_x_and_y_stay_together_and_the_mixture_reaches_far(shards):
    loader = StreamingLoader(shards, batch_size=10, buffer=40, block=4)
    for x, y in loader:
        np.testing.assert_array_equal(x[:, 0, 0], y * 6)
    firsts = [np.ptp(batch) for batch in epoch_of(loader)[:-1]]
    assert np.mean(firsts) > 40  # blocks from all over the data meet in a window


def test_it_is_resumed_in_the_middle_of_an_epoch_and_goes_to_other_processes(shards):
    loader = StreamingLoader(shards, batch_size=9, buffer=30, block=5, prefetch=3)
    whole = epoch_of(loader)
    begun = StreamingLoader(shards, batch_size=9, buffer=30, block=5, prefetch=3)
    seen = []
    for _, y in begun:
        seen.append(y.tolist())
        if len(seen) == 4:
            break
    other = pickle.loads(pickle.dumps(begun))
    rest = StreamingLoader(shards, batch_size=9, buffer=30, block=5)
    rest.load_state_dict(begun.state_dict())
    assert seen + epoch_of(rest) == whole
    assert other.at(0, 2)[1].tolist() == whole[2] and not other.arrays[0]._shards.keys() - {0, 1, 2, 3, 4, 5}
    with pytest.raises(ValueError, match="buffer 30"):
        StreamingLoader(shards, batch_size=9, buffer=31, block=5).load_state_dict(begun.state_dict())


def test_augmentation_as_in_any_loader(shards):
    loader = StreamingLoader(shards, batch_size=50, augment=lambda x, rng: x * 0 + rng.random(), buffer=200)
    assert [float(x[0, 0, 0]) for x, _ in loader] == [float(loader.at(0, b)[0][0, 0, 0]) for b in range(3)]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda folder: write_shards(folder, []), ValueError, "no samples"),
        (lambda folder: write_shards(folder, [(np.ones(2), np.ones(3))]), ValueError, "equally long"),
        (lambda folder: write_shards(folder, [(np.ones(2),)]), ValueError, "needs x, y"),
        (lambda folder: write_shards(folder, [(np.array(["a", 1], object), np.ones(2))]), ValueError, "numbers"),
        (lambda folder: write_shards(folder, [*parts(4), (np.ones((2, 5)), np.ones(2))]), ValueError, "must be alike"),
        (lambda folder: write_shards(folder, parts(), shard_size=0), ValueError, "shard_size is 0"),
        (lambda folder: StreamingLoader(folder), FileNotFoundError, "has no shards.json"),
    ],
)
def test_wrong_input_is_named(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        make(tmp_path / "new")


def test_damage_is_named(tmp_path):
    folder = write_shards(tmp_path / "shards", parts(30), shard_size=10)
    with pytest.raises(FileExistsError, match="choose another folder"):
        write_shards(folder, parts())
    with pytest.raises(ValueError, match="prefetch -1"):
        StreamingLoader(folder, prefetch=-1)
    (folder / "x-00001.npy").write_bytes(b"no array")
    for prefetch in (0, 2):
        with pytest.raises(ValueError, match=r"x-00001\.npy is damaged"):
            epoch_of(StreamingLoader(folder, prefetch=prefetch))
    np.save(folder / "x-00001.npy", np.zeros((3, 2, 3), np.float32))
    with pytest.raises(ValueError, match="has 3 samples, but the index says 10"):
        epoch_of(StreamingLoader(folder))
    for index in (
        "{",
        json.dumps({"format": 9, "fields": ["x"], "sizes": [1]}),
        json.dumps({"format": 1, "fields": ["../x"], "sizes": [1]}),
    ):
        (folder / "shards.json").write_text(index)
        with pytest.raises(ValueError, match="write the shards again"):
            StreamingLoader(folder)
