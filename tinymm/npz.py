"""Reading `.npz` archives that may be damaged, or made to fill the memory.

What a header claims is compared with what is there before memory is taken: no array is larger than its member, and the
members that are stored as they are cannot be larger than the file. Nothing is ever unpickled.
"""

import zipfile
from pathlib import Path

import numpy as np

KINDS = "fiubU"  # of arrays: floats, integers, booleans, text
MOST_UNPACKED = 1 << 30  # bytes of all compressed members of a file


def read_npz(path: Path, compressed: bool = True) -> dict[str, np.ndarray]:
    """All arrays of the archive, by name.

    OSError if the file cannot be opened. ValueError: it is no whole archive, holds anything but floats, integers,
    booleans and text, claims more than is there, or is compressed where it must not be, or to more than a gibibyte.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_sizes(archive.infolist(), path.stat().st_size, compressed)
                return {m.filename.removesuffix(".npy"): _read_member(archive, m) for m in archive.infolist()}
        except Exception as error:  # the parsers of a damaged archive raise whatever they stumble over
            raise ValueError(str(error) or type(error).__name__) from error


def _check_sizes(members: list[zipfile.ZipInfo], size: int, compressed: bool) -> None:
    packed = [member for member in members if member.compress_type != zipfile.ZIP_STORED]
    if packed and not compressed:
        raise ValueError(f"{packed[0].filename} is compressed, but nothing should be")
    if sum(member.file_size for member in members if member not in packed) > size:
        raise ValueError(f"its members claim more than the {size:,} bytes of the file")
    if sum(member.file_size for member in packed) > MOST_UNPACKED:
        raise ValueError(f"it unpacks to more than {MOST_UNPACKED:,} bytes: write it with np.savez, not compressed")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
        claimed = dtype.itemsize
        for length in shape:  # Python's numbers do not overflow
            claimed *= length
        if dtype.kind == "O":
            raise ValueError(f"{member.filename} holds Python objects")
        if dtype.kind not in KINDS or min(shape, default=0) < 0 or claimed != member.file_size - stream.tell():
            raise ValueError(f"{member.filename} claims {dtype} {shape}, which is not what it holds")
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
