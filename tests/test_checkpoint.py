"""Saving and loading: everything comes back, and nothing damaged is taken for good."""

import contextlib
import os
import zipfile

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm.checkpoint import CheckpointError

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.bool_]),
        hnp.array_shapes(min_dims=0, min_side=0),
    ),
)
nests = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
    ),
    max_leaves=6,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@settings(max_examples=40, deadline=None)
@given(nests)
def test_everything_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("nest") / "value.npz"
    tm.save(value, path)
    assert same(tm.load(path), value)


def test_tensors_and_numpy_scalars_come_back(tmp_path):
    path = tmp_path / "value.npz"
    tm.save({"t": tm.tensor([1.0, 2.0], requires_grad=True), "s": np.float32(2.5)}, path)
    back = tm.load(path)
    assert back["t"].requires_grad and back["t"].tolist() == [1.0, 2.0]
    assert back["s"] == 2.5 and back["s"].dtype == np.float32


def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path):
    path = tmp_path / "value.npz"
    with pytest.raises(TypeError, match=r"obj\['model'\]\[1\] is a object.*state_dict"):
        tm.save({"model": [1, object()]}, path)
    with pytest.raises(TypeError, match="ndarray"):
        tm.save(np.array([object()]), path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "value.npz"
    tm.save({"epoch": 1}, path)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        tm.save({"epoch": 2}, path)
    assert tm.load(path) == {"epoch": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["value.npz"]


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        tm.load(tmp_path / "none.npz")
    text = tmp_path / "text.npz"
    text.write_text("not a checkpoint")
    with pytest.raises(CheckpointError, match="no tinymm checkpoint"):
        tm.load(text)
    other = tmp_path / "other.npz"
    np.savez(other, a=np.ones(3))
    with pytest.raises(CheckpointError, match="no tinymm checkpoint"):
        tm.load(other)
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, structure=np.array([{"format": 1}], dtype=object))
    with pytest.raises(CheckpointError, match="no tinymm checkpoint"):
        tm.load(pickled)


def test_every_flipped_or_missing_byte_is_noticed(tmp_path):
    path = tmp_path / "value.npz"
    original = {"weight": np.arange(50, dtype=np.float32), "epoch": 3}
    tm.save(original, path)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for position in random.integers(0, len(content), 150):
        damaged = bytearray(content)
        damaged[position] ^= 1 << random.integers(8)
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(CheckpointError):
            assert same(tm.load(path), original)  # some bytes of a zip archive, such as dates, carry no content
    for length in random.integers(0, len(content), 20):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            tm.load(path)


def test_another_format_version_is_refused(tmp_path):
    path = tmp_path / "value.npz"
    text = np.frombuffer(b'{"format": 99, "content": null}', np.uint8)
    np.savez(path, structure=text)
    with pytest.raises(CheckpointError, match="format 99"):
        tm.load(path)


def test_changed_arrays_do_not_pass_the_digest(tmp_path):
    path = tmp_path / "value.npz"
    tm.save({"weight": np.ones(3)}, path)
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    members["array0"] = members["array0"] + 1
    np.savez(path, **members)
    assert zipfile.is_zipfile(path)
    with pytest.raises(CheckpointError, match="SHA-256"):
        tm.load(path)
