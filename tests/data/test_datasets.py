import gzip
import struct

import numpy as np
import pytest

from tinymm.data import datasets
from tinymm.data.datasets import BUNDLED, MNIST_FILES, Dataset, fetch_mnist, load_digits
from tinymm.data.download import RemoteFile


def test_digits_follow_the_convention_of_image_sets():
    digits = load_digits()
    assert digits.x.shape == (1797, 1, 8, 8) and digits.x.dtype == np.float32
    assert digits.x.min() == 0 and digits.x.max() == 1
    assert digits.y.shape == (1797,) and digits.y.dtype == np.int64
    assert set(digits.y) == set(range(10))
    assert digits.class_names == tuple("0123456789")
    assert len(digits) == 1797


def test_digits_equal_those_of_scikit_learn():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    digits = load_digits()
    np.testing.assert_array_equal(digits.x[:, 0] * 16, theirs.images)
    np.testing.assert_array_equal(digits.y, theirs.target)


def test_licence_and_origin_lie_beside_every_bundled_file():
    for path in BUNDLED.glob("*.npz"):
        text = path.with_suffix(".md").read_text(encoding="utf-8")
        assert "Licence" in text and "https://" in text


def test_a_dataset_describes_itself_in_one_line():
    text = repr(load_digits())
    assert "1,797 samples" in text and "1×8×8" in text and "CC BY 4.0" in text and "\n" not in text


def test_a_dataset_cannot_be_changed_by_assignment():
    with pytest.raises(AttributeError):
        load_digits().x = None


def test_a_dataset_needs_a_label_for_each_sample():
    with pytest.raises(ValueError, match="3 samples but 2 labels"):
        Dataset(np.zeros((3, 1)), np.zeros(2, int), ("a",), "name", "source", "licence")


def test_mnist_has_only_two_subsets():
    with pytest.raises(ValueError, match=r"fetch_mnist.*'validation'.*'train' or 'test'"):
        fetch_mnist("validation")


def test_mnist_files_are_named_as_the_authors_did():
    names = {file.name for files in MNIST_FILES.values() for file in files}
    assert names == {f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")}
    for file in (file for files in MNIST_FILES.values() for file in files):
        assert len(file.sha256) == 64 and int(file.sha256, 16)


def test_mnist_is_read_from_files_already_here(tmp_path, monkeypatch):
    """Small files in the official format stand for the real ones."""
    images = np.arange(2 * 28 * 28, dtype=np.uint32).reshape(2, 28, 28).astype(np.uint8)
    contents = {
        "t10k-images-idx3-ubyte.gz": struct.pack(">4I", 0x803, 2, 28, 28) + images.tobytes(),
        "t10k-labels-idx1-ubyte.gz": struct.pack(">2I", 0x801, 2) + bytes([7, 2]),
    }
    folder = tmp_path / "mnist"
    folder.mkdir()
    files = []
    for name, content in contents.items():
        (folder / name).write_bytes(gzip.compress(content))
        files.append(_remote(folder / name))
    monkeypatch.setitem(datasets.MNIST_FILES, "test", tuple(files))
    monkeypatch.setattr(datasets, "MNIST_ADDRESSES", ())
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path))
    mnist = fetch_mnist("test")
    assert mnist.x.shape == (2, 1, 28, 28) and mnist.x.dtype == np.float32
    np.testing.assert_array_equal(mnist.x[:, 0], images / np.float32(255))
    assert mnist.y.tolist() == [7, 2] and mnist.y.dtype == np.int64
    # the cache serves as well
    monkeypatch.delenv("TINYMM_DATA")
    np.testing.assert_array_equal(fetch_mnist("test", data_home=tmp_path).x, mnist.x)


def test_the_real_mnist_test_set():
    import os

    folder = os.environ.get("TINYMM_DATA", "")
    if not os.path.isfile(os.path.join(folder, "mnist", "t10k-images-idx3-ubyte.gz")):
        pytest.skip("TINYMM_DATA names no folder with the MNIST test files")
    mnist = fetch_mnist("test")
    assert mnist.x.shape == (10_000, 1, 28, 28)
    assert np.bincount(mnist.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.x.max() == 1 and mnist.y[:5].tolist() == [7, 2, 1, 0, 4]


def _remote(path):
    import hashlib

    content = path.read_bytes()
    return RemoteFile(path.name, len(content), hashlib.sha256(content).hexdigest())
