"""Text files: bytes to text, files to lines."""

import os
import re
from pathlib import Path


def decode_text(raw: bytes, encoding: str = "utf-8", name: str = "the text") -> str:
    """Return the text that the bytes stand for; a byte order mark is left out.

    Raises:
        ValueError: the bytes are not of this encoding; the message says where. LookupError: unknown encoding.
        TypeError: no bytes.

    >>> decode_text(b"caf\\xe9", "latin-1")
    'café'
    """
    if not isinstance(raw, bytes | bytearray | memoryview):
        raise TypeError(f"decode_text: got {type(raw).__name__}, expected bytes: a str needs no decoding")
    try:
        return bytes(raw).decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = bytes(raw[: error.start]).count(b"\n") + 1
        other = "latin-1" if error.encoding.lower().replace("-", "") == "utf8" else "utf-8"
        if bytes(raw[:2]) in (b"\xff\xfe", b"\xfe\xff"):
            other = "utf-16"
        raise ValueError(
            f"decode_text: byte {raw[error.start]:#04x} in line {line} of {name} is not {encoding}: "
            f"was it written in another encoding, try encoding={other!r}"
        ) from None


def read_lines(path: str | os.PathLike, encoding: str = "utf-8") -> list[str]:
    """Return the lines of a text file, without their ends: LF, CRLF or CR.

    Other characters that Unicode counts as line ends, such as NEL (U+0085), stay inside their line: `str.splitlines`
    would cut there and shift every label after it.

    Raises:
        FileNotFoundError and the like: there is no file to read. ValueError: it is not of this encoding.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise type(error)(f"read_lines: cannot open {path} ({error.strerror}): is the path right?") from error
    lines = re.split("\r\n|\n|\r", decode_text(raw, encoding, str(path)))
    return lines if lines[-1] else lines[:-1]
