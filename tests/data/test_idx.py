import gzip
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tinymm.data.idx import read_idx


def write(path, header, content=b""):
    path.write_bytes(gzip.compress(struct.pack(f">{len(header)}I", *header) + content))
    return path


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)))
def test_what_was_written_is_read(tmp_path, array):
    path = write(tmp_path / "a.gz", (0x800 | array.ndim, *array.shape), array.tobytes())
    read = read_idx(path, array.ndim)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("header", "content", "words"),
    [
        ((0x803, 2, 2, 2), b"1234567", "only 7 bytes of data.*needs 8"),
        ((0x803, 2, 2, 2), b"123456789", "more bytes of data.*needs 8"),
        ((0x801, 4), b"1234", "begins with 0x00000801, expected 0x00000803"),
        ((0xD03, 1, 1, 1), b"1234", "begins with 0x00000d03.*is it the right file"),
        ((0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1), b"", "claims the shape.*more than"),
        ((0x803, 2), b"", "ends inside its header"),
        ((), b"", "holds 0 bytes, too few"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, header, content, words):
    with pytest.raises(ValueError, match=words):
        read_idx(write(tmp_path / "a.gz", header, content), 3)


def test_a_large_claim_costs_no_memory(tmp_path):
    import tracemalloc

    path = write(tmp_path / "a.gz", (0x803, 1000, 1000, 1000), b"little")
    tracemalloc.start()
    with pytest.raises(ValueError, match="only 6 bytes"):
        read_idx(path, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_a_value_error_unless_its_content_is_whole(tmp_path, data):
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    whole = write(tmp_path / "a.gz", (0x803, 3, 4, 5), array.tobytes()).read_bytes()
    if data.draw(st.booleans()):
        broken = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:  # beyond the gzip header, where a name or a date may change without harm
        place = data.draw(st.integers(10, len(whole) - 1))
        broken = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    (tmp_path / "b.gz").write_bytes(broken)
    try:
        read = read_idx(tmp_path / "b.gz", 3)
    except ValueError as error:
        assert "read_idx" in str(error)
    else:  # the bits that pad the compressed stream to whole bytes carry no content
        np.testing.assert_array_equal(read, array)


def test_a_file_that_is_not_gzip(tmp_path):
    (tmp_path / "a.gz").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="not a whole gzip file"):
        read_idx(tmp_path / "a.gz", 3)
