"""A file is written whole or not at all."""

import pytest

from tinymm.files import write_atomically


def test_content_and_folders_are_written(tmp_path):
    path = write_atomically(tmp_path / "a" / "b" / "c.bin", b"content")
    assert path.read_bytes() == b"content"
    assert write_atomically(str(path), b"new").read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["c.bin"]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = write_atomically(tmp_path / "c.bin", b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["c.bin"]


def test_an_error_names_the_path(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file" / "c.bin", b"")
