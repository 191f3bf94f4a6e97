import pytest

from tinymm.data.text import decode_text, read_lines


def test_bytes_of_another_encoding_are_named_with_their_line():
    with pytest.raises(ValueError, match=r"byte 0xe9 in line 2 .* is not utf-8.*'latin-1'"):
        decode_text(b"first\ncaf\xe9")
    with pytest.raises(ValueError, match=r"try encoding='utf-16'"):
        decode_text("text".encode("utf-16"))
    assert decode_text(b"caf\xe9", "latin-1") == "café" == decode_text(b"\xef\xbb\xbfcaf\xc3\xa9")


def test_lines_end_at_lf_crlf_and_cr_but_not_at_nel(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("one\x85still one\t1\r\ntwo\t0\n\nfour\rfive".encode())
    assert read_lines(path) == ["one\x85still one\t1", "two\t0", "", "four", "five"]
    path.write_bytes(b"")
    assert read_lines(path) == []
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(ValueError, match=r"line 1 of .*lines\.txt"):
        read_lines(path)
    assert read_lines(path, "latin-1") == ["café"]
    with pytest.raises(FileNotFoundError, match=r"read_lines: cannot open"):
        read_lines(tmp_path / "missing.txt")


def test_decoding_what_is_a_text_already_gets_one_sentence():
    with pytest.raises(TypeError, match=r"decode_text: got str"):
        decode_text("abc")
