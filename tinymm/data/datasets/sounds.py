"""Sound sets: the Free Spoken Digit Dataset, read straight out of its archive."""

import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinymm.data.datasets.dataset import Dataset, check_subset
from tinymm.data.download import RemoteFile, fetch_file

RECORDING = re.compile(r"recordings/((\d)_([a-z]+)_(\d+)\.wav)$")
MOST_RECORDING = 1 << 20  # bytes; the longest has 37 kB
MOST_UNPACKED = 1 << 26  # bytes; the archive unpacks to 21 MB

FSDD_ADDRESSES = ("https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags",)


def recordings_digest(path: Path) -> str:
    """One SHA-256 for all recordings in an archive, whatever their order and packing.

    That of the list "SHA-256, two spaces, file name, line feed" in the order of the names: in a shell, in the folder of
    the recordings, `LC_ALL=C; sha256sum *.wav | sha256sum`. ValueError: the archive is damaged.
    """
    rows = sorted((name, hashlib.sha256(content).hexdigest()) for name, content in _recordings(path))
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in rows).encode()).hexdigest()


FSDD_FILE = RemoteFile(  # the server packs the tagged state anew, so that not the archive is checked but what is in it
    "recordings.tar.gz",
    16_000_000,
    "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959",
    remote="v1.0.10.tar.gz",
    digest=recordings_digest,
)


def fetch_fsdd(subset: str = "train", data_home: str | os.PathLike | None = None) -> Dataset:
    """Return the Free Spoken Digit Dataset, downloaded on first use: 6 people say each digit 50 times, at 8 kHz.

    The official split: recordings 0 to 4 of each speaker and digit are the test set. Nothing is unpacked to disk.

    Args:
        subset: "train" (2,700 sounds), "test" (300) or "all" (3,000).
        data_home: the folder that keeps downloads, as for `fetch_mnist`; the subfolder is `fsdd`.

    Returns:
        Dataset ordered by digit, speaker and number: `x` (N,) sounds, each (samples,) float32 in [−1, 1); `y` the digit;
        `groups` the speaker's name, to leave whole speakers out; `index` the recording's number, 0 to 49; `rate` 8000.

    Raises:
        ValueError: an unknown subset, or an archive that does not hold exactly the official recordings.
        ConnectionError: no network; the message says where to put the file.

    Source: Jackson, Souza, Flaks, Pan, Nicolas and Thite (2018), Free Spoken Digit Dataset v1.0.10, CC BY-SA 4.0,
    https://github.com/Jakobovski/free-spoken-digit-dataset.
    """
    check_subset("fetch_fsdd", subset, ("train", "test", "all"))
    path = fetch_file(FSDD_FILE, "fsdd", FSDD_ADDRESSES, data_home)
    keep = {"train": range(5, 50), "test": range(5), "all": range(50)}[subset]
    rows = []
    for name, content in _recordings(path):
        digit, speaker, index = name.removesuffix(".wav").split("_")
        if int(index) in keep:
            rows.append((int(digit), speaker, int(index), name, content))
    rows.sort(key=lambda row: row[:3])
    digits, speakers, indices, names, contents = zip(*rows, strict=True)
    sounds = [_read_wav(content) for content in contents]
    return Dataset(
        x=sounds,  # type: ignore[arg-type]
        y=np.array(digits, np.int64),
        class_names=tuple("0123456789"),
        name="Free Spoken Digit Dataset" + (f" {subset}" if subset != "all" else ""),
        source="https://github.com/Jakobovski/free-spoken-digit-dataset",
        licence="CC BY-SA 4.0",
        files=names,
        groups=np.array(speakers),
        index=np.array(indices, np.int64),
        rate=8000,
    )


def _recordings(path: Path) -> Iterator[tuple[str, bytes]]:
    """The file name and content of each recording in the archive, in its order. ValueError: it is damaged or no such."""
    import gzip
    import tarfile

    seen = set()
    try:
        with (
            path.open("rb") as file,
            gzip.open(file) as unpacked,
            tarfile.open(fileobj=_Limited(unpacked), mode="r|") as archive,  # type: ignore[call-overload]
        ):
            for member in archive:
                match = RECORDING.search(member.name)
                if not match or not member.isfile():
                    continue
                if member.size > MOST_RECORDING or match[1] in seen:
                    raise ValueError(f"holds {match[1]} twice, or with {member.size:,} bytes")
                seen.add(match[1])
                yield match[1], archive.extractfile(member).read()  # type: ignore[union-attr]
            while unpacked.read(1 << 16):  # to the end, where the checksum of the archive stands
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the archive's
        raise ValueError(f"is damaged or incomplete ({error})") from error


class _Limited:
    """A stream that refuses to go on for ever, as an archive made to fill the memory does."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, MOST_UNPACKED

    def read(self, size: int) -> bytes:
        content = self.stream.read(min(size, self.left + 1))
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f"unpacks to more than {MOST_UNPACKED:,} bytes")
        return content


def _read_wav(content: bytes) -> np.ndarray:
    import wave

    with wave.open(io.BytesIO(content)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / np.float32(1 << 15)
