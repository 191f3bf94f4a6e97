"""Archives of arrays that claim more than they hold, or unpack to more than fits."""

import tracemalloc
import zipfile

import numpy as np
import pytest

from tinymm import npz
from tinymm.npz import read_npz


def header(descr, shape, order="False"):
    text = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays_come_back(tmp_path, write):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3).T,
        "b": np.array("text"),
        "c": np.zeros((0, 2), ">i2"),
        "d": np.array([True]),
    }
    write(tmp_path / "a.npz", **arrays)
    back = read_npz(tmp_path / "a.npz")
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("descr", "shape"),
    [
        *(("<f4", "(1000000000,)"), ("<f8", "(4611686018427387904, 16)"), ("<f4", "(-1,)"), ("<f4", "(1.5,)")),
        *(("|O", "(1,)"), ("<U1000000000", "(1,)"), ("<f4", "(0, -9)"), ("<M8[s]", "(1,)")),
        ([("a", "<f4")], "(1,)"),
    ],
)
def test_a_header_that_claims_much_is_refused_before_memory_is_taken(tmp_path, descr, shape, compression):
    path = tmp_path / "claims.npz"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x.npy", header(descr, shape) + bytes(8))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_bombs_are_refused(tmp_path, monkeypatch):
    """Much in a small file, by compression or by members that share the same bytes."""
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros(10_000_000, np.uint8))
    assert read_npz(path)["x"].nbytes == 10_000_000
    with pytest.raises(ValueError, match=r"x\.npy is compressed"):
        read_npz(path, compressed=False)
    monkeypatch.setattr(npz, "MOST_UNPACKED", 1_000_000)
    with pytest.raises(ValueError, match="unpacks to more than 1,000,000 bytes"):
        read_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header("|u1", "(100000,)") + bytes(100_000))
        archive.filelist += [archive.filelist[0]] * 999
    assert path.stat().st_size < 200_000
    with pytest.raises(ValueError, match="claim more"):
        read_npz(path)


def test_python_objects_are_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="holds Python objects"):
        read_npz(tmp_path / "objects.npz")


def test_a_missing_file_is_no_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "none.npz")
