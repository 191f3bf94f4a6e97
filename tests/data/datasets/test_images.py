import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

from tinymm.data.datasets import fetch_fashion_mnist, fetch_mnist, images, load_digits
from tinymm.data.datasets.images import BUNDLED, FASHION_FILES, MNIST_FILES
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
    for path in (*BUNDLED.glob("*.npz"), *BUNDLED.glob("*.tsv")):
        text = path.with_suffix(".md").read_text(encoding="utf-8")
        assert "Licence" in text and "https://" in text


@pytest.mark.parametrize("fetch", [fetch_mnist, fetch_fashion_mnist])
def test_there_are_only_two_subsets(fetch):
    with pytest.raises(ValueError, match=rf"{fetch.__name__}.*'validation'.*'train' or 'test'"):
        fetch("validation")


@pytest.mark.parametrize("known", [MNIST_FILES, FASHION_FILES])
def test_files_are_named_as_the_authors_did(known):
    names = {file.name for files in known.values() for file in files}
    assert names == {f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")}
    for file in (file for files in known.values() for file in files):
        assert len(file.sha256) == 64 and int(file.sha256, 16)


@pytest.mark.parametrize(
    ("fetch", "files", "addresses", "folder"),
    [
        (fetch_mnist, "MNIST_FILES", "MNIST_ADDRESSES", "mnist"),
        (fetch_fashion_mnist, "FASHION_FILES", "FASHION_ADDRESSES", "fashion-mnist"),
    ],
)
def test_images_are_read_from_files_already_here(fetch, files, addresses, folder, tmp_path, monkeypatch):
    """Small files in the official format stand for the real ones."""
    pixels = np.arange(2 * 28 * 28, dtype=np.uint32).reshape(2, 28, 28).astype(np.uint8)
    contents = {
        "t10k-images-idx3-ubyte.gz": struct.pack(">4I", 0x803, 2, 28, 28) + pixels.tobytes(),
        "t10k-labels-idx1-ubyte.gz": struct.pack(">2I", 0x801, 2) + bytes([7, 2]),
    }
    (tmp_path / folder).mkdir()
    known = []
    for name, content in contents.items():
        packed = gzip.compress(content)
        (tmp_path / folder / name).write_bytes(packed)
        known.append(RemoteFile(name, len(packed), hashlib.sha256(packed).hexdigest()))
    monkeypatch.setitem(getattr(images, files), "test", tuple(known))
    monkeypatch.setattr(images, addresses, ())
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path))
    data = fetch("test")
    assert data.x.shape == (2, 1, 28, 28) and data.x.dtype == np.float32
    np.testing.assert_array_equal(data.x[:, 0], pixels / np.float32(255))
    assert data.y.tolist() == [7, 2] and data.y.dtype == np.int64 and len(data.class_names) == 10
    # the cache serves as well
    monkeypatch.delenv("TINYMM_DATA")
    np.testing.assert_array_equal(fetch("test", data_home=tmp_path).x, data.x)


def test_the_real_mnist_test_set():
    folder = os.environ.get("TINYMM_DATA", "")
    if not os.path.isfile(os.path.join(folder, "mnist", "t10k-images-idx3-ubyte.gz")):
        pytest.skip("TINYMM_DATA names no folder with the MNIST test files")
    mnist = fetch_mnist("test")
    assert mnist.x.shape == (10_000, 1, 28, 28)
    assert np.bincount(mnist.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.x.max() == 1 and mnist.y[:5].tolist() == [7, 2, 1, 0, 4]
