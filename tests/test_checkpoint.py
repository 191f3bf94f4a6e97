"""Saving and loading: everything comes back, and nothing damaged is taken for good."""

import contextlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import checkpoint
from tinymm.checkpoint import CheckpointError

# Processes that the tests start import this very package.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(tm.__file__).parents[1])}

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    hnp.arrays(
        st.sampled_from(["f2", "f4", "f8", ">f4", ">i2", "i8", "u1", "?", "U3"]),
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
    for version, shown in (("1", "1"), ("99", "99"), ('"next"', "'next'"), ("null", "None")):
        text = np.frombuffer(b'{"format": %s, "content": null}' % version.encode(), np.uint8)
        np.savez(path, structure=text)
        with pytest.raises(CheckpointError, match=f"format {shown}, but .* reads format 2"):
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


def test_changed_structure_does_not_pass_the_digest(tmp_path):
    path = tmp_path / "value.npz"
    tm.save({"epoch": 3, "weight": np.ones(3)}, path)
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    members["structure"] = np.frombuffer(members["structure"].tobytes().replace(b'"epoch", 3', b'"epoch", 4'), np.uint8)
    np.savez(path, **members)
    with pytest.raises(CheckpointError, match="SHA-256"):
        tm.load(path)


# --- the one before it --------------------------------------------------------------------------------------


def test_the_previous_file_is_used_when_the_newest_is_damaged_or_gone(tmp_path):
    path = tmp_path / "run.npz"
    for epoch in (1, 2, 3):
        tm.save({"epoch": epoch}, path, keep_previous=True)
    assert tm.load(path, or_previous=True) == {"epoch": 3}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.npz", "run.previous.npz"]
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    with pytest.raises(CheckpointError, match="damaged"):
        tm.load(path)
    with pytest.warns(UserWarning, match=r"run\.npz is no tinymm checkpoint.*run\.previous\.npz.* is used instead"):
        assert tm.load(path, or_previous=True) == {"epoch": 2}
    path.unlink()
    with pytest.warns(UserWarning, match="there is no file"):
        assert tm.load(path, or_previous=True) == {"epoch": 2}
    (tmp_path / "run.previous.npz").write_bytes(content[:50])
    with pytest.raises(CheckpointError, match=r"run\.previous\.npz"):
        tm.load(path, or_previous=True)


# --- the disk -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limits for files")
@pytest.mark.parametrize("keep_previous", [False, True])
def test_a_full_disk_loses_nothing(tmp_path, keep_previous):
    """The system itself refuses to write on, at every stage of the file."""
    code = f"""
import resource, signal, numpy as np, tinymm as tm
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in (0, 100, 1000, 5000, 40_000, 40_300):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        tm.save({{"epoch": 2, "weight": np.ones(5000)}}, "run.npz", keep_previous={keep_previous})
        print(limit, "was enough")
    except OSError as error:
        print(error)
"""
    tm.save({"epoch": 0}, tmp_path / "run.npz")
    tm.save({"epoch": 1}, tmp_path / "run.npz", keep_previous=True)
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    lines = result.stdout.splitlines()
    assert len(lines) == 6 and all("run.npz cannot be written (" in line for line in lines), result
    assert tm.load(tmp_path / "run.npz") == {"epoch": 1} and tm.load(tmp_path / "run.previous.npz") == {"epoch": 0}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.npz", "run.previous.npz"]


# --- files that mean harm -----------------------------------------------------------------------------------


def test_compressed_members_are_refused(tmp_path):
    """Checkpoints are never written so, and little of a file can be very much of memory."""
    np.savez_compressed(tmp_path / "bomb.npz", array0=np.zeros(10_000_000, np.uint8))
    with pytest.raises(CheckpointError, match="compressed"):
        tm.load(tmp_path / "bomb.npz")


def test_what_is_nested_too_deeply_is_refused(tmp_path):
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        tm.save(deep, tmp_path / "deep.npz")
    assert list(tmp_path.iterdir()) == []
    for text in (b"[" * 100_000, b'{"format": 2, "sha256": 0, "content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        np.savez(tmp_path / "deep.npz", structure=np.frombuffer(text, np.uint8))
        with pytest.raises(CheckpointError, match="damaged"):
            tm.load(tmp_path / "deep.npz")


@settings(max_examples=60, deadline=None)
@given(
    content=st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=3), st.just({"array": "array0"})),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["array", "scalar", "list", "tuple", "dict", "tensor", "requires_grad", "x"]),
                inner,
                max_size=2,
            ),
        ),
        max_leaves=8,
    )
)
def test_any_structure_is_taken_or_refused(tmp_path_factory, content):
    """A file with a right SHA-256, but written by who knows whom."""
    path = tmp_path_factory.mktemp("any") / "any.npz"
    arrays = {"array0": np.ones(2, np.float32)}
    text = json.dumps({"format": checkpoint.FORMAT, "content": content, "sha256": checkpoint._digest(content, arrays)})
    np.savez(path, structure=np.frombuffer(text.encode(), np.uint8), **arrays)
    with contextlib.suppress(CheckpointError):
        tm.load(path)
