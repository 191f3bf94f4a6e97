"""The IDX format of the MNIST files: a magic number, the sizes, then the bytes.

All numbers are big-endian. The magic number is 0x00000800 + the number of axes, 08 standing for unsigned bytes;
one 32-bit size per axis follows.

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
"""

import gzip
import math
import os
import struct
import zlib

import numpy as np

UNSIGNED_BYTE = 0x08
LIMIT = 1 << 30  # bytes; MNIST's largest file has 47 million
CHUNK = 1 << 20


def read_idx(path: str | os.PathLike, axes: int) -> np.ndarray:
    """Read a gzip-compressed IDX file of unsigned bytes.

    Args:
        path: the `.gz` file.
        axes: the number of axes it must have: 1 for labels, 3 for images.

    Returns:
        uint8 array, its shape as the header says.

    Raises:
        ValueError: it is not gzip or not IDX, has another type or number of axes, is too short or too long.

    The sizes in the header are only a claim: memory grows with the bytes that are really there.
    """
    name = os.path.basename(path)
    try:
        with gzip.GzipFile(path, "rb") as stream:
            shape = _read_header(stream, name, axes)
            size = math.prod(shape)
            content = bytearray()
            while chunk := stream.read(min(CHUNK, size + 1 - len(content))):
                content += chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"read_idx: {name} is not a whole gzip file ({error}): download it again") from error
    if len(content) != size:
        found = f"only {len(content):,}" if len(content) < size else "more"
        raise ValueError(f"read_idx: {name} holds {found} bytes of data, but {shape} needs {size:,}: download it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read_header(stream: gzip.GzipFile, name: str, axes: int) -> tuple[int, ...]:
    header = stream.read(4 + 4 * axes)
    if len(header) < 4:
        raise ValueError(f"read_idx: {name} holds {len(header)} bytes, too few for an IDX header of {4 + 4 * axes}")
    magic, expected = struct.unpack(">I", header[:4])[0], UNSIGNED_BYTE << 8 | axes
    if magic != expected:
        raise ValueError(
            f"read_idx: {name} begins with 0x{magic:08x}, expected 0x{expected:08x} "
            f"(IDX, unsigned bytes, {axes} axes): is it the right file?"
        )
    if len(header) < 4 + 4 * axes:
        raise ValueError(f"read_idx: {name} ends inside its header of {4 + 4 * axes} bytes: download it again")
    shape = struct.unpack(f">{axes}I", header[4:])
    if math.prod(shape) > LIMIT:
        raise ValueError(f"read_idx: {name} claims the shape {shape}, more than the {LIMIT:,} bytes allowed")
    return shape
